"""The default fund: who pays into it, what stands in it, and the stress losses that it must cover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from django.db import connection

from clearing.core.arrays import Ints
from clearing.core.fund import Standing
from clearing.core.membership_lifecycle import MembershipStatus
from clearing.core.stress import cover_two
from clearing.models import FundParameters, FundSizing, MarginRun, SizingReason

MEMBERS_SQL = """
    SELECT m.member_id, m.fund_cash_id, h.id, coalesce(b.balance, 0), coalesce(c.open, 0), coalesce(r.margin, 0)
    FROM clearing_membership m
    JOIN ledger_account h ON h.participant_id = m.member_id AND h.kind = 'CASH' AND h.name = 'HOUSE'
    LEFT JOIN ledger_balance b ON b.account_id = m.fund_cash_id AND b.asset_id = %(currency)s
    LEFT JOIN (
        SELECT member_id, sum(amount_minor - paid_minor)::bigint AS open FROM clearing_margincall
        WHERE kind = 'FUND' AND currency_id = %(currency)s AND status IN ('ISSUED', 'OVERDUE') GROUP BY 1
    ) c ON c.member_id = m.member_id
    LEFT JOIN (
        SELECT member_id, sum(requirement_minor)::bigint AS margin FROM clearing_portfoliomargin
        WHERE run_id = %(run)s AND currency_id = %(currency)s GROUP BY 1
    ) r ON r.member_id = m.member_id
    WHERE m.status = ANY(%(statuses)s)
    ORDER BY m.member_id
"""

OWN_SQL = """
    SELECT coalesce(sum(b.balance), 0)::bigint FROM ledger_account a
    JOIN reference_participant p ON p.id = a.participant_id AND p.role = 'CCP'
    JOIN ledger_balance b ON b.account_id = a.id AND b.asset_id = %s
    WHERE a.kind = 'CASH' AND a.name = 'SKIN'
"""

LOSSES_SQL = """
    SELECT l.run_id, l.scenario_id, l."group", sum(l.uncovered_minor)::bigint
    FROM clearing_stressloss l JOIN clearing_marginrun r ON r.id = l.run_id
    WHERE l.currency_id = %(currency)s AND r.kind = 'EVENING' AND r.business_date BETWEEN %(since)s AND %(until)s
    GROUP BY 1, 2, 3
"""


# A defaulter contributes no more: what it paid in is used, or goes back once its default is closed.
CONTRIBUTING = [MembershipStatus.ACTIVE.value, MembershipStatus.SUSPENDED.value]


@dataclass(frozen=True, slots=True)
class MemberInFund:
    """A member that contributes: its accounts, what it holds in the fund, what is called of it, and its margin."""

    member_id: int
    fund_account_id: int
    house_account_id: int
    held_minor: int
    open_minor: int
    margin_minor: int


@dataclass(frozen=True, slots=True, eq=False)
class Losses:
    """Stress losses beyond margin: (rows, groups); a row is one scenario of one run, (run id, scenario id)."""

    rows: Sequence[tuple[int, int]]
    groups: Sequence[str]
    table: Ints


def members_in_fund(*, run: MarginRun, currency_id: int) -> list[MemberInFund]:
    """Return the members that contribute as they stand towards the fund of a currency, in the order of their ids."""
    with connection.cursor() as cursor:
        cursor.execute(MEMBERS_SQL, {"currency": currency_id, "run": run.pk, "statuses": CONTRIBUTING})
        return [MemberInFund(*row) for row in cursor.fetchall()]


def own_resources(*, currency_id: int) -> int:
    """Return the balance of the CCP's dedicated own resources in a currency."""
    with connection.cursor() as cursor:
        cursor.execute(OWN_SQL, [currency_id])
        return int(cursor.fetchone()[0])


def read_losses(*, currency_id: int, since: date, until: date) -> Losses:
    """Return the losses beyond margin of all evening runs of these business dates, by group of affiliates."""
    with connection.cursor() as cursor:
        cursor.execute(LOSSES_SQL, {"currency": currency_id, "since": since, "until": until})
        found = cursor.fetchall()
    rows = sorted({(run_id, scenario_id) for run_id, scenario_id, _, _ in found})
    groups = sorted({group for _, _, group, _ in found})
    row_of = {row: place for place, row in enumerate(rows)}
    group_of = {group: place for place, group in enumerate(groups)}
    table = np.zeros((len(rows), len(groups)), np.int64)
    for run_id, scenario_id, group, uncovered in found:
        table[row_of[run_id, scenario_id], group_of[group]] = uncovered
    return Losses(rows=rows, groups=groups, table=table)


def read_standing(
    *, run: MarginRun, currency_id: int, parameters: FundParameters, members: Sequence[MemberInFund]
) -> Standing:
    """Return how the fund of a currency stands on the evening of a run; what is called and open counts as there."""
    today = read_losses(currency_id=currency_id, since=run.business_date, until=run.business_date)
    regular = (
        FundSizing.objects.filter(currency_id=currency_id, reason__in=(SizingReason.FIRST, SizingReason.MONTHLY))
        .order_by("-id")
        .first()
    )
    return Standing(
        sized_on=regular.business_date if regular is not None else None,
        members_minor=sum(member.held_minor + member.open_minor for member in members),
        own_minor=own_resources(currency_id=currency_id),
        cover_two_minor=int(cover_two(losses=today.table).amount) if today.table.size else 0,
        thin_percent=parameters.thin_percent,
    )


def fund_parameters(*, business_date: date) -> FundParameters:
    """Return the parameters by which the fund is sized on a day. Raises FundParameters.DoesNotExist."""
    return FundParameters.objects.filter(valid_from__lte=business_date).latest("valid_from")
