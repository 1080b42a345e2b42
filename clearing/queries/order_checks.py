"""What the CCP says to an order before it is sent: the hook of settings.PRE_TRADE_CHECKS on this floor."""

from collections.abc import Sequence

from reference.queries import directory
from trades.core.order_checks import OrderSituation, Severity, Verdict
from trades.core.order_ticket import ResolvedTicket

# Read with the orders' situation, by settings.PRE_TRADE_READS. Few calls are ever open; the partial index on them
# carries the second part.
BARRED_SQL = """
    SELECT json_build_array(member_id, 'clearing-member-not-active', 'is ' || lower(status))
    FROM clearing_membership WHERE member_id = ANY(%(clearing_members)s::bigint[]) AND status <> 'ACTIVE'
    UNION ALL
    SELECT json_build_array(member_id, 'margin-call-overdue', 'has a margin call that is overdue')
    FROM clearing_margincall WHERE status IN ('ISSUED', 'OVERDUE') AND status = 'OVERDUE'
        AND member_id = ANY(%(clearing_members)s::bigint[])
"""


def check_clearing_members(*, tickets: Sequence[ResolvedTicket], situation: OrderSituation) -> list[Verdict]:
    """Reject orders that nobody would clear: the broker's clearing member is suspended, in default or owes margin.

    What it trades would be novated to the CCP against a member that cannot carry it (Regulation (EU) No 648/2012,
    Articles 37 and 48). A member without a membership is not judged.
    """
    participants = directory().participants
    members = {ticket.place: participants[ticket.client.broker_id].clearing_member_id for ticket in tickets}
    barred: dict[int, tuple[str, str]] = {}
    for member, code, words in situation.read["barred_members"]:
        barred.setdefault(member, (code, words))
    verdicts = []
    for place, member in members.items():
        if member in barred:
            code, words = barred[member]
            verdicts.append(
                Verdict(place, Severity.REJECT, code, f"The clearing member {participants[member].code} {words}.")
            )
    return verdicts
