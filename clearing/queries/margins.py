"""What portfolios are margined for, as far as an actor may see it: now, over time, and which days make the tail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from django.db.models import Q, QuerySet

from clearing.core.arrays import Floats
from clearing.core.tail import count_tail
from clearing.models import MarginRun, MarginRunKind, PortfolioMargin, RefusedMarginRun
from clearing.queries.risk_prices import cached_risk_model
from clearing.refusals import UnknownPortfolio
from ledger.models import Account, AccountKind
from reference.core.actor import Actor

RUNS_SHOWN = 60
TAIL_SECURITIES = 4


def margins_visible_to(*, actor: Actor) -> QuerySet[PortfolioMargin]:
    """Return the portfolio margins the actor may see: all, its own, and those of accounts that clear through it."""
    rows = PortfolioMargin.objects.select_related("run", "account__participant", "member", "currency")
    if actor.participant_id is None:
        return rows
    return rows.filter(Q(member_id=actor.participant_id) | Q(account__participant_id=actor.participant_id))


def portfolio_account(*, actor: Actor, code: str) -> Account:
    """Return a securities account by its code, one the actor may see the margin of. Raises UnknownPortfolio."""
    found = Account.objects.select_related("participant").filter(code=code, kind=AccountKind.SECURITIES)
    if actor.participant_id is not None:
        found = found.filter(
            Q(participant_id=actor.participant_id) | Q(participant__clearing_member_id=actor.participant_id)
        )
    account = found.first()
    if account is None:
        raise UnknownPortfolio
    return account


def account_to_ask(*, actor: Actor, code: str | None) -> Account | None:
    """Return the account whose margin is asked about: the one named, or a participant's own.

    None for an operator who names none. Raises UnknownPortfolio.
    """
    if code:
        return portfolio_account(actor=actor, code=code)
    if actor.participant_id is None:
        return None
    return Account.objects.filter(
        participant_id=actor.participant_id, kind=AccountKind.SECURITIES, name="HOUSE"
    ).first()


def margined_accounts(*, actor: Actor) -> list[Account]:
    """Return the securities accounts that have been margined and that the actor may see, by code."""
    ids = margins_visible_to(actor=actor).order_by().values("account_id").distinct()
    return list(Account.objects.filter(pk__in=ids).order_by("code"))


@dataclass(frozen=True)
class MarginSegment:
    """One currency of a run: its portfolios, the largest requirement first, and their totals."""

    currency: str
    rows: list[PortfolioMargin]

    def total(self, name: str) -> int:
        """Return the sum of a column."""
        return sum(getattr(row, name) for row in self.rows)

    @property
    def requirement_minor(self) -> int:
        """Return what is required in all."""
        return self.total("requirement_minor")

    @property
    def largest_minor(self) -> int:
        """Return the largest requirement."""
        return max((row.requirement_minor for row in self.rows), default=0)


@dataclass(frozen=True)
class MarginReport:
    """A margin run as an actor sees it; refused: what was refused after it, newest first."""

    run: MarginRun | None
    segments: list[MarginSegment]
    refused: list[RefusedMarginRun]


def read_margin_report(*, actor: Actor, run_id: int | None = None) -> MarginReport:
    """Return the last run, or one run, with the portfolios the actor may see. Three queries."""
    runs = MarginRun.objects.select_related("parameters").order_by("-id")
    run = (runs if run_id is None else runs.filter(pk=run_id)).first()
    refused = RefusedMarginRun.objects.order_by("-id")
    if run is not None:
        refused = refused.filter(at__gt=run.at)
    found: dict[str, list[PortfolioMargin]] = {}
    if run is not None:
        rows = margins_visible_to(actor=actor).filter(run=run)
        for row in rows.order_by("currency__code", "-requirement_minor", "account__code"):
            found.setdefault(row.currency.code, []).append(row)
    return MarginReport(
        run=run,
        segments=[MarginSegment(currency, rows) for currency, rows in found.items()],
        refused=list(refused[:3]) if run_id is None else [],
    )


def margin_history(*, actor: Actor, account_id: int, runs: int = RUNS_SHOWN) -> list[PortfolioMargin]:
    """Return one account's margins of the last evening runs, oldest first, all its currencies."""
    since = list(
        MarginRun.objects.filter(kind=MarginRunKind.EVENING).order_by("-id").values_list("pk", flat=True)[:runs]
    )
    rows = margins_visible_to(actor=actor).filter(account_id=account_id, run_id__in=since)
    return list(rows.order_by("run_id", "currency__code"))


@dataclass(frozen=True)
class TailDay:
    """One scenario of the tail: the day on which its return ended, the loss, and what each security shown adds."""

    ended_on: date
    loss_minor: int
    parts_minor: list[int]


@dataclass(frozen=True)
class Tail:
    """The days of history that make a portfolio's expected shortfall, the worst first.

    securities: the symbols with the largest mean loss in the tail; the last part of a day is all the others.
    contributions_minor: (symbol, mean loss in the tail), all of them: they add up to the expected shortfall.
    """

    securities: list[str]
    days: list[TailDay]
    contributions_minor: list[tuple[str, int]]


def tail_of(*, margin: PortfolioMargin) -> Tail:
    """Return which days of history make a portfolio's expected shortfall, by security. Raises RiskRefused."""
    if not margin.security_ids:
        return Tail([], [], [])
    run = margin.run
    day = run.business_date if run.kind == MarginRunKind.EVENING else run.business_date - timedelta(days=1)
    model = cached_risk_model(securities=margin.security_ids, day=day, parameters=run.parameters)
    losses = -model.scenarios * np.array(margin.mark_minor, dtype=np.float64)
    worst = np.argsort(-losses.sum(axis=1), kind="stable")[
        : count_tail(observations=len(losses), confidence=model.settings.confidence)
    ]
    means: Floats = losses[worst].mean(axis=0)
    order = np.argsort(-means, kind="stable")
    shown = order[:TAIL_SECURITIES]
    return Tail(
        securities=[model.instruments[place] for place in shown.tolist()],
        days=[
            TailDay(
                ended_on=model.ends[row].astype(object),
                loss_minor=round(float(losses[row].sum())),
                parts_minor=_parts(losses[row], shown.tolist()),
            )
            for row in worst.tolist()
        ],
        contributions_minor=[(model.instruments[place], round(float(means[place]))) for place in order.tolist()],
    )


def _parts(losses: Floats, shown: Sequence[int]) -> list[int]:
    """Return the losses of the securities shown, and of all the others together."""
    parts = [round(float(losses[place])) for place in shown]
    return [*parts, round(float(losses.sum())) - sum(parts)]
