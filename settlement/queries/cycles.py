"""Cycles and their outcome: the CSD's own figures for who sees all, a participant's own share for a participant."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Count, Exists, Min, OuterRef, QuerySet, Sum
from django.db.models.functions import Abs

from reference.core.actor import Actor
from reference.queries import directory
from settlement.core.lifecycle import InstructionStatus, Reason
from settlement.models import Attempt, Cycle, Instruction, PartialSettlement
from settlement.queries.tally import OLDEST_PENDING, attempts_of, parts_of, tally_own
from settlement.queries.visible import instructions_visible_to


@dataclass(frozen=True)
class Share:
    """How much value was due in a currency and how much of it settled, in minor units."""

    currency: str
    due_minor: int
    settled_minor: int

    @property
    def ratio(self) -> float | None:
        """Return the settled share of the value due; None where nothing was."""
        return self.settled_minor / self.due_minor if self.due_minor else None

    @property
    def percent(self) -> float:
        """Return the settled share, 0 to 100, for a bar."""
        return 100 * (self.ratio or 0.0)


@dataclass(frozen=True)
class CycleView:
    """One cycle as an actor sees it."""

    pk: int
    business_date: date
    number: int
    name: str
    ran_at: datetime
    considered: int
    settled: int
    lack: int
    mony: int
    held: int
    partly: int
    linked: int
    deferred: int
    partials: bool
    shares: tuple[Share, ...]
    value_settled: int | None
    value_bound: int | None
    decided_in_ms: int
    took_ms: int

    @property
    def unsettled(self) -> int:
        """Return how many waited on whole."""
        return self.considered - self.settled - self.partly

    @property
    def gap(self) -> float | None:
        """Return what the decision leaves of the value that no decision can pass, 0 to 1; None where unknown."""
        if self.value_settled is None or self.value_bound is None:
            return None
        return 1 - self.value_settled / self.value_bound if self.value_bound else 0.0

    @property
    def value_share(self) -> float:
        """Return how much of the proved bound settled, 0 to 1."""
        return 1 - (self.gap or 0.0)

    @property
    def value_percent(self) -> float:
        """Return the same, 0 to 100, for a bar."""
        return 100 * self.value_share

    @property
    def main(self) -> Share | None:
        """Return the currency with the most value due."""
        return max(self.shares, key=lambda share: share.due_minor, default=None)


def view_cycles(*, cycles: Iterable[Cycle], actor: Actor) -> list[CycleView]:
    """Turn cycles into what the actor may see of them: for a participant, its own instructions only."""
    rows = list(cycles)
    if actor.sees_all or not rows:
        return [_whole(row) for row in rows]
    return _own(rows=rows, participant_id=actor.participant_id or 0)


def _whole(row: Cycle) -> CycleView:
    """Return a cycle with the figures of all that was due."""
    return CycleView(
        pk=row.pk, business_date=row.business_date, number=row.number, name=row.name, ran_at=row.ran_at,
        considered=row.considered, settled=row.settled, lack=row.lack, mony=row.mony, held=row.held,
        partly=row.partly, linked=row.linked, deferred=row.deferred, partials=row.partials,
        shares=_shares(row.considered_minor, row.settled_minor), value_settled=row.value_settled,
        value_bound=row.value_bound, decided_in_ms=row.decided_in_ms, took_ms=row.took_ms,
    )  # fmt: skip


def _own(*, rows: Sequence[Cycle], participant_id: int) -> list[CycleView]:
    """Return cycles with the figures of one participant's instructions. Five queries, whatever their number."""
    tally = tally_own(rows=rows, participant_id=participant_id)
    return [
        CycleView(
            pk=row.pk, business_date=row.business_date, number=row.number, name=row.name, ran_at=row.ran_at,
            considered=sum(counts.values()), settled=counts["SETTLED"], lack=counts[Reason.LACK],
            mony=counts[Reason.MONY], held=counts[Reason.HOLD], partly=counts["PARTLY"],
            linked=counts[Reason.LINK], deferred=0, partials=row.partials,
            shares=_shares(tally.due[row.pk], tally.settled[row.pk]), value_settled=None, value_bound=None,
            decided_in_ms=row.decided_in_ms, took_ms=row.took_ms,
        )
        for row in rows
        for counts in [tally.counts[row.pk]]
    ]  # fmt: skip


