"""Open credit lines and change them; what is drawn on them is settle_cycle's, what ends it reimburse_credit's."""

from datetime import date, datetime

from django.db import transaction

from events.services.audit import record_action
from ledger.models import Account, AccountKind
from ledger.services import open_accounts, set_floor
from reference.core.actor import Actor
from reference.locks import take_lock
from reference.queries import directory
from settlement.models import CreditDraw, CreditLine
from settlement.refusals import CreditLineInUse, CreditLineRefused
from settlement.services.settle_cycle import CYCLE_LOCK


def open_credit_line(*, participant_id: int, currency_id: int, limit_minor: int) -> CreditLine:
    """Open a line on a participant's own cash account, with the central bank's accounts for it; once a currency.

    A line that stands already is left as it is. The central bank's two cash accounts may go below zero by the
    limit, so that the ledger too refuses more. Raises CreditLineRefused.
    """
    source = directory()
    account = Account.objects.filter(participant_id=participant_id, kind=AccountKind.CASH, name="HOUSE").first()
    if source.central_bank is None or account is None or participant_id == source.central_bank.id or limit_minor < 0:
        raise CreditLineRefused
    code, lender = source.participants[participant_id].code, [(source.central_bank.id, source.central_bank.code)]
    with transaction.atomic():
        day = open_accounts(participants=lender, name=f"CREDIT-{code}")[source.central_bank.id]
        night = open_accounts(participants=lender, name=f"NIGHT-{code}")[source.central_bank.id]
        line, is_new = CreditLine.objects.get_or_create(
            account=account,
            currency_id=currency_id,
            defaults={
                "limit_minor": limit_minor,
                "credit_account_id": day.linked_cash_id or 0,
                "collateral_account_id": day.pk,
                "overnight_account_id": night.linked_cash_id or 0,
                "overnight_collateral_account_id": night.pk,
            },
        )
        if is_new:
            _set_floors(line=line)
    return line


def change_credit_line(
    *, line_id: int, limit_minor: int, active: bool, actor: Actor, at: datetime, business_date: date
) -> CreditLine:
    """Change a line's limit, or stop and resume it; what is open stays owed until it is reimbursed.

    Raises CreditLineRefused for a limit below zero, CreditLineInUse for one below what is owed.
    """
    with transaction.atomic():
        take_lock(name=CYCLE_LOCK)
        line = CreditLine.objects.select_for_update().get(pk=line_id)
        if limit_minor < 0:
            raise CreditLineRefused
        owed = sum(
            CreditDraw.objects.filter(line=line).exclude(status="REIMBURSED").values_list("amount_minor", flat=True)
        )
        if limit_minor < owed:
            raise CreditLineInUse(f"{owed} minor units are owed; the limit cannot be {limit_minor}.")
        before = {"limit_minor": line.limit_minor, "active": line.active}
        line.limit_minor, line.active = limit_minor, active
        line.save(update_fields=["limit_minor", "active"])
        _set_floors(line=line)
        record_action(
            actor=actor,
            action="creditline.changed",
            at=at,
            business_date=business_date,
            object_type="creditline",
            object_id=line.pk,
            summary=f"Credit line of {line.account.code}: limit {limit_minor}, {'on' if active else 'off'}",
            detail={"before": before, "after": {"limit_minor": limit_minor, "active": active}},
        )
    return line


def _set_floors(*, line: CreditLine) -> None:
    """Let the central bank's accounts lend as much as the line's limit."""
    for account_id in (line.credit_account_id, line.overnight_account_id):
        set_floor(account_id=account_id, asset_id=line.currency_id, floor=-line.limit_minor)
