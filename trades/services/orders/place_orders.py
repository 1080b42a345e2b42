"""Take orders in: resolve, check, reserve, and tell what became of each. One order is a set of one."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from events.services.audit import ACTION_PART, action_parameters, record_action
from events.services.outbox import FACT_PART, fact_parameters
from events.services.shares import share_out
from reference.core.actor import Actor
from reference.prepared import fetch_prepared
from reference.public_ids import new_public_ids
from trades.contracts import OrdersPlaced
from trades.core.order_checks import OrderSituation, Severity, Verdict
from trades.core.order_lifecycle import OrderStatus
from trades.core.order_ticket import OrderTicket, ResolvedTicket, digest_ticket, resolve_ticket
from trades.core.report import Problem
from trades.services.orders.order_situation import PlacingContext, Standing, lock_clients, read_context

STAGED_COLUMNS = """
    place bigint, public_id uuid, client_order_id text, client_id bigint, broker_id bigint, trader_id bigint,
    account_id bigint, security_id bigint, currency_id bigint, side text, order_type text, time_in_force text,
    quantity_units bigint, limit_price numeric, protection_price numeric, expires_on date, reserved_minor bigint,
    ordered_minor bigint, credit_rate numeric, arrival_mid numeric, status text, refusal_code text, refusal text,
    digest text, note text
"""
# The limits move with the rows (trades/models/limit_use.py): where they do not suffice, nothing is written.
INSERT_SQL = """
    WITH staged AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS s({columns})
    ), inserted AS (
        INSERT INTO trades_order (
            public_id, client_order_id, client_id, broker_id, trader_id, account_id, security_id, currency_id, side,
            order_type, time_in_force, quantity_units, limit_price, protection_price, expires_on, routed_units,
            filled_units, filled_minor, fees_minor, reserved_minor, ordered_minor, credit_rate, arrival_mid, status,
            refusal_code, refusal, digest, received_at, business_date, entered_by)
        SELECT s.public_id, s.client_order_id, s.client_id, s.broker_id, s.trader_id, s.account_id, s.security_id,
            s.currency_id, s.side, s.order_type, s.time_in_force, s.quantity_units, s.limit_price, s.protection_price,
            s.expires_on, 0, 0, 0, 0, s.reserved_minor, s.ordered_minor, s.credit_rate, s.arrival_mid, s.status,
            s.refusal_code, s.refusal, decode(s.digest, 'hex'), %(at)s::timestamptz, %(business_date)s::date,
            %(actor)s::text
        FROM staged s ORDER BY s.place
        RETURNING id, public_id, status
    ), stepped AS (
        INSERT INTO trades_orderstep (order_id, status, at, note, actor)
        SELECT i.id, step.status, %(at)s::timestamptz, step.note, step.actor
        FROM inserted i JOIN staged s ON s.public_id = i.public_id CROSS JOIN LATERAL (
            VALUES (1, 'RECEIVED', '', %(actor)s::text), (2, i.status, s.note, '')
        ) AS step (place, status, note, actor)
        ORDER BY i.id, step.place
    ), woken AS (
        SELECT FROM inserted WHERE status = 'VALIDATED' LIMIT 1
    ), told AS ({fact}){also}
    SELECT count(*) FROM inserted
