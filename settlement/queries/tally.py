"""One participant's share of cycles, added up from its instructions, their parts and the attempts at them."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from django.db.models import Count, F, Func, IntegerField, Q, QuerySet, Sum

from ledger.models import Account
from reference.queries import directory
from settlement.models import Attempt, Cycle, Instruction, PartialSettlement
from settlement.queries.visible import moves_for

# Nothing that settles in a cycle was intended longer ago: recycling ends 60 business days after.
OLDEST_PENDING = timedelta(days=100)
VALUE = Func(F("cash_minor"), function="abs", output_field=IntegerField())
ATTEMPTED_VALUE = Func(F("instruction__cash_minor"), function="abs", output_field=IntegerField())
ATTEMPTED_PARTS = Func(F("instruction__parts__settled_minor"), function="abs", output_field=IntegerField())
PART_VALUE = Func(F("settled_minor"), function="abs", output_field=IntegerField())


class Tally:
    """Counts by outcome, and value due and settled by currency, of each cycle."""

    def __init__(self) -> None:
        self.counts: defaultdict[int, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.due: defaultdict[int, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.settled: defaultdict[int, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.codes = {entry.id: entry.code for entry in directory().currencies.values()}

    def add(self, *, cycle_id: int, outcome: str, currency_id: int, count: int, due: int, settled: int = 0) -> None:
        """Add to one cycle."""
        code = self.codes[currency_id]
        self.counts[cycle_id][outcome] += count
        self.due[cycle_id][code] += due
        self.settled[cycle_id][code] += settled


def tally_own(*, rows: Sequence[Cycle], participant_id: int) -> Tally:
    """Add up one participant's instructions: an instruction's value in a cycle is what remained of it then."""
    tally = Tally()
    ids = [row.pk for row in rows]
    oldest = min(row.business_date for row in rows) - OLDEST_PENDING
    latest = max(row.business_date for row in rows)
    own = Instruction.objects.filter(
        moves_for(participant_id=participant_id), intended_date__range=(oldest, latest), cycle_id__in=ids
    )
    for cycle_id, currency_id, count, value in (
        own.order_by().values_list("cycle_id", "currency_id").annotate(n=Count("pk"), value=Sum(VALUE))
    ):
        tally.add(cycle_id=cycle_id, outcome="SETTLED", currency_id=currency_id, count=count, due=value, settled=value)
    parts = parts_of(participant_id=participant_id).order_by()
    for cycle_id, currency_id, value in (
        parts.filter(instruction__cycle_id__in=ids)
        .values_list("instruction__cycle_id", "instruction__currency_id")
        .annotate(value=Sum(PART_VALUE))
    ):
        tally.add(cycle_id=cycle_id, outcome="SETTLED", currency_id=currency_id, count=0, due=-value, settled=-value)
    for cycle_id, currency_id, count, value in (
        parts.filter(cycle_id__in=ids)
        .values_list("cycle_id", "instruction__currency_id")
        .annotate(n=Count("pk"), value=Sum(PART_VALUE))
    ):
        tally.add(cycle_id=cycle_id, outcome="PARTLY", currency_id=currency_id, count=count, due=value, settled=value)
    tried = attempts_of(participant_id=participant_id).filter(cycle_id__in=ids).order_by()
    for cycle_id, reason, currency_id, count, value in tried.values_list(
        "cycle_id", "reason", "instruction__currency_id"
    ).annotate(n=Count("pk"), value=Sum(ATTEMPTED_VALUE)):
        tally.add(cycle_id=cycle_id, outcome=reason, currency_id=currency_id, count=count, due=value)
    # Of what was tried the parts until then are no longer due, and what settled in part is counted there.
    for cycle_id, reason, currency_id, count, value in (
        tried.filter(instruction__parts__cycle_id__lte=F("cycle_id"))
        .values_list("cycle_id", "reason", "instruction__currency_id")
        .annotate(n=Count("pk", filter=Q(instruction__parts__cycle_id=F("cycle_id"))), value=Sum(ATTEMPTED_PARTS))
    ):
        tally.add(cycle_id=cycle_id, outcome=reason, currency_id=currency_id, count=-count, due=-value)
    return tally


def attempts_of(*, participant_id: int | None) -> QuerySet[Attempt]:
    """Return the attempts at a participant's instructions; all for None."""
    attempts = Attempt.objects.all()
    if participant_id is None:
        return attempts
    accounts = list(Account.objects.filter(participant_id=participant_id).values_list("pk", flat=True))
    return attempts.filter(instruction__deliverer_account_id__in=accounts) | attempts.filter(
        instruction__receiver_account_id__in=accounts
    )


def parts_of(*, participant_id: int | None) -> QuerySet[PartialSettlement]:
    """Return the parts of a participant's instructions that have settled; all for None."""
    parts = PartialSettlement.objects.all()
    if participant_id is None:
        return parts
    own = Account.objects.filter(participant_id=participant_id).order_by().values("pk")
    return parts.filter(Q(instruction__deliverer_account_id__in=own) | Q(instruction__receiver_account_id__in=own))
