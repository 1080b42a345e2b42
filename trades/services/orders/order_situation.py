"""What orders are resolved and checked against: read before and under the lock of their clients, in two statements."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.utils.module_loading import import_string

from reference.core.actor import Actor
from reference.core.calendar import BUSINESS_ZONE
from reference.core.directory import Directory, SecurityEntry
from reference.market_data import exchange_rates, latest_quote_sql
from reference.prepared import array_of, fetch_all_prepared, fetch_prepared
from reference.queries import directory
from trades.core.book.terms import OrderSide
from trades.core.order_checks import OrderSituation
from trades.core.order_lifecycle import OPEN_STATUSES
from trades.core.order_ticket import (
    LARGEST_PRICE,
    ClientTerms,
    OrderTicket,
    Quoted,
    TicketContext,
    TraderTerms,
    reckon_notional_minor,
)
from trades.core.report import PRICE_DIGITS
from trades.services.compliance.rule_kinds import RULE_KINDS_SQL

# Whoever shares an account is locked with it: units and cash of an account are promised once. In the order of the
# ids, before any other row is touched.
LOCK_SQL = """
    SELECT id, code, broker_id, settlement_account_id, default_currency_id, status, credit_limit_minor,
        daily_limit_minor, margin_percent, short_sale_allowed
    FROM trades_client
    WHERE settlement_account_id IN (SELECT settlement_account_id FROM trades_client WHERE code = ANY(%(codes)s::text[]))
    ORDER BY id FOR NO KEY UPDATE
"""
# A purchase counts as far as it has traded and not settled, a sale from the moment it is ordered.
OPEN_LIST = ", ".join(f"'{status}'" for status in sorted(OPEN_STATUSES))
TRADED_UNITS = """(
    SELECT coalesce(sum(f.quantity_units), 0) FROM trades_fill f JOIN trades_trade t ON t.id = f.trade_id
    WHERE f.order_id = o.id AND t.status NOT IN ('SETTLED', 'CANCELLED')
)"""
# Named parts of one statement: those that a set of tickets has no use for are left out, and not planned either.
SITUATION_PARTS = {
    "credit": """SELECT json_build_array(client_id, used_minor) FROM trades_credituse
        WHERE client_id = ANY(%(clients)s::bigint[])""",
    "daily": """SELECT json_build_array(client_id, ordered_minor + replaced_minor) FROM trades_dailyuse
        WHERE client_id = ANY(%(clients)s::bigint[]) AND business_date = %(business_date)s::date""",
    "standing": """SELECT json_build_array(w.place, o.public_id, encode(o.digest, 'hex'), o.status, o.refusal_code,
            o.refusal)
        FROM unnest(%(order_clients)s::bigint[], %(client_order_ids)s::text[]) WITH ORDINALITY
            AS w (client_id, client_order_id, place)
        JOIN trades_order o ON o.client_id = w.client_id AND o.client_order_id = w.client_order_id""",
    "ticks": """SELECT json_build_array(security_id, max(tick)::text) FROM trades_venuebook
        WHERE security_id = ANY(%(securities)s::bigint[]) GROUP BY security_id""",
    "quotes": f"""SELECT json_build_array(w.security_id, trim_scale(q.bid)::text, trim_scale(q.ask)::text)
        FROM {{securities}} AS w (security_id)
        JOIN {latest_quote_sql(security="w.security_id", at="'infinity'::timestamptz")} q
          ON q.at >= %(business_date)s::date::timestamp AT TIME ZONE '{BUSINESS_ZONE.key}'""",
    "kinds": RULE_KINDS_SQL,
    "free": f"""SELECT json_build_array(w.account_id, w.security_id,
            coalesce((SELECT balance FROM ledger_balance b
                      WHERE b.account_id = w.account_id AND b.asset_id = w.security_id), 0)
            + coalesce((
                SELECT sum(CASE o.side WHEN 'BUY' THEN 1 ELSE -1 END * {TRADED_UNITS}
                           - CASE WHEN o.side = 'SELL' AND o.status IN ({OPEN_LIST}, 'RECEIVED')
                                  THEN o.quantity_units - o.filled_units ELSE 0 END)
                FROM trades_order o
                WHERE o.account_id = w.account_id AND o.security_id = w.security_id
                  AND NOT o.status IN ('SETTLED', 'REJECTED', 'CANCELLED', 'EXPIRED')), 0))
        FROM {{sold}} AS w (account_id, security_id)""",
    "cash": """SELECT json_build_array(c.id, coalesce(b.balance, 0) - (
            SELECT coalesce(sum(ceil(u.used_minor * other.margin_percent / 100)), 0)
            FROM trades_client other JOIN trades_credituse u ON u.client_id = other.id
            WHERE other.settlement_account_id = c.settlement_account_id
              AND other.default_currency_id = c.default_currency_id))
        FROM trades_client c JOIN ledger_account a ON a.id = c.settlement_account_id
        LEFT JOIN ledger_balance b ON b.account_id = a.linked_cash_id AND b.asset_id = c.default_currency_id
        WHERE c.id = ANY(%(margined)s::bigint[])""",
    "named": """SELECT json_build_array(id, code, broker_id, active, '') FROM trades_trader
        WHERE code = ANY(%(traders)s::text[])""",
    "own": """SELECT json_build_array(t.id, t.code, t.broker_id, t.active, u.username)
        FROM auth_user u JOIN trades_trader t ON t.user_id = u.id WHERE u.username = %(actor)s::text""",
}


# For one order the planner has to know that it is one: it keeps no plan for arrays, of which it expects ten elements.
ONE = {
    "securities": "(VALUES ((%(securities)s::bigint[])[1]))",
    "sold": "(VALUES ((%(accounts)s::bigint[])[1], (%(sold)s::bigint[])[1]))",
}
MANY = {
    "securities": "unnest(%(securities)s::bigint[])",
    "sold": "unnest(%(accounts)s::bigint[], %(sold)s::bigint[])",
}


@cache
def _situation_sql(*, without: frozenset[str], one: bool) -> str:
    """Return the statement that reads the parts, for one order or many; a part left out is an empty list.

    Last come those that settings.PRE_TRADE_READS names, of floors above this one.
    """
    parts = [
        f"ARRAY({sql.format(**ONE if one else MANY)})" if name not in without else "'{}'::json[]"
        for name, sql in SITUATION_PARTS.items()
    ]
    parts += [f"ARRAY({import_string(path)})" for path in settings.PRE_TRADE_READS.values()]
    return f"SELECT json_build_array({', '.join(parts)})::text"


@dataclass(frozen=True, slots=True)
class Standing:
    """An order that stands already under a ticket's client_order_id."""

    public_id: UUID
    digest: bytes
    status: str
    refusal_code: str = ""
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class PlacingContext:
    """All that a set of tickets meets. standing: by the ticket's place."""

    tickets: TicketContext
    situation: OrderSituation
    standing: Mapping[int, Standing]