"""
PARTS = {"columns": STAGED_COLUMNS, "fact": FACT_PART.format(made="woken")}
ONE_SQL = INSERT_SQL.format(**PARTS, also=f", audited AS ({ACTION_PART.format(made='inserted')})")
MANY_SQL = INSERT_SQL.format(**PARTS, also="")


class OrderOutcome(NamedTuple):
    """What became of one ticket.

    outcome: ACCEPTED, REPEATED (it stood already), REJECTED (it stands as that; the problem says why) or REFUSED
    (malformed, or its client_order_id is another order's; nothing was written). public_id: of the order that stands.
    """

    outcome: str
    public_id: UUID | None = None
    status: OrderStatus | None = None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()


def place_orders(
    *, tickets: Sequence[OrderTicket], actor: Actor, at: datetime, business_date: date
) -> list[OrderOutcome]:
    """Take a set of orders in; return what became of each, in order.

    A malformed ticket leaves nothing; one that a pre-trade check rejects stands as REJECTED with the check's code.
    A participant sends orders of its own clients, an operator of any. Limits hold whatever runs beside it: the
    clients are locked, in the order of their ids, until the orders are written.
    """
    if not tickets:
        return []
    with transaction.atomic():
        clients = lock_clients(codes=[ticket.client for ticket in tickets], actor=actor)
        context = read_context(tickets=tickets, clients=clients, actor=actor, at=at, business_date=business_date)
        outcomes, resolved = _resolve(tickets=tickets, context=context)
        verdicts = run_checks(tickets=resolved, situation=context.situation)
        for ticket in resolved:
            outcomes[ticket.place] = _outcome_of(ticket=ticket, verdicts=verdicts.get(ticket.place, ()))
        if resolved:
            _write(tickets=resolved, verdicts=verdicts, actor=actor, at=at, business_date=business_date)
    return [_settle_repeat(outcome=outcomes[place], outcomes=outcomes) for place in range(len(tickets))]


def run_checks(*, tickets: Sequence[ResolvedTicket], situation: OrderSituation) -> Mapping[int, tuple[Verdict, ...]]:
    """Call the checks that settings.PRE_TRADE_CHECKS names, each with what still stands; return verdicts by place."""
    verdicts: dict[int, tuple[Verdict, ...]] = {}
    standing = list(tickets)
    for path in settings.PRE_TRADE_CHECKS:
        if not standing:
            break
        for verdict in import_string(path)(tickets=standing, situation=situation):
            verdicts[verdict.place] = (*verdicts.get(verdict.place, ()), verdict)
        standing = [ticket for ticket in standing if find_rejection(verdicts=verdicts.get(ticket.place, ())) is None]
    return verdicts


def find_rejection(*, verdicts: Sequence[Verdict]) -> Verdict | None:
    """Return the verdict that rejects, None where none does."""
    return next((verdict for verdict in verdicts if verdict.severity == Severity.REJECT), None)


def _resolve(
    *, tickets: Sequence[OrderTicket], context: PlacingContext
) -> tuple[dict[int, OrderOutcome], list[ResolvedTicket]]:
    """Resolve the tickets; return what became of those that go no further, and the others."""
    outcomes: dict[int, OrderOutcome] = {}
    resolved: list[ResolvedTicket] = []
    seen: dict[tuple[str, str], ResolvedTicket] = {}
    public_ids = new_public_ids(count=len(tickets))
    for place, ticket in enumerate(tickets):
        before = context.standing.get(place)
        if before is not None:
            outcomes[place] = _repeat(ticket=ticket, standing=before, context=context)
            continue
        twin = seen.get((ticket.client, ticket.client_order_id))
        if twin is not None:
            standing = Standing(twin.public_id, twin.digest, OrderStatus.RECEIVED)
            outcomes[place] = _repeat(ticket=ticket, standing=standing, context=context)
            continue
        row = resolve_ticket(ticket=ticket, place=place, public_id=public_ids[place], context=context.tickets)
        if isinstance(row, list):
            outcomes[place] = OrderOutcome("REFUSED", problems=tuple(row))
        else:
            seen[ticket.client, ticket.client_order_id] = row
            resolved.append(row)
    return outcomes, resolved


def _repeat(*, ticket: OrderTicket, standing: Standing, context: PlacingContext) -> OrderOutcome:
    """Answer for a ticket whose client_order_id stands already."""
    security = context.tickets.securities.get(ticket.security)
    same = security is not None and digest_ticket(ticket=ticket, isin=security.isin) == standing.digest
    if same:
        why = (Problem(standing.refusal_code, "", standing.refusal),) if standing.refusal_code else ()
        return OrderOutcome("REPEATED", standing.public_id, OrderStatus(standing.status), why)
    message = "The client has another order under this client_order_id."
    problem = Problem("client-order-id-reused", "/client_order_id", message)
    return OrderOutcome("REFUSED", standing.public_id, problems=(problem,))


def _settle_repeat(*, outcome: OrderOutcome, outcomes: Mapping[int, OrderOutcome]) -> OrderOutcome:
    """Give a ticket that repeats another of its set the status the other has come to."""
    if outcome.outcome != "REPEATED" or outcome.status != OrderStatus.RECEIVED:
        return outcome
    placed = (each for each in outcomes.values() if each.outcome in ("ACCEPTED", "REJECTED"))
    first = next(each for each in placed if each.public_id == outcome.public_id)
    return outcome._replace(status=first.status, problems=first.problems)


def _outcome_of(*, ticket: ResolvedTicket, verdicts: Sequence[Verdict]) -> OrderOutcome:
    """Say what the checks made of an order."""
    rejection = find_rejection(verdicts=verdicts)
    warnings = tuple(verdict.message for verdict in verdicts if verdict.severity == Severity.WARN)
    if rejection is None:
        return OrderOutcome("ACCEPTED", ticket.public_id, OrderStatus.VALIDATED, warnings=warnings)
    problem = Problem(rejection.code, "", rejection.message)
    return OrderOutcome("REJECTED", ticket.public_id, OrderStatus.REJECTED, (problem,), warnings)


def _write(
    *,
    tickets: Sequence[ResolvedTicket],
    verdicts: Mapping[int, tuple[Verdict, ...]],
    actor: Actor,
    at: datetime,
    business_date: date,
) -> None:
    """Write the orders, their steps, the fact and the audit record: one statement for one order."""
    rows = [_row_of(ticket=ticket, verdicts=verdicts.get(ticket.place, ())) for ticket in tickets]
    accepted = sum(row["status"] == OrderStatus.VALIDATED for row in rows)
    placed = (ticket for ticket, row in zip(tickets, rows, strict=True) if row["status"] == OrderStatus.VALIDATED)
    shares = share_out(things=((ticket.client.broker_id, ticket.public_id) for ticket in placed))
    parameters: dict[str, Any] = {
        "rows": msgspec.json.encode(rows).decode(),
        "at": at,
        "business_date": business_date,
        **fact_parameters(fact=OrdersPlaced(count=accepted), shares=shares),
    }
    told: dict[str, Any] = {"actor": actor, "at": at, "business_date": business_date, "object_type": "order"}
    first = tickets[0]
    if len(tickets) == 1:
        summary = (
            f"{first.client.code} {first.client_order_id}: {first.side} {first.quantity_units} {first.security.symbol}"
            f" {first.order_type} {first.limit_price or ''}".rstrip()
        )
        detail = {"public_id": str(first.public_id), "status": rows[0]["status"]}
        parameters |= action_parameters(action="order.placed", summary=summary, detail=detail, **told)
        fetch_prepared(statement=ONE_SQL, parameters=parameters)
        return
    fetch_prepared(statement=MANY_SQL, parameters={**parameters, "actor": actor.name})
    summary = f"{len(tickets)} orders, {accepted} passed their checks"
    detail = {"first": str(first.public_id), "last": str(tickets[-1].public_id)}
    record_action(action="orders.placed", summary=summary, detail=detail, **told)


def _row_of(*, ticket: ResolvedTicket, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Return an order as it is staged; a rejected one takes nothing of any limit."""
    rejection = find_rejection(verdicts=verdicts)
    warnings = [f"Warning ({each.code}): {each.message}" for each in verdicts if each.severity == Severity.WARN]
    mid = None if ticket.quote is None else ticket.quote.mid
    return {
        "place": ticket.place,
        "public_id": ticket.public_id,
        "client_order_id": ticket.client_order_id,
        "client_id": ticket.client.id,
        "broker_id": ticket.client.broker_id,
        "trader_id": None if ticket.trader is None else ticket.trader.id,
        "account_id": ticket.client.account_id,
        "security_id": ticket.security.id,
        "currency_id": ticket.security.currency_id,
        "side": ticket.side,
        "order_type": ticket.order_type,
        "time_in_force": ticket.time_in_force,
        "quantity_units": ticket.quantity_units,
        "limit_price": ticket.limit_price,
        "protection_price": ticket.price if ticket.limit_price is None else None,
        "expires_on": ticket.expires_on,
        "reserved_minor": 0 if rejection else ticket.reserve_minor,
        "ordered_minor": 0 if rejection else ticket.ordered_minor,
        "credit_rate": 1 if ticket.credit_rate is None else ticket.credit_rate,
        "arrival_mid": mid,
        "status": OrderStatus.REJECTED if rejection else OrderStatus.VALIDATED,
        "refusal_code": rejection.code if rejection else "",
        "refusal": rejection.message if rejection else "",
        "digest": ticket.digest.hex(),
        "note": " ".join([*warnings, *([rejection.message] if rejection else [])]),
    }
