"""Margin runs with portfolios of given values, prices of given days, and members with cash."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from clearing.models import MarginParameters, MarginRun, PortfolioMargin
from clearing.services.load_margin_parameters import load_margin_parameters
from clearing.services.open_membership import open_memberships
from reference.models import DailyPrice
from tests.factories.chain import Chain, at_time

Portfolio = tuple[Mapping[str, int], int]


def add_price(chain: Chain, symbol: str, day: date, close: str, adjusted: str | None = None) -> None:
    """Give a security a closing price on a day."""
    price = Decimal(close)
    DailyPrice.objects.update_or_create(
        security_id=chain.assets[symbol],
        date=day,
        defaults={
            "open": price, "high": price, "low": price, "close": price, "volume": 1_000_000,
            "adjusted_close": Decimal(adjusted or close),
        },
    )  # fmt: skip


def join_members(chain: Chain, *, groups: Mapping[str, str] | None = None, cash: int = 1_000_000_000) -> None:
    """Open the memberships, and give each member euros on its house account."""
    open_memberships(joined_on=chain.day, groups=groups)
    for code in ("ALPHA", "BRAVO", "CHARLIE", "DELTA"):
        chain.give(code, "EUR", cash)


def make_run(
    chain: Chain, day: date, portfolios: Mapping[str, Portfolio], *, kind: str = "EVENING", currency: str = "EUR"
) -> MarginRun:
    """Write a margin run; portfolios: "CODE" or "CODE/ACCOUNT" -> (symbol -> market value, requirement)."""
    if not MarginParameters.objects.exists():
        load_margin_parameters()
    run = MarginRun.objects.create(
        kind=kind,
        business_date=day,
        at=at_time(day, 18),
        parameters=MarginParameters.objects.order_by("-valid_from")[0],
        priced_on=day,
        portfolios=len(portfolios),
    )
    for name, (marks, requirement) in portfolios.items():
        code, _, account_name = name.partition("/")
        account = chain.account(code, "STOCK", account_name or "HOUSE")
        owner = account.participant
        worth = sum(marks.values())
        PortfolioMargin.objects.create(
            run=run, account=account, member_id=owner.clearing_member_id or owner.pk,
            currency_id=chain.assets[currency], cash_minor=0, worth_minor=worth, worth_before_minor=worth,
            variation_minor=0, variation_by="JOURNAL", base_minor=requirement,
            concentration_minor=0, procyclicality_minor=0,
            requirement_minor=requirement, flat_minor=0, expected_shortfall_minor=requirement,
            value_at_risk_minor=requirement, gross_minor=sum(abs(mark) for mark in marks.values()),
            security_ids=[chain.assets[symbol] for symbol in marks], quantity_units=[1 for _ in marks],
            mark_minor=list(marks.values()),
        )  # fmt: skip
    return run
