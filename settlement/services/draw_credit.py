"""Draw the credit that a cycle's decision counts on: what each account lacks, against what it then holds."""

from datetime import date, datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ledger.services import Postings
from reference.queries import directory
from settlement.core.collateral import choose_pledges
from settlement.core.credit_lifecycle import CreditStatus
from settlement.core.decide import Decision
from settlement.models import CollateralPledge, CreditDraw
from settlement.services.explain_outcome import Outcome
from settlement.services.load_due import Due
from settlement.services.prepare_credit import NO_ROW, CycleCredit, Holdings

Int64Array = NDArray[np.int64]


class DrawnCredit(NamedTuple):
    """The postings of a cycle's credits, as (CREDIT, credit id), and currency code -> what was drawn."""

    postings: Postings
    drawn_minor: dict[str, int]


def draw_credit(
    *,
    credit: CycleCredit,
    decision: Decision,
    due: Due,
    outcome: Outcome,
    cycle_id: int,
    at: datetime,
    business_date: date,
) -> DrawnCredit:
    """Write a credit for each line whose cash would else end below its floor, and what is pledged for it.

    Its postings belong into one statement with those of what settles, for the pledges may only be arriving.
    The cycle's row may come later in the same transaction. Raises PledgesDoNotCover, which the decision excludes.
    """
    missing = credit.floor - decision.balance_after[credit.cash_row]
    places = np.flatnonzero(missing > 0).tolist()
    draws = CreditDraw.objects.bulk_create(
        [
            CreditDraw(
                line_id=int(credit.lines.id[place]),
                cycle_id=cycle_id,
                business_date=business_date,
                at=at,
                amount_minor=int(missing[place]),
                status=CreditStatus.OPEN,
            )
            for place in places
        ]
    )
    after = credit.holdings._replace(
        units=np.where(
            credit.holdings.row != NO_ROW,
            decision.balance_after[credit.holdings.row] if len(decision.balance_after) else 0,
            credit.holdings.units,
        )
    )
    wanted = _wanted(holdings=after, due=due, outcome=outcome) if places else after.units
    lines: list[tuple[int, int, int, int]] = []
    pledges: list[CollateralPledge] = []
    drawn: dict[str, int] = {}
    for place, draw in zip(places, draws, strict=True):
        account, currency = int(credit.lines.account[place]), int(credit.lines.currency[place])
        lines += [
            (draw.pk, int(credit.lines.credit_account[place]), currency, -draw.amount_minor),
            (draw.pk, account, currency, draw.amount_minor),
        ]
        code = directory().currencies[currency].code
        drawn[code] = drawn.get(code, 0) + draw.amount_minor
        own = np.flatnonzero(after.line == place)
        for pledge in _choose(draw=draw, holdings=after, own=own, wanted=wanted):
            pledges.append(pledge)
            lines += [
                (draw.pk, pledge.securities_account_id, pledge.security_id, -pledge.units),
                (draw.pk, int(credit.lines.collateral_account[place]), pledge.security_id, pledge.units),
            ]
    CollateralPledge.objects.bulk_create(pledges)
    return DrawnCredit(as_postings(source="CREDIT", lines=lines), drawn)


def _choose(*, draw: CreditDraw, holdings: Holdings, own: Int64Array, wanted: Int64Array) -> list[CollateralPledge]:
    """Return what is pledged for a credit. own: the places of its line's holdings. Raises PledgesDoNotCover."""
    chosen = choose_pledges(
        credit=draw.amount_minor, units=holdings.units[own], unit_value=holdings.unit_value[own], wanted=wanted[own]
    )
    return [
        CollateralPledge(
            credit=draw,
            securities_account_id=int(holdings.account[holding]),
            security_id=int(holdings.security[holding]),
            units=units,
            unit_value_minor=int(holdings.unit_value[holding]),
        )
        for holding, units in zip(own.tolist(), chosen.tolist(), strict=True)
        if units
    ]


def as_postings(*, source: str, lines: list[tuple[int, int, int, int]]) -> Postings:
    """Return (source id, account, asset, amount) as postings of one source."""
    columns = np.array(lines, np.int64).reshape(-1, 4).T.copy()
    return Postings(source, *columns)


def _wanted(*, holdings: Holdings, due: Due, outcome: Outcome) -> Int64Array:
    """Return how many units of each holding the instructions that still wait would deliver, int64[h]."""
    rest = due.quantity - outcome.quantity
    waits = (rest > 0) & np.isin(due.deliverer, holdings.account)
    width = 1 + max(int(holdings.security.max(initial=0)), int(due.security.max(initial=0)))
    pairs, place = np.unique(due.deliverer[waits] * width + due.security[waits], return_inverse=True)
    total = np.zeros(len(pairs) + 1, np.int64)
    # More than is held is as good as all of it, and sums of it stay in range.
    np.add.at(total, place, np.minimum(rest[waits], np.iinfo(np.int64).max // (1 + len(rest))))
    found = np.searchsorted(pairs, holdings.account * width + holdings.security)
    found = np.where(np.isin(holdings.account * width + holdings.security, pairs), found, len(pairs))
    return total[found]
