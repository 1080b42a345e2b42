"""What netting saves: value before and after, run by run and day by day."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Count, F, Func, IntegerField, Sum

from clearing.models import NettingRun, ObligationKind
from clearing.queries.visible import obligations_visible_to
from reference.core.actor import Actor
from reference.queries import directory

NET_VALUE = Func(F("cash_minor"), function="abs", output_field=IntegerField())


@dataclass(frozen=True)
class Netted:
    """Value to settle in a currency before and after netting, in minor units."""

    currency: str
    gross_minor: int
    net_minor: int

    @property
    def efficiency(self) -> float | None:
        """Return the share of value that netting took away; None where nothing was netted."""
        return 1 - self.net_minor / self.gross_minor if self.gross_minor else None

    @property
    def remaining_percent(self) -> float:
        """Return the share that is left to settle, 0 to 100, for a bar."""
        return 100 * self.net_minor / self.gross_minor if self.gross_minor else 0.0


@dataclass(frozen=True)
class RunView:
    """One netting run as an actor sees it."""

    pk: int
    business_date: date
    settlement_date: date
    ran_at: datetime
    contracts: int
    obligations: int
    netted: tuple[Netted, ...]


def view_runs(*, runs: Iterable[NettingRun], actor: Actor) -> list[RunView]:
    """Turn netting runs into what the actor may see of them: for a participant, its own accounts' part."""
    rows = list(runs)
    if actor.sees_all or not rows:
        return [
            RunView(
                pk=row.pk, business_date=row.business_date, settlement_date=row.settlement_date, ran_at=row.ran_at,
                contracts=row.contracts, obligations=row.obligations, netted=_netted(row.gross_minor, row.net_minor),
            )
            for row in rows
        ]  # fmt: skip
    return _own(rows=rows, actor=actor)


def _own(*, rows: list[NettingRun], actor: Actor) -> list[RunView]:
    """Return netting runs with the figures of one participant's obligations: one query."""
    codes = {entry.id: entry.code for entry in directory().currencies.values()}
    gross: defaultdict[int, dict[str, int]] = defaultdict(dict)
    net: defaultdict[int, dict[str, int]] = defaultdict(dict)
    contracts: defaultdict[int, int] = defaultdict(int)
    obligations: defaultdict[int, int] = defaultdict(int)
    found = (
        obligations_visible_to(actor=actor)
        .filter(kind=ObligationKind.NET, netting_run_id__in=[row.pk for row in rows])
        .order_by()
        .values_list("netting_run_id", "currency_id")
        .annotate(Sum("bought_minor"), Sum("sold_minor"), left=Sum(NET_VALUE), contracts=Sum("trades"), n=Count("pk"))
    )
    for run_id, currency_id, bought, sold, left, trades, count in found:
        gross[run_id][codes[currency_id]] = bought + sold
        net[run_id][codes[currency_id]] = left
        contracts[run_id] += trades
        obligations[run_id] += count
    return [
        RunView(
            pk=row.pk, business_date=row.business_date, settlement_date=row.settlement_date, ran_at=row.ran_at,
            contracts=contracts[row.pk], obligations=obligations[row.pk], netted=_netted(gross[row.pk], net[row.pk]),
        )
        for row in rows
    ]  # fmt: skip


def _netted(gross: Mapping[str, int], net: Mapping[str, int]) -> tuple[Netted, ...]:
    """Return one entry a currency, in the order of the codes."""
    return tuple(Netted(code, int(gross[code]), int(net.get(code, 0))) for code in sorted(gross))


def runs_since(*, actor: Actor, since: date) -> list[RunView]:
    """Return the netting runs of all business dates since one, newest first."""
    return view_runs(runs=NettingRun.objects.filter(business_date__gte=since).order_by("-id"), actor=actor)


def sum_netted(*, views: Iterable[RunView]) -> tuple[Netted, ...]:
    """Return value before and after over several runs, by currency."""
    gross: defaultdict[str, int] = defaultdict(int)
    net: defaultdict[str, int] = defaultdict(int)
    for view in views:
        for part in view.netted:
            gross[part.currency] += part.gross_minor
            net[part.currency] += part.net_minor
    return _netted(gross, net)
