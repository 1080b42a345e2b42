"""The demo's credit lines: the central bank lends intraday to the banks and clearing members, against securities."""

from ledger.models import Balance
from reference.queries import directory
from settlement.services.credit_lines import open_credit_line
from settlement.services.load_haircuts import load_haircuts

LENDS_TO = ("CLEARING_MEMBER", "BANK")
# A bank that can borrow intraday holds less cash, and its line makes up for what it does not hold.
CASH_SHARE = 0.2
LINE_PER_CASH = (1 - CASH_SHARE) / CASH_SHARE
WHOLE_MINOR = 10_000_000


def open_credit_lines() -> int:
    """Open a line for each bank and clearing member and currency, by its opening cash; return how many."""
    load_haircuts()
    source = directory()
    banks = [entry.id for entry in source.participants.values() if entry.role in LENDS_TO and entry.active]
    cash = Balance.objects.filter(
        account__participant_id__in=banks, account__name="HOUSE", account__kind="CASH", balance__gt=0
    )
    for row in cash.select_related("account").order_by("account__code", "asset_id"):
        limit_minor = max(int(row.balance * LINE_PER_CASH) // WHOLE_MINOR, 1) * WHOLE_MINOR
        open_credit_line(participant_id=row.account.participant_id, currency_id=row.asset_id, limit_minor=limit_minor)
    return len(cash)
