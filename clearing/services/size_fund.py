"""Size the default fund: how large, whose part is how large, what is called and what is given back."""

from datetime import date, datetime, timedelta

import numpy as np
from django.db import connection, transaction

from clearing.contracts import FundSized, FundThin
from clearing.core.call_lifecycle import OPEN_STATUSES, CallKind, CallStatus
from clearing.core.default_lifecycle import OVER, CaseStatus
from clearing.core.fund import is_thin, second_and_third, settle_contributions, sizing_reason
from clearing.core.stress import allocate_pro_rata, cover_two
from clearing.core.stress import size_fund as needed_size
from clearing.models import (
    DefaultCase,
    FundContribution,
    FundParameters,
    FundSizing,
    MarginCall,
    MarginRun,
    SizingReason,
)
from clearing.queries.fund import (
    CONTRIBUTING,
    Losses,
    MemberInFund,
    fund_parameters,
    members_in_fund,
    own_resources,
    read_losses,
    read_standing,
)
from clearing.queries.membership import RISK_LOCK
from clearing.services.issue_calls import WantedCall, place_calls
from clearing.services.load_stress_scenarios import load_stress_scenarios
from clearing.services.pay_calls import pay_calls
from events.services.outbox import record_fact
from ledger.services import post_entries
from reference.core.calendar import BUSINESS_ZONE
from reference.locks import take_lock
from reference.queries import directory
from settlement.services.business_day import next_business_date

FUND_SOURCE = "FUND"

# Of the last sizing of each currency, once no call of it is open, and only from an account from which nothing was
# used in between.
RETURNS_SQL = """
    SELECT c.id, m.fund_cash_id, h.id, s.currency_id, c.returned_minor
    FROM (
        SELECT DISTINCT ON (currency_id) id, currency_id FROM clearing_fundsizing ORDER BY currency_id, id DESC
    ) s
    JOIN clearing_fundcontribution c ON c.sizing_id = s.id AND c.returned_minor > 0
    JOIN clearing_membership m ON m.member_id = c.member_id AND m.status = ANY(%(statuses)s)
    JOIN ledger_account h ON h.participant_id = c.member_id AND h.kind = 'CASH' AND h.name = 'HOUSE'
    JOIN ledger_balance b ON b.account_id = m.fund_cash_id AND b.asset_id = s.currency_id
        AND b.balance >= c.contribution_minor + c.returned_minor
    WHERE NOT EXISTS (SELECT 1 FROM ledger_journalentry e WHERE e.source = 'FUND' AND e.source_id = c.id)
      AND NOT EXISTS (
          SELECT 1 FROM clearing_fundcontribution o JOIN clearing_margincall k ON k.id = o.call_id
          WHERE o.sizing_id = s.id AND k.status IN ('ISSUED', 'OVERDUE'))
    ORDER BY c.id
"""


def size_fund(*, run: MarginRun, reason: SizingReason | None = None) -> list[FundSizing]:
    """Size the default fund of every currency for which it is due on the evening of a run; return the sizings.

    Due: the first time, on the first evening of a month, or when it runs thin (FundParameters.thin_percent) and
    would grow by it. reason: size every currency now, for this reason (a refill, say). The fund is at least the
    largest or the second and third largest loss beyond margin (EMIR Article 42(3)), and with the CCP's dedicated
    own resources the two largest (Article 43(2)), over the stress runs of the lookback, plus a buffer. Members
    share it in proportion to their margin, each at least the least contribution. What is missing is called; what
    is too much goes back to the member's house account on the first evening on which all that was called is paid,
    so that the fund is never smaller in between. A currency is sized once a run at most, and while a
    default is open only for a reason given: nobody gets anything back before its losses are borne.
    """
    with transaction.atomic():
        take_lock(name=RISK_LOCK)
        parameters = _parameters(business_date=run.business_date)
        sizings = []
        for currency_id in _currencies(run=run):
            made = _size_one(run=run, currency_id=currency_id, parameters=parameters, forced=reason)
            if made is not None:
                sizings.append(made)
        if any(sizing.reason == SizingReason.FIRST for sizing in sizings):
            pay_calls(at=run.at, business_date=run.business_date)
        if not _default_is_open():
            _give_back(run=run)
    return sizings


def _parameters(*, business_date: date) -> FundParameters:
    """Return the parameters that are valid on a day."""
    if not FundParameters.objects.exists():
        load_stress_scenarios()
    return fund_parameters(business_date=business_date)


def _currencies(*, run: MarginRun) -> list[int]:
    """Return the currencies in which there are portfolios or a fund, and no sizing of this run yet."""
    found = set(run.margins.values_list("currency_id", flat=True).distinct())
    found |= set(FundSizing.objects.values_list("currency_id", flat=True).distinct())
    return sorted(found - set(FundSizing.objects.filter(run=run).values_list("currency_id", flat=True)))


