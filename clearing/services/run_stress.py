"""The evening's stress test: what each member would lose in every scenario, and what its margin would not cover."""

import numpy as np
from django.db import connection, transaction

from clearing.core.arrays import Ints
from clearing.core.stress_moves import member_losses, portfolio_losses
from clearing.models import MarginRun, Membership, StressLoss, StressScenario
from clearing.queries.membership import RISK_LOCK
from clearing.queries.stress_inputs import StaticPortfolios, known_scenarios, read_moves, read_portfolios
from clearing.services.load_stress_scenarios import load_stress_scenarios
from reference.bulk import copy_arrays
from reference.locks import take_lock
from reference.queries import directory


def run_stress(*, run: MarginRun) -> int:
    """Stress the static portfolios of a run and write a StressLoss per currency, scenario and member.

    Historical scenarios that end after the run's business date are not known yet and are left out. Uncovered is
    the loss beyond the initial margin that the run requires, portfolio by portfolio. Returns how many losses
    were written; called twice for a run, it writes nothing the second time.
    Source: EMIR RTS (EU) 153/2013, Articles 51 to 53.
    """
    with transaction.atomic():
        take_lock(name=RISK_LOCK)
        if StressLoss.objects.filter(run=run).exists():
            return 0
        if not StressScenario.objects.exists():
            load_stress_scenarios()
        scenarios = known_scenarios(business_date=run.business_date)
        portfolios = read_portfolios(run_id=run.pk)
        if not scenarios or not len(portfolios.account):
            return 0
        known = read_moves(scenarios=scenarios)
        losses = portfolio_losses(
            moves=known.moves,
            security=np.searchsorted(known.security_ids, portfolios.security).astype(np.int64),
            portfolio=portfolios.portfolio,
            mark_minor=portfolios.mark_minor,
            portfolios=len(portfolios.account),
        )
        return _write(run=run, scenarios=[row.pk for row in scenarios], portfolios=portfolios, losses=losses)


def _write(*, run: MarginRun, scenarios: list[int], portfolios: StaticPortfolios, losses: Ints) -> int:
    """Add the portfolios up by member and currency, and write what each member loses."""
    keys, place = np.unique(np.stack([portfolios.currency, portfolios.member]), axis=1, return_inverse=True)
    place = place.reshape(-1).astype(np.int64)
    count = keys.shape[1]
    lost, uncovered = member_losses(
        losses=losses, requirement_minor=portfolios.requirement_minor, member=place, members=count
    )
    margin = np.zeros(count, np.int64)
    np.add.at(margin, place, portfolios.requirement_minor)
    names = read_groups()
    groups = np.array([names.get(member, directory().participants[member].code) for member in keys[1].tolist()])
    each = len(scenarios)
    with connection.cursor() as cursor:
        return copy_arrays(
            cursor,
            table="clearing_stressloss",
            columns={
                "run_id": np.full(each * count, run.pk, np.int64),
                "scenario_id": np.repeat(np.array(scenarios, np.int64), count),
                "currency_id": np.tile(keys[0], each),
                "member_id": np.tile(keys[1], each),
                "group": np.tile(groups, each),
                "loss_minor": lost.reshape(-1),
                "margin_minor": np.tile(margin, each),
                "uncovered_minor": uncovered.reshape(-1),
            },
        )


def read_groups() -> dict[int, str]:
    """Return each member's group of affiliates by name; one that stands alone is its own, by its code."""
    rows = Membership.objects.values_list("member_id", "group_name", "member__code")
    return {member_id: group or code for member_id, group, code in rows}