@dataclass(frozen=True, eq=False)
class _Lookups:
    """The directory's entries in the shape orders want, made once for each version of it."""

    source: Directory
    securities: dict[str, SecurityEntry]
    inactive: frozenset[int] = field(default_factory=frozenset)


_lookups: list[_Lookups] = []


def _read_lookups() -> _Lookups:
    """Return the directory's securities under ISIN and symbol, and who is not active."""
    source = directory()
    if not _lookups or _lookups[0].source is not source:
        securities = {**source.securities_by_isin, **source.securities_by_symbol}
        inactive = frozenset(entry.id for entry in source.participants.values() if not entry.active)
        _lookups[:] = [_Lookups(source, securities, inactive)]
    return _lookups[0]


def lock_clients(*, codes: Collection[str], actor: Actor) -> dict[str, ClientTerms]:
    """Lock clients, with all who share their accounts; return by code those that the actor speaks for."""
    currencies = _read_lookups().source.currencies
    return {
        row[1]: ClientTerms(row[0], row[1], row[2], row[3], currencies[row[4]], *row[5:])
        for row in fetch_all_prepared(statement=LOCK_SQL, parameters={"codes": sorted(set(codes))})
        if actor.sees_all or row[2] == actor.participant_id
    }


def read_context(
    *,
    tickets: Sequence[OrderTicket],
    clients: Mapping[str, ClientTerms],
    actor: Actor,
    at: datetime,
    business_date: date,
) -> PlacingContext:
    """Read what the tickets are resolved and checked against. The clients are locked."""
    lookups = _read_lookups()
    placed = [
        (ticket, clients[ticket.client], lookups.securities.get(ticket.security))
        for ticket in tickets
        if ticket.client in clients
    ]
    parameters = _situation_parameters(tickets=tickets, clients=clients, placed=placed)
    optional = {"free": "accounts", "cash": "margined", "named": "traders"}
    without = frozenset(name for name, needed in optional.items() if parameters[needed] in ([], "{}"))
    found = fetch_prepared(
        statement=_situation_sql(without=without, one=len(tickets) == 1),
        parameters={**parameters, "at": at, "business_date": business_date, "actor": actor.name},
    )
    assert found is not None
    credit, daily, standing, ticks, quotes, kinds, free, cash, named, own, *read = msgspec.json.decode(found[0])
    foreign = any(s is not None and s.currency_id != client.currency.id for _, client, s in placed)
    return PlacingContext(
        tickets=TicketContext(
            clients=clients,
            traders={row[1]: TraderTerms(*row) for row in named},
            default_trader=TraderTerms(*own[0]) if own else None,
            securities=lookups.securities,
            quotes={security: Quoted(Decimal(bid), Decimal(ask)) for security, bid, ask in quotes},
            rates=exchange_rates(on=business_date) if foreign else {},
            business_date=business_date,
        ),
        situation=OrderSituation(
            actor=actor,
            at=at,
            business_date=business_date,
            credit_used_minor=dict(credit),
            ordered_minor=dict(daily),
            free_cash_minor=dict(cash),
            free_units={(account, security): units for account, security, units in free},
            ticks={security: Decimal(tick) for security, tick in ticks},
            inactive=lookups.inactive,
            rule_kinds=frozenset(kinds),
            read=dict(zip(settings.PRE_TRADE_READS, read, strict=True)),
        ),
        standing={
            place - 1: Standing(UUID(key), bytes.fromhex(digest), *rest) for place, key, digest, *rest in standing
        },
    )


