"""Penalties as they count now: the last run of each day, the month between two participants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, Sum

from reference.core.actor import Actor
from reference.core.directory import CurrencyEntry, ParticipantEntry
from reference.queries import directory
from settlement.core.penalties import payment_date
from settlement.models import Instruction, InstructionSource, Penalty, PenaltyPayment, PenaltyRun
from settlement.services.business_day import CSD_CALENDAR

SHOWN = ("run", "instruction", "instruction__security", "failing", "suffering", "currency")


def penalties_visible_to(*, actor: Actor) -> QuerySet[Penalty]:
    """Return the penalties that count and that the actor may see: those it pays or is paid, or all."""
    newest = PenaltyRun.objects.filter(business_date=OuterRef("run__business_date")).order_by("-version")
    counted = Penalty.objects.filter(run=Subquery(newest.values("pk")[:1]))
    if actor.sees_all:
        return counted
    return counted.filter(Q(failing_id=actor.participant_id) | Q(suffering_id=actor.participant_id))


@dataclass(frozen=True)
class PairOfMonth:
    """What two participants owe each other for a month: seen from the first, the one who pays on balance."""

    payer: ParticipantEntry
    payee: ParticipantEntry
    currency: CurrencyEntry
    payable_minor: int
    receivable_minor: int
    payment: Instruction | None

    @property
    def net_minor(self) -> int:
        """Return what the payer pays."""
        return self.payable_minor - self.receivable_minor


@dataclass(frozen=True)
class PenaltyMonth:
    """A month's penalties: netted pair by pair, and when they are paid."""

    month: date
    pays_on: date
    pairs: tuple[PairOfMonth, ...]
    charged_days: int
    outage_days: tuple[date, ...]
    missing: tuple[str, ...]


def read_month(*, actor: Actor, month: date) -> PenaltyMonth:
    """Read a month's penalties as the actor may see them; month: its first day."""
    following = (month + timedelta(days=31)).replace(day=1)
    owed: dict[tuple[int, int, int], int] = {
        (row["failing_id"], row["suffering_id"], row["currency_id"]): row["minor"]
        for row in penalties_visible_to(actor=actor)
        .filter(run__business_date__gte=month, run__business_date__lt=following)
        .values("failing_id", "suffering_id", "currency_id")
        .annotate(minor=Sum("amount_minor"))
        .order_by()
    }
    payments = {row.pk: row for row in PenaltyPayment.objects.filter(month=month)}
    instructions = {
        (payments[row.source_id or 0].payer_id, payments[row.source_id or 0].payee_id, row.currency_id): row
        for row in Instruction.objects.filter(source=InstructionSource.PENALTY, source_id__in=payments)
    }
    source = directory()
    pairs = []
    for (failing, suffering, currency), minor in owed.items():
        back = owed.get((suffering, failing, currency), 0)
        if minor < back or (minor == back and failing > suffering):
            continue
        pairs.append(
            PairOfMonth(
                payer=source.participants[failing],
                payee=source.participants[suffering],
                currency=source.currencies[currency],
                payable_minor=minor,
                receivable_minor=back,
                payment=instructions.get((failing, suffering, currency)),
            )
        )
    runs = PenaltyRun.objects.filter(business_date__gte=month, business_date__lt=following)
    latest = {run.business_date: run for run in runs.order_by("version")}
    return PenaltyMonth(
        month=month,
        pays_on=payment_date(month=month, calendar=source.calendars_by_code[CSD_CALENDAR].business_days),
        pairs=tuple(sorted(pairs, key=lambda pair: (pair.currency.code, -pair.net_minor, pair.payer.code))),
        charged_days=sum(not run.switched_off for run in latest.values()),
        missing=tuple(sorted({text for run in latest.values() for text in run.missing})),
        outage_days=tuple(sorted(day for day, run in latest.items() if run.switched_off)),
    )


@dataclass(frozen=True)
class DayOfPenalties:
    """One day's penalties in one currency, and its share of the largest day, for a bar."""

    business_date: date
    currency: CurrencyEntry
    number: int
    amount_minor: int
    share_percent: float


def read_days(*, actor: Actor, month: date) -> list[DayOfPenalties]:
    """Return the penalties of each day of a month by currency, the days in order."""
    following = (month + timedelta(days=31)).replace(day=1)
    rows = list(
        penalties_visible_to(actor=actor)
        .filter(run__business_date__gte=month, run__business_date__lt=following)
        .values("currency_id", day=F("run__business_date"))
        .annotate(minor=Sum("amount_minor"), number=Count("pk"))
        .order_by("day", "currency_id")
    )
    largest = {row["currency_id"]: 0 for row in rows}
    for row in rows:
        largest[row["currency_id"]] = max(largest[row["currency_id"]], row["minor"])
    currencies = directory().currencies
    return [
        DayOfPenalties(
            row["day"],
            currencies[row["currency_id"]],
            row["number"],
            row["minor"],
            100 * row["minor"] / largest[row["currency_id"]] if largest[row["currency_id"]] else 0.0,
        )
        for row in rows
    ]


def months_with_penalties() -> list[date]:
    """Return the months that have penalty runs, newest first."""
    return list(PenaltyRun.objects.order_by().dates("business_date", "month", order="DESC"))
