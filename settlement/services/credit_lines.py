"""Open credit lines and change them; what is drawn on them is settle_cycle's, what ends it reimburse_credit's.

Whoever operates lowers or stops a line at once; to raise or to resume it takes a second person.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from events.services.audit import record_action
from ledger.models import Account, AccountKind
from ledger.services import open_accounts, set_floor
from reference.api.fields import decimal_text
from reference.core.actor import Actor
from reference.core.directory import CurrencyEntry
from reference.four_eyes import Decision, Difference, ProposalKind, by_nothing, propose_change
from reference.locks import take_lock
from reference.models import Proposal
from reference.queries import directory
from settlement.models import CreditDraw, CreditLine
from settlement.refusals import CreditLineInUse, CreditLineRefused, UnknownCreditLine
from settlement.services.settle_cycle import CYCLE_LOCK

CREDIT_LINE_KIND = "credit-line"


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


@dataclass(frozen=True, slots=True)
class CreditLineChanged:
    """A line after a change, and the proposal that waits to raise or resume it, if any."""

    line: CreditLine
    proposal: Proposal | None


def change_credit_line(
    *, line_id: int, limit_minor: int, active: bool, actor: Actor, at: datetime, business_date: date
) -> CreditLineChanged:
    """Lower a line's limit or stop it at once; propose to raise or to resume it, to a second person. All or nothing.

    What is open stays owed until it is reimbursed. Raises UnknownCreditLine, CreditLineRefused for a limit below zero,
    CreditLineInUse for one below what is owed, and what propose_change refuses.
    """
    if not 0 <= limit_minor < 2**62:
        raise CreditLineRefused(pointer="/limit")
    when: dict[str, Any] = {"actor": actor, "at": at, "business_date": business_date}
    with transaction.atomic():
        line = _lock_line(line_id=line_id)
        if limit_minor < line.limit_minor or (line.active and not active):
            lower = min(limit_minor, line.limit_minor)
            _write(line=line, limit_minor=lower, active=line.active and active, **when)
        wanted = {"limit_minor": limit_minor, "active": active}
        raised = {name: value for name, value in wanted.items() if getattr(line, name) != value}
        proposal = None
        if raised:
            code = f"{line.account.participant.code} {line.currency.code}"
            proposal = propose_change(
                kind=CREDIT_LINE_KIND, subject_id=line.pk, subject=code, participant_id=None, after=raised,
                summary=f"Credit line {code}", **when,
            )  # fmt: skip
    return CreditLineChanged(line=line, proposal=proposal)


def _lock_line(*, line_id: int) -> CreditLine:
    """Return a line, with no cycle under way, locked until the transaction ends. Raises UnknownCreditLine."""
    take_lock(name=CYCLE_LOCK)
    rows = CreditLine.objects.select_related("account__participant", "currency").select_for_update(of=("self",))
    line = rows.filter(pk=line_id).first()
    if line is None:
        raise UnknownCreditLine
    return line


def _write(
    *, line: CreditLine, limit_minor: int, active: bool, actor: Actor, at: datetime, business_date: date
) -> None:
    """Write a locked line's limit and state. Raises CreditLineInUse."""
    draws = CreditDraw.objects.filter(line=line).exclude(status="REIMBURSED")
    owed = sum(draws.values_list("amount_minor", flat=True))
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


def _set_floors(*, line: CreditLine) -> None:
    """Let the central bank's accounts lend as much as the line's limit."""
    for account_id in (line.credit_account_id, line.overnight_account_id):
        set_floor(account_id=account_id, asset_id=line.currency_id, floor=-line.limit_minor)


def _read(subject_id: int) -> dict[str, Any]:
    """Return a line's limit and state as a proposal holds them, the line locked. Raises UnknownCreditLine."""
    line = _lock_line(line_id=subject_id)
    return {"limit_minor": line.limit_minor, "active": line.active}


def _carry_out(proposal: Proposal, decision: Decision) -> None:
    """Raise or resume the line as it was approved. Raises CreditLineInUse."""
    line = _lock_line(line_id=proposal.subject_id)
    wanted = {"limit_minor": line.limit_minor, "active": line.active} | proposal.after
    _write(line=line, **wanted, actor=decision.actor, at=decision.at, business_date=decision.business_date)


def _describe(proposals: Sequence[Proposal]) -> list[list[Difference]]:
    """Say what each would change, amounts in the line's currency."""
    lines = CreditLine.objects.in_bulk([proposal.subject_id for proposal in proposals])
    currencies = directory().currencies
    return [
        [
            Difference(label, *(_in_words(value, currencies[lines[proposal.subject_id].currency_id]) for value in pair))
            for label, name in (("Limit", "limit_minor"), ("May be drawn on", "active"))
            if name in proposal.after
            for pair in [(proposal.before[name], proposal.after[name])]
        ]
        for proposal in proposals
    ]


def _in_words(value: Any, currency: CurrencyEntry) -> str:
    """Write a limit, or whether a line is on, as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{Decimal(decimal_text(minor=value, digits=currency.digits)):,} {currency.code}"


CREDIT_LINES = ProposalKind(
    subject_type="creditline", title="Credit line", page="credit", page_takes=by_nothing, read=_read,
    carry_out=_carry_out, describe=_describe,
)  # fmt: skip