def _situation_parameters(
    *,
    tickets: Sequence[OrderTicket],
    clients: Mapping[str, ClientTerms],
    placed: Sequence[tuple[OrderTicket, ClientTerms, SecurityEntry | None]],
) -> dict[str, Any]:
    """Return the parameters of SITUATION_PARTS but for the actor and the business date. placed: those with a client."""
    # Only who may not sell short, or holds margin, is asked what it has.
    sold = sorted(
        {
            (client.account_id, security.id)
            for ticket, client, security in placed
            if security is not None
            and ticket.side == OrderSide.SELL
            and (client.margin_percent or not client.short_sale_allowed)
        }
    )
    return {
        "clients": array_of(sorted({client.id for _, client, _ in placed})),
        "order_clients": array_of([clients[t.client].id if t.client in clients else 0 for t in tickets]),
        "client_order_ids": [ticket.client_order_id for ticket in tickets],
        "securities": array_of(sorted({security.id for _, _, security in placed if security is not None})),
        "clearing_members": array_of(_clearing_members(clients=[client for _, client, _ in placed])),
        "sides": sorted({str(ticket.side) for ticket in tickets}),
        **_bounds(placed[0] if len(tickets) == 1 and placed else None),
        "accounts": array_of([account for account, _ in sold]),
        "sold": array_of([security for _, security in sold]),
        "margined": array_of(sorted({client.id for _, client, _ in placed if client.margin_percent})),
        "traders": sorted({ticket.trader for ticket in tickets if ticket.trader is not None}),
    }


def _clearing_members(*, clients: Collection[ClientTerms]) -> list[int]:
    """Return who clears for the clients' brokers."""
    participants = directory().participants
    members = {participants[client.broker_id].clearing_member_id for client in clients}
    return sorted(member for member in members if member is not None)


def _bounds(placed: tuple[OrderTicket, ClientTerms, SecurityEntry | None] | None) -> dict[str, Decimal | None]:
    """Return what one limit order is worth in its own currency, rounded up, its units and its limit.

    None of what is no such order, or one whose price nothing has looked at yet and that cannot be.
    """
    unknown = dict.fromkeys(("worth_minor", "units", "limit"))
    if placed is None:
        return unknown
    ticket, _, security = placed
    price = ticket.limit_price
    if security is None or price is None or not price.is_finite() or not 0 < price <= LARGEST_PRICE:
        return unknown
    limit = round(price, PRICE_DIGITS)
    if limit != price:
        return unknown
    worth_minor = reckon_notional_minor(security=security, quantity_units=ticket.quantity, price=price)
    return {"worth_minor": Decimal(worth_minor), "units": Decimal(ticket.quantity), "limit": limit}