def _shares(due: Mapping[str, int], settled: Mapping[str, int]) -> tuple[Share, ...]:
    """Return one share a currency, in the order of the codes."""
    return tuple(Share(code, int(due[code]), int(settled.get(code, 0))) for code in sorted(due) if due[code])


def recent_cycles(*, actor: Actor, count: int) -> list[CycleView]:
    """Return the last cycles, newest first."""
    return view_cycles(cycles=Cycle.objects.order_by("-id")[:count], actor=actor)


def cycles_of(*, actor: Actor, business_date: date) -> list[CycleView]:
    """Return the cycles of one business date, oldest first."""
    return view_cycles(cycles=Cycle.objects.filter(business_date=business_date).order_by("number"), actor=actor)


def cycles_since(*, actor: Actor, since: date) -> list[CycleView]:
    """Return the cycles of all business dates since one, oldest first."""
    return view_cycles(cycles=Cycle.objects.filter(business_date__gte=since).order_by("id"), actor=actor)


def day_shares(*, views: Iterable[CycleView]) -> tuple[Share, ...]:
    """Return, over the cycles of one business date, the value due that day and how much of it settled.

    Due is what settled plus what the last cycle left: what is tried in seven cycles is due once.
    """
    rows = list(views)
    if not rows:
        return ()
    last = max(rows, key=lambda row: row.number)
    settled: defaultdict[str, int] = defaultdict(int)
    due: defaultdict[str, int] = defaultdict(int)
    for row in rows:
        for share in row.shares:
            settled[share.currency] += share.settled_minor
            due[share.currency] += share.settled_minor
    for share in last.shares:
        due[share.currency] += share.due_minor - share.settled_minor
    return _shares(due, settled)


@dataclass(frozen=True)
class Failing:
    """Instructions past their intended date, by what the last try said and currency."""

    reason: str
    currency: str
    count: int
    value_minor: int
    oldest: date


def failing_by_reason(*, actor: Actor, business_date: date) -> list[Failing]:
    """Return what is pending past its intended date, the most value first. The index of what is pending finds it."""
    rows = (
        instructions_visible_to(actor=actor)
        .filter(status=InstructionStatus.PENDING, intended_date__lt=business_date)
        .order_by()
        .values_list("reason", "currency_id")
        .annotate(n=Count("pk"), value=Sum(Abs("cash_minor")), oldest=Min("intended_date"))
    )
    codes = {entry.id: entry.code for entry in directory().currencies.values()}
    found = [Failing(reason, codes[currency], count, value, oldest) for reason, currency, count, value, oldest in rows]
    return sorted(found, key=lambda row: -row.value_minor)


def settled_in(*, cycle: Cycle, actor: Actor) -> QuerySet[Instruction]:
    """Return the actor's instructions that a cycle settled, the most value first by id."""
    return instructions_visible_to(actor=actor).filter(
        intended_date__range=(cycle.business_date - OLDEST_PENDING, cycle.business_date), cycle_id=cycle.pk
    )


def unsettled_in(*, cycle: Cycle, actor: Actor) -> QuerySet[Attempt]:
    """Return the actor's attempts of a cycle of which nothing settled, with all that a row shows."""
    return (
        attempts_of(participant_id=actor.participant_id)
        .filter(~Exists(PartialSettlement.objects.filter(instruction=OuterRef("instruction"), cycle=cycle)))
        .filter(cycle=cycle)
        .select_related(
            "cycle",
            "instruction__deliverer_account__participant",
            "instruction__receiver_account__participant",
            "instruction__security",
            "instruction__currency",
            "short_account",
            "short_asset",
            "waits_for",
        )
    )


def parts_in(*, cycle: Cycle, actor: Actor) -> QuerySet[PartialSettlement]:
    """Return what settled in part in a cycle of the actor's instructions, with all that a row shows."""
    return (
        parts_of(participant_id=actor.participant_id)
        .filter(cycle=cycle)
        .select_related(
            "instruction__deliverer_account__participant",
            "instruction__receiver_account__participant",
            "instruction__security",
            "instruction__currency",
        )
    )
