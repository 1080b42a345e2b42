"""What a stress run computes with: the scenarios known on a day as moves, and the static portfolios of a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from django.db import connection
from django.db.models import Q

from clearing.core.arrays import Floats, Ints
from clearing.core.stress_moves import Market, scenario_moves
from clearing.models import FactorExposure, StressFactor, StressScenario, StressShock
from reference.bulk import fetch_arrays
from reference.models import IssuerSector, SecurityType
from reference.queries import directory

FACTORS = tuple(StressFactor.values)
BASIS_POINT = 1e-4

OWN_SQL = """
    SELECT c.id AS scenario, s.asset_ptr_id AS security, (t.adjusted_close / f.adjusted_close - 1)::float8 AS move
    FROM clearing_stressscenario c
    CROSS JOIN reference_security s
    JOIN reference_dailyprice f ON f.security_id = s.asset_ptr_id AND f.date = c.from_date
    JOIN reference_dailyprice t ON t.security_id = s.asset_ptr_id AND t.date = c.to_date
    WHERE c.id = ANY(%s) AND s.security_type = 'EQUITY'
"""

# One row an element of a portfolio's arrays; portfolios in the order of their ids.
POSITIONS_SQL = """
    SELECT m.id AS portfolio, u.security, u.mark
    FROM clearing_portfoliomargin m
    CROSS JOIN LATERAL unnest(m.security_ids, m.mark_minor) AS u (security, mark)
    WHERE m.run_id = %s ORDER BY m.id
"""

PORTFOLIOS_SQL = """
    SELECT id, account_id AS account, member_id AS member, currency_id AS currency, requirement_minor AS requirement
    FROM clearing_portfoliomargin WHERE run_id = %s ORDER BY id
"""


@dataclass(frozen=True, slots=True, eq=False)
class ScenarioMoves:
    """The scenarios known on a day, and what each security's price does in them: (scenarios, securities)."""

    scenarios: Sequence[StressScenario]
    security_ids: Ints
    moves: Floats


@dataclass(frozen=True, slots=True, eq=False)
class StaticPortfolios:
    """A run's portfolios, one element each, and their positions, one element each.

    portfolio: (positions,) place of the position's portfolio; security: (positions,) id; mark_minor its value.
    """

    account: Ints
    member: Ints
    currency: Ints
    requirement_minor: Ints
    portfolio: Ints
    security: Ints
    mark_minor: Ints


def known_scenarios(*, business_date: date) -> Sequence[StressScenario]:
    """Return the scenarios that can be known on a day: the hypothetical, and history that has happened."""
    return list(StressScenario.objects.filter(Q(to_date=None) | Q(to_date__lte=business_date)).order_by("pk"))


def read_moves(*, scenarios: Sequence[StressScenario]) -> ScenarioMoves:
    """Return what every security's price does in these scenarios. Three queries."""
    ids = [scenario.pk for scenario in scenarios]
    rows = {scenario_id: row for row, scenario_id in enumerate(ids)}
    securities = np.array(sorted(directory().securities), np.int64)
    columns = {security_id: column for column, security_id in enumerate(securities.tolist())}
    with connection.cursor() as cursor:
        found = fetch_arrays(cursor, OWN_SQL, [ids])
    own = np.full((len(ids), len(securities)), np.nan)
    own[_places(found["scenario"], rows), _places(found["security"], columns)] = found["move"]
    by_security = np.full_like(own, np.nan)
    by_factor = np.full((len(ids), len(FACTORS)), np.nan)
    for shock in StressShock.objects.filter(scenario_id__in=ids):
        row, move = rows[shock.scenario_id], shock.move_bp * BASIS_POINT
        if shock.security_id is None:
            by_factor[row, FACTORS.index(shock.factor)] = move
        else:
            by_security[row, columns[shock.security_id]] = move
    moves = scenario_moves(
        market=read_market(security_ids=securities.tolist()),
        own=own,
        by_factor=by_factor,
        by_security=by_security,
        shares=FACTORS.index(StressFactor.EQUITY),
    )
    return ScenarioMoves(scenarios=scenarios, security_ids=securities, moves=moves)


def read_market(*, security_ids: Sequence[int]) -> Market:
    """Return the factor of each security: as it is exposed, else by its type and who issued it."""
    exposed = {
        row.security_id: (row.factor, row.sensitivity_percent / 100)
        for row in FactorExposure.objects.filter(security_id__in=security_ids)
    }
    found = [exposed.get(security_id) or (_usual_factor(security_id), 1.0) for security_id in security_ids]
    return Market(
        factor=np.array([FACTORS.index(factor) for factor, _ in found], np.int64),
        sensitivity=np.array([sensitivity for _, sensitivity in found], np.float64),
    )


def _usual_factor(security_id: int) -> str:
    entry = directory().securities[security_id]
    if entry.security_type != SecurityType.BOND:
        return StressFactor.EQUITY.value
    government = entry.issuer_sector == IssuerSector.GOVERNMENT
    return (StressFactor.GOVERNMENT if government else StressFactor.CORPORATE).value


def read_portfolios(*, run_id: int) -> StaticPortfolios:
    """Return the portfolios of a run with their positions. Two queries."""
    with connection.cursor() as cursor:
        each = fetch_arrays(cursor, PORTFOLIOS_SQL, [run_id])
        positions = fetch_arrays(cursor, POSITIONS_SQL, [run_id])
    return StaticPortfolios(
        account=each["account"],
        member=each["member"],
        currency=each["currency"],
        requirement_minor=each["requirement"],
        portfolio=np.searchsorted(each["id"], positions["portfolio"]).astype(np.int64),
        security=positions["security"],
        mark_minor=positions["mark"],
    )


def _places(values: Ints, places: dict[int, int]) -> list[int]:
    return [places[value] for value in values.tolist()]
