"""The compliance rules before an order stands: the named hook of settings.PRE_TRADE_CHECKS."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec

from reference.prepared import fetch_prepared
from trades.core.order_checks import OrderSituation, Severity, Verdict
from trades.core.order_ticket import ResolvedTicket
from trades.services.compliance.measure import measure_sql
from trades.services.compliance.rules import ALERTS_SQL, judge_sql
from trades.services.compliance.subjects import TICKET_SUBJECTS_SQL, TICKETS_SQL

ALERT_SQL = ALERTS_SQL.format(
    trade="NULL::bigint", order="(SELECT t.public_id FROM ticket t WHERE t.place = b.place)", measured="measured"
)
# All that a broker is told: why a security is on the list is inside information, for the alert alone.
RESTRICTED = "This security may not be traded now"
MEASURED_SQL = f"""
    WITH {TICKETS_SQL}, subject AS MATERIALIZED ({TICKET_SUBJECTS_SQL}),
    measured AS MATERIALIZED ({measure_sql(subject="subject")})
"""
CHECK_SQL = f"""
    {MEASURED_SQL}, {judge_sql(measured="measured", orders=True)}, alerted AS ({ALERT_SQL})
    SELECT coalesce(jsonb_agg(jsonb_build_array(b.place, r.action, r.kind, r.name,
                                                CASE r.kind WHEN 'RESTRICTED_LIST' THEN '{RESTRICTED}' ELSE b.words END)
                              ORDER BY b.place, r.action, r.id), '[]')
    FROM broken b JOIN trades_compliancerule r ON r.id = b.rule_id
    WHERE r.action IN ('WARN', 'REJECT')
"""


@cache
def _ask_sql(*, kinds: frozenset[str]) -> str:
    """Return the statement that says whether any rule of these kinds is broken, and writes nothing."""
    return (
        f"{MEASURED_SQL}, {judge_sql(measured='measured', orders=True, kinds=kinds)} SELECT EXISTS (SELECT FROM broken)"
    )


def check_orders(*, tickets: Sequence[ResolvedTicket], situation: OrderSituation) -> list[Verdict]:
    """Hold tickets against the compliance rules, all in one statement, and write the alerts.

    One verdict for each rule broken that warns or rejects; a rule that passes leaves its alert alone. The alerts are
    of the caller's transaction, in which the orders are written under their public ids. One ticket, which hardly ever
    breaks a rule, is first asked about by a statement with no more in it than the rules that it could break.
    """
    if not tickets or not situation.rule_kinds:
        return []
    parameters = {
        "tickets": msgspec.json.encode([_row(ticket) for ticket in tickets]).decode(),
        "at": situation.at,
        "business_date": situation.business_date,
    }
    if len(tickets) == 1:
        asked = fetch_prepared(statement=_ask_sql(kinds=situation.rule_kinds), parameters=parameters)
        if asked == (False,):
            return []
    found = fetch_prepared(statement=CHECK_SQL, parameters=parameters)
    assert found is not None
    return [
        Verdict(place, Severity(action), f"compliance-{kind.lower().replace('_', '-')}", f"{name}: {words}.")
        for place, action, kind, name, words in msgspec.json.decode(found[0])
    ]


def _row(ticket: ResolvedTicket) -> dict[str, Any]:
    """Return a ticket as subjects.py reads it."""
    return {
        "place": ticket.place,
        "public_id": ticket.public_id,
        "security_id": ticket.security.id,
        "currency_id": ticket.security.currency_id,
        "side": ticket.side,
        "quantity_units": ticket.quantity_units,
        "limit_price": ticket.limit_price,
        "broker_id": ticket.client.broker_id,
        "client_id": ticket.client.id,
        "account_id": ticket.client.account_id,
    }