def _size_one(
    *, run: MarginRun, currency_id: int, parameters: FundParameters, forced: SizingReason | None
) -> FundSizing | None:
    """Size one currency's fund if that is due."""
    members = members_in_fund(run=run, currency_id=currency_id)
    if not members:
        return None
    code = directory().currencies[currency_id].code
    standing = read_standing(run=run, currency_id=currency_id, parameters=parameters, members=members)
    if standing.sized_on is not None and is_thin(standing=standing):
        resources, needed = standing.resources_minor, standing.cover_two_minor
        record_fact(fact=FundThin(currency=code, cover_two_minor=needed, resources_minor=resources))
    reason = forced or sizing_reason(standing=standing, business_date=run.business_date)
    if reason is None or (forced is None and _default_is_open()):
        return None
    started = FundSizing(run=run, currency_id=currency_id, reason=reason)
    sizing = _build(sizing=started, parameters=parameters, members=len(members))
    if reason == SizingReason.THIN and sizing.size_minor <= standing.members_minor:
        return None
    sizing.save()
    _share(run=run, sizing=sizing, parameters=parameters, members=members)
    record_fact(fact=FundSized(currency=code, size_minor=sizing.size_minor, reason=str(reason)))
    return sizing


def _default_is_open() -> bool:
    """Say whether a default is being worked off: until it is closed, the fund stays as it is for the losses."""
    return DefaultCase.objects.exclude(status__in=(CaseStatus.PROPOSED, *OVER)).exists()


def _build(*, sizing: FundSizing, parameters: FundParameters, members: int) -> FundSizing:
    """Complete a sizing by the stress runs of the lookback; nothing is written."""
    run = sizing.run
    since = run.business_date - timedelta(days=parameters.lookback_days)
    losses = read_losses(currency_id=sizing.currency_id, since=since, until=run.business_date)
    sizing.business_date, sizing.at, sizing.parameters = run.business_date, run.at, parameters
    sizing.cover_two_minor = sizing.largest_minor = sizing.second_and_third_minor = 0
    sizing.own_resources_minor = own_resources(currency_id=sizing.currency_id)
    if losses.table.size:
        _judge(sizing=sizing, losses=losses)
    sizing.size_minor = needed_size(
        cover_two_minor=sizing.cover_two_minor,
        default_fund_least_minor=max(sizing.largest_minor, sizing.second_and_third_minor),
        own_resources_minor=sizing.own_resources_minor,
        least_minor=max(parameters.least_minor, parameters.least_contribution_minor * members),
        buffer=parameters.buffer_percent / 100,
    )
    return sizing


def _judge(*, sizing: FundSizing, losses: Losses) -> None:
    """Note the worst scenario and the losses that size the fund."""
    worst = cover_two(losses=losses.table)
    sizing.cover_two_minor = int(worst.amount)
    sizing.largest_minor = int(worst.largest)
    sizing.second_and_third_minor = second_and_third(losses=losses.table)
    if sizing.cover_two_minor:
        sizing.worst_run_id, sizing.scenario_id = losses.rows[worst.scenario]
        sizing.groups = [losses.groups[place] for place in worst.groups]


def _share(*, run: MarginRun, sizing: FundSizing, parameters: FundParameters, members: list[MemberInFund]) -> None:
    """Write each member's contribution, and call what is missing."""
    open_calls = MarginCall.objects.filter(
        kind=CallKind.FUND, currency_id=sizing.currency_id, status__in=OPEN_STATUSES,
        member_id__in=[member.member_id for member in members],
    )  # fmt: skip
    # What was called for the fund before is called anew, as part of the difference.
    open_calls.update(status=CallStatus.WITHDRAWN, withdrawn_at=run.at)
    margin = np.array([member.margin_minor for member in members], np.int64)
    held = np.array([member.held_minor for member in members], np.int64)
    contribution = allocate_pro_rata(
        total_minor=sizing.size_minor, weights=margin, least_minor=parameters.least_contribution_minor
    )
    called, returned = settle_contributions(contribution_minor=contribution, held_minor=held)
    wanted = [
        WantedCall(member.member_id, sizing.currency_id, amount)
        for member, amount in zip(members, called.tolist(), strict=True)
        if amount
    ]
    calls = place_calls(
        wanted=wanted,
        kind=CallKind.FUND,
        at=run.at,
        business_date=run.business_date,
        run=run,
        deadline=_deadline(run=run, sizing=sizing),
    )
    call_of = {call.member_id: call for call in calls}
    FundContribution.objects.bulk_create(
        [
            FundContribution(
                sizing=sizing, member_id=member.member_id, margin_minor=member.margin_minor,
                contribution_minor=part, held_minor=member.held_minor, called_minor=call, returned_minor=back,
                call=call_of.get(member.member_id),
            )
            for member, part, call, back in zip(
                members, contribution.tolist(), called.tolist(), returned.tolist(), strict=True
            )
        ]
    )  # fmt: skip


def _deadline(*, run: MarginRun, sizing: FundSizing) -> datetime:
    """Return by when a contribution is paid: the first one at once, others by the next day's deadline for calls."""
    if sizing.reason == SizingReason.FIRST:
        return run.at
    day = next_business_date(after=run.business_date)
    return datetime.combine(day, run.parameters.call_deadline, tzinfo=BUSINESS_ZONE)


def _give_back(*, run: MarginRun) -> None:
    """Post what is to be returned and may go: from each member's fund account to its own house cash."""
    with connection.cursor() as cursor:
        cursor.execute(RETURNS_SQL, {"statuses": CONTRIBUTING})
        rows = np.array(cursor.fetchall(), np.int64).reshape(-1, 5)
    if not len(rows):
        return
    ids, fund, house, currency, amount = rows.T
    post_entries(
        source=FUND_SOURCE,
        business_date=run.business_date,
        at=run.at,
        source_ids=np.concatenate([ids, ids]),
        accounts=np.concatenate([fund, house]),
        assets=np.concatenate([currency, currency]),
        amounts=np.concatenate([-amount, amount]),
    )
