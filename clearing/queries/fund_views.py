"""The default fund as an actor may see it: its size and why, contributions, layers, and whether it is thin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db import connection

from clearing.core.fund import Standing, is_thin
from clearing.models import FundContribution, FundSizing, MarginParameters, MarginRun
from clearing.queries.fund import fund_parameters, members_in_fund, read_standing
from clearing.queries.stress import EveningCover, cover_by_evening, last_stressed_run
from reference.core.actor import Actor
from reference.queries import directory

DAYS_SHOWN = 92

# The balances of the CCP's layers: SKIN and EQUITY, all default fund accounts, and all margin collateral in cash.
LAYERS_SQL = """
    SELECT CASE WHEN a.name LIKE 'DF-%%' THEN 'FUND' WHEN a.name LIKE 'IM-%%' THEN 'MARGIN' ELSE a.name END,
           sum(b.balance)::bigint
    FROM ledger_account a
    JOIN reference_participant p ON p.id = a.participant_id AND p.role = 'CCP'
    JOIN ledger_balance b ON b.account_id = a.id AND b.asset_id = %s
    WHERE a.kind = 'CASH' AND (a.name IN ('SKIN', 'EQUITY') OR a.name LIKE 'DF-%%' OR a.name LIKE 'IM-%%')
    GROUP BY 1
"""

CALLS_SQL = """
    SELECT c.id, c.member_id, c.amount_minor - c.paid_minor, c.status, c.deadline FROM clearing_margincall c
    WHERE c.kind = 'FUND' AND c.currency_id = %s AND c.status IN ('ISSUED', 'OVERDUE') ORDER BY c.id
"""


@dataclass(frozen=True)
class Contribution:
    """One member's part: what it owes by the last sizing, what stands on its account and what is still called."""

    member: str
    margin_minor: int
    contribution_minor: int
    held_minor: int
    open_minor: int
    overdue: bool
    called_minor: int
    returned_minor: int


@dataclass(frozen=True)
class Layer:
    """One layer of the waterfall in the order of its use."""

    name: str
    amount_minor: int | None
    note: str


@dataclass(frozen=True)
class FundView:
    """The default fund of one currency."""

    currency: str
    sizing: FundSizing
    standing: Standing
    held_minor: int
    contributions: Sequence[Contribution]
    layers: Sequence[Layer]
    evenings: Sequence[EveningCover]

    @property
    def is_thin(self) -> bool:
        """Say whether today's stress losses come too close to what stands against them."""
        return is_thin(standing=self.standing)

    @property
    def used_percent(self) -> float:
        """Return what share of the fund and the own resources Cover-2 takes."""
        resources = self.standing.resources_minor
        return 100 * self.standing.cover_two_minor / resources if resources else 0.0


@dataclass(frozen=True)
class ThinFund:
    """A fund that stress losses come too close to."""

    currency: str
    cover_two_minor: int
    resources_minor: int
    thin_percent: int

    @property
    def used_percent(self) -> float:
        """Return what share of the fund and the own resources Cover-2 takes; 100 of nothing."""
        return 100 * self.cover_two_minor / self.resources_minor if self.resources_minor else 100.0


def read_funds(*, actor: Actor, business_date: date) -> list[FundView]:
    """Return the fund of each currency that has one. A member sees its own contribution and the totals of all."""
    run = last_stressed_run(business_date=business_date)
    source = directory()
    found = FundSizing.objects.select_related("run__parameters", "parameters", "scenario", "worst_run")
    # The last one of each currency.
    sizings = list(found.order_by("currency_id", "-id").distinct("currency_id"))
    evenings = cover_by_evening(since=business_date - timedelta(days=DAYS_SHOWN), until=business_date)
    return [
        _view(
            actor=actor,
            run=run or sizing.run,
            sizing=sizing,
            evenings=[evening for evening in evenings if evening.currency_id == sizing.currency_id],
            business_date=business_date,
        )
        for sizing in sorted(sizings, key=lambda row: source.currencies[row.currency_id].code)
    ]


def thin_funds(*, business_date: date) -> list[ThinFund]:
    """Return the funds that are thin on the last stressed evening; cheap where there is none."""
    run = last_stressed_run(business_date=business_date)
    if run is None:
        return []
    found = []
    for currency_id in FundSizing.objects.values_list("currency_id", flat=True).distinct().order_by("currency_id"):
        standing = _standing(run=run, currency_id=currency_id, business_date=business_date)
        if is_thin(standing=standing):
            code = directory().currencies[currency_id].code
            found.append(ThinFund(code, standing.cover_two_minor, standing.resources_minor, standing.thin_percent))
    return found


def _standing(*, run: MarginRun, currency_id: int, business_date: date) -> Standing:
    return read_standing(
        run=run,
        currency_id=currency_id,
        parameters=fund_parameters(business_date=business_date),
        members=members_in_fund(run=run, currency_id=currency_id),
    )


def _view(
    *, actor: Actor, run: MarginRun, sizing: FundSizing, evenings: list[EveningCover], business_date: date
) -> FundView:
    """Put one currency's fund together."""
    members = members_in_fund(run=run, currency_id=sizing.currency_id)
    with connection.cursor() as cursor:
        cursor.execute(LAYERS_SQL, [sizing.currency_id])
        balances = dict(cursor.fetchall())
        cursor.execute(CALLS_SQL, [sizing.currency_id])
        overdue = {member_id for _, member_id, _, status, _ in cursor.fetchall() if status == "OVERDUE"}
    parts = {row.member_id: row for row in FundContribution.objects.filter(sizing=sizing)}
    source = directory()
    contributions = [
        Contribution(
            member=source.participants[member.member_id].code,
            margin_minor=part.margin_minor if part else 0,
            contribution_minor=part.contribution_minor if part else 0,
            held_minor=member.held_minor,
            open_minor=member.open_minor,
            overdue=member.member_id in overdue,
            called_minor=part.called_minor if part else 0,
            returned_minor=part.returned_minor if part else 0,
        )
        for member in members
        for part in (parts.get(member.member_id),)
        if actor.sees_all or member.member_id == actor.participant_id
    ]
    return FundView(
        currency=source.currencies[sizing.currency_id].code,
        sizing=sizing,
        standing=_standing(run=run, currency_id=sizing.currency_id, business_date=business_date),
        held_minor=balances.get("FUND", 0),
        contributions=sorted(contributions, key=lambda row: row.member),
        layers=_layers(balances=balances, sizing=sizing, parameters=sizing.run.parameters),
        evenings=evenings,
    )


def _layers(*, balances: dict[str, int], sizing: FundSizing, parameters: MarginParameters) -> list[Layer]:
    """Return what stands behind a default, in the order in which it is used."""
    multiple = parameters.assessment_multiple
    capped = int(sizing.size_minor * multiple)
    return [
        Layer("The defaulter's margin", balances.get("MARGIN", 0), "cash of all members; only the defaulter's is used"),
        Layer("The defaulter's contribution", None, "its own part of the default fund"),
        Layer("The CCP's own resources", balances.get("SKIN", 0), "skin in the game, before any survivor's money"),
        Layer("The survivors' contributions", balances.get("FUND", 0), "the default fund, used pro rata"),
        Layer("Assessments", capped, f"called only then, at most {multiple.normalize():f} times the contribution"),
        Layer("The CCP's remaining capital", balances.get("EQUITY", 0), "last"),
    ]  # fmt: skip
