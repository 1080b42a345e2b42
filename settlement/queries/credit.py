"""Credit lines as they stand: limit, what is owed, what is pledged and what could be; and the credits drawn."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import F, Q, QuerySet, Sum

from ledger.models import Account, Balance
from reference.core.actor import Actor
from reference.core.directory import CurrencyEntry, ParticipantEntry
from reference.queries import directory
from settlement.core.credit_lifecycle import CreditStatus
from settlement.models import CollateralPledge, CreditDraw, CreditLine, Cycle
from settlement.queries.collateral import unit_values

SHOWN = ("line__account__participant", "line__currency", "cycle")


def draws_visible_to(*, actor: Actor) -> QuerySet[CreditDraw]:
    """Return the credits the actor may see, with their line and cycle: all, or those of its own accounts."""
    draws = CreditDraw.objects.select_related(*SHOWN).prefetch_related("pledges__security")
    return draws if actor.participant_id is None else draws.filter(line__account__participant_id=actor.participant_id)


def credit_in(*, cycle: Cycle, actor: Actor) -> dict[str, int]:
    """Return, by currency code, what a cycle drew of credit, as far as the actor may see it."""
    drawn = draws_visible_to(actor=actor).filter(cycle=cycle).order_by()
    return dict(drawn.values_list("line__currency__code").annotate(Sum("amount_minor")))


@dataclass(frozen=True)
class LineView:
    """A credit line now, amounts in minor units of its currency.

    owed: drawn today and not reimbursed; overnight: relocated and not repaid; pledged: what stands for both, at
    today's values; available: what the account holds of eligible securities besides.
    """

    pk: int
    participant: ParticipantEntry
    currency: CurrencyEntry
    limit_minor: int
    active: bool
    owed_minor: int
    overnight_minor: int
    pledged_minor: int
    available_minor: int

    @property
    def currency_id(self) -> int:
        """Return the id of its currency."""
        return self.currency.id

    @property
    def free_minor(self) -> int:
        """Return what may still be drawn: within the limit, and against what is held."""
        left = self.limit_minor - self.owed_minor - self.overnight_minor
        return max(0, min(left, self.available_minor)) if self.active else 0

    @property
    def limit_text(self) -> str:
        """Return the limit as it is typed: units, a point, minor units."""
        return f"{Decimal(self.limit_minor).scaleb(-self.currency.digits):f}"

    @property
    def used_percent(self) -> float:
        """Return how much of the limit is used, 0 to 100."""
        return 100 * (self.owed_minor + self.overnight_minor) / self.limit_minor if self.limit_minor else 0.0


def read_lines(*, actor: Actor, business_date: date) -> list[LineView]:
    """Return the credit lines that the actor may see, by participant and currency. Seven queries."""
    lines = CreditLine.objects.select_related("account__participant").order_by("account__participant__code", "currency")
    if actor.participant_id is not None:
        lines = lines.filter(account__participant_id=actor.participant_id)
    rows = list(lines)
    owed = _owed()
    pledged: dict[tuple[int, int], int] = {
        (line, security): units
        for line, security, units in CollateralPledge.objects.exclude(credit__status=CreditStatus.REIMBURSED)
        .values_list("credit__line_id", "security_id")
        .annotate(Sum("units"))
        .order_by()
    }
    own = dict(
        Account.objects.filter(linked_cash_id__in=[row.account_id for row in rows], name="HOUSE").values_list(
            "linked_cash_id", "pk"
        )
    )
    holdings = list(
        Balance.objects.filter(account_id__in=own.values(), balance__gt=0).values_list(
            "account_id", "asset_id", "balance"
        )
    )
    wanted = {security for _, security in pledged} | {security for _, security, _ in holdings}
    values = unit_values(securities=sorted(wanted), business_date=business_date)
    source = directory()
    views = []
    for row in rows:
        eligible = {security: value for security, value in values.items()
                    if source.securities[security].currency_id == row.currency_id}  # fmt: skip
        views.append(
            LineView(
                pk=row.pk,
                participant=source.participants[row.account.participant_id],
                currency=source.currencies[row.currency_id],
                limit_minor=row.limit_minor,
                active=row.active,
                owed_minor=owed.get((row.pk, CreditStatus.OPEN.value), 0),
                overnight_minor=owed.get((row.pk, CreditStatus.RELOCATED.value), 0),
                pledged_minor=sum(
                    units * eligible.get(security, 0) for (line, security), units in pledged.items() if line == row.pk
                ),
                available_minor=sum(
                    units * eligible[security]
                    for account, security, units in holdings
                    if account == own.get(row.account_id) and security in eligible
                ),
            )
        )
    return views


def _owed() -> dict[tuple[int, str], int]:
    """Return what is owed, in minor units, by line and state."""
    rows = (
        CreditDraw.objects.filter(~Q(status=CreditStatus.REIMBURSED))
        .values_list("line_id", "status")
        .annotate(minor=Sum(F("amount_minor")))
        .order_by()
    )
    return {(line, status): minor for line, status, minor in rows}
