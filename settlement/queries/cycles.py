"""Cycles and their outcome: the CSD's own figures for who sees all, a participant's own share for a participant."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Count, F, Func, IntegerField, Min, QuerySet, Sum

from reference.core.actor import Actor
from reference.queries import directory
from settlement.core.lifecycle import InstructionStatus, Reason
from settlement.models import Attempt, Cycle, Instruction
from settlement.queries.visible import instructions_visible_to, moves_for

# Nothing that settles in a cycle was intended longer ago: recycling ends 60 business days after.
OLDEST_PENDING = timedelta(days=100)
VALUE = Func(F("cash_minor"), function="abs", output_field=IntegerField())
ATTEMPTED_VALUE = Func(F("instruction__cash_minor"), function="abs", output_field=IntegerField())


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
    shares: tuple[Share, ...]
    decided_in_ms: int
    took_ms: int

    @property
    def unsettled(self) -> int:
        """Return how many waited on."""
        return self.considered - self.settled

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
        shares=_shares(row.considered_minor, row.settled_minor),
        decided_in_ms=row.decided_in_ms, took_ms=row.took_ms,
    )  # fmt: skip


def _own(*, rows: Sequence[Cycle], participant_id: int) -> list[CycleView]:
    """Return cycles with the figures of one participant's instructions. Two queries, whatever their number."""
    ids = [row.pk for row in rows]
    oldest = min(row.business_date for row in rows) - OLDEST_PENDING
    latest = max(row.business_date for row in rows)
    counts: defaultdict[int, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    due: defaultdict[int, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    settled: defaultdict[int, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    codes = {entry.id: entry.code for entry in directory().currencies.values()}
    own = (
        Instruction.objects.filter(moves_for(participant_id=participant_id))
        .filter(intended_date__range=(oldest, latest), cycle_id__in=ids)
        .order_by()
    )
    for cycle_id, currency_id, count, value in own.values_list("cycle_id", "currency_id").annotate(
        n=Count("pk"), value=Sum(VALUE)
    ):
        counts[cycle_id]["SETTLED"] += count
        settled[cycle_id][codes[currency_id]] += value
        due[cycle_id][codes[currency_id]] += value
    tried = attempts_of(participant_id=participant_id).filter(cycle_id__in=ids).order_by()
    for cycle_id, reason, currency_id, count, value in tried.values_list(
        "cycle_id", "reason", "instruction__currency_id"
    ).annotate(n=Count("pk"), value=Sum(ATTEMPTED_VALUE)):
        counts[cycle_id][reason] += count
        due[cycle_id][codes[currency_id]] += value
    return [
        CycleView(
            pk=row.pk, business_date=row.business_date, number=row.number, name=row.name, ran_at=row.ran_at,
            considered=sum(counts[row.pk].values()), settled=counts[row.pk]["SETTLED"],
            lack=counts[row.pk][Reason.LACK], mony=counts[row.pk][Reason.MONY], held=counts[row.pk][Reason.HOLD],
            shares=_shares(due[row.pk], settled[row.pk]),
            decided_in_ms=row.decided_in_ms, took_ms=row.took_ms,
        )
        for row in rows
    ]  # fmt: skip


def _shares(due: Mapping[str, int], settled: Mapping[str, int]) -> tuple[Share, ...]:
    """Return one share a currency, in the order of the codes."""
    return tuple(Share(code, int(due[code]), int(settled.get(code, 0))) for code in sorted(due) if due[code])


def attempts_of(*, participant_id: int | None) -> QuerySet[Attempt]:
    """Return the attempts at a participant's instructions; all for None."""
    attempts = Attempt.objects.all()
    if participant_id is None:
        return attempts
    from ledger.models import Account

    accounts = list(Account.objects.filter(participant_id=participant_id).values_list("pk", flat=True))
    return attempts.filter(instruction__deliverer_account_id__in=accounts) | attempts.filter(
        instruction__receiver_account_id__in=accounts
    )


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
    """Instructions past their intended date that the last cycle could not settle, by reason and currency."""

    reason: str
    currency: str
    count: int
    value_minor: int
    oldest: date


def failing_by_reason(*, actor: Actor, business_date: date) -> list[Failing]:
    """Return what failed in the last cycle, the most value first: one lookup by cycle, no scan of what is pending."""
    last = Cycle.objects.order_by("-id").first()
    if last is None:
        return []
    rows = (
        attempts_of(participant_id=actor.participant_id)
        .filter(
            cycle_id=last.pk,
            instruction__status=InstructionStatus.PENDING,
            instruction__intended_date__lt=business_date,
        )
        .order_by()
        .values_list("reason", "instruction__currency_id")
        .annotate(n=Count("pk"), value=Sum(ATTEMPTED_VALUE), oldest=Min("instruction__intended_date"))
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
    """Return the actor's attempts of a cycle that did not settle, with all that a row shows."""
    return (
        attempts_of(participant_id=actor.participant_id)
        .filter(cycle=cycle)
        .select_related(
            "cycle",
            "instruction__deliverer_account__participant",
            "instruction__receiver_account__participant",
            "instruction__security",
            "instruction__currency",
            "short_account",
            "short_asset",
        )
    )
