"""Clearing members with collateral, and margin runs that require what a test wants, for a chain's market."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from clearing.models import MarginParameters, MarginRun, PortfolioMargin
from clearing.services.issue_calls import issue_calls
from clearing.services.load_margin_parameters import load_margin_parameters
from clearing.services.move_collateral import Order, deposit_collateral, withdraw_collateral
from clearing.services.open_membership import open_memberships
from clearing.services.pay_calls import pay_calls
from ledger.models import Balance
from reference.core.actor import SYSTEM, Actor
from settlement.services.load_haircuts import load_haircuts
from tests.factories.credit import price

if TYPE_CHECKING:
    from tests.factories.chain import Chain


def join(chain: Chain, *, issuer_limit: str = "100") -> None:
    """Open the members' accounts at the CCP, with prices, haircuts and an issuer limit in percent."""
    load_haircuts()
    load_margin_parameters()
    first = MarginParameters.objects.latest("valid_from")
    first.pk, first.valid_from, first.collateral_issuer_limit_percent = None, chain.day, Decimal(issuer_limit)
    first.why, first.least_call_minor = "for the test", 1_000
    first.save()
    for symbol, close in (("BOND", "98"), ("STOCK", "10"), ("SHARE", "1000")):
        price(chain, symbol, close)
    open_memberships(joined_on=chain.day)


def order(chain: Chain, code: str, *, actor: Actor | None = None, currency: str = "EUR") -> Order:
    """Return an order of a member, by the operator unless another acts."""
    return Order(
        member_id=chain.ids[code],
        currency_id=chain.assets[currency],
        actor=actor or SYSTEM,
        at=chain.at,
        business_date=chain.day,
    )


def put_in(chain: Chain, code: str, asset: str, amount: int) -> None:
    """Give a member something and deposit it as collateral."""
    chain.give(code, asset, amount)
    deposit_collateral(order=order(chain, code), asset_id=chain.assets[asset], amount=amount)


def require(
    chain: Chain, kind: str = "EVENING", *, unpaid: Mapping[str, int] | None = None, **requirements: int
) -> MarginRun:
    """Write a margin run of now that requires so much of each member's house account in EUR, minor units.

    unpaid: what a member lost and could not pay of its variation margin, to be called by the test.
    """
    run = MarginRun.objects.create(
        kind=kind,
        business_date=chain.day,
        at=chain.at,
        parameters=MarginParameters.objects.latest("valid_from"),
        priced_on=chain.day,
        portfolios=len(requirements),
    )
    lost = unpaid or {}
    PortfolioMargin.objects.bulk_create(
        [
            PortfolioMargin(
                run=run, account=chain.account(code), member_id=chain.ids[code], currency_id=chain.assets["EUR"],
                cash_minor=-lost.get(code, 0), worth_minor=-lost.get(code, 0), worth_before_minor=0,
                variation_minor=-lost.get(code, 0), variation_by="CALL" if code in lost else "JOURNAL",
                base_minor=amount, concentration_minor=0, procyclicality_minor=0, requirement_minor=amount,
                flat_minor=0, expected_shortfall_minor=amount, value_at_risk_minor=amount, gross_minor=0,
                security_ids=[], quantity_units=[], mark_minor=[],
            )
            for code, amount in requirements.items()
        ]
    )  # fmt: skip
    return run


def at_ccp(chain: Chain, code: str, asset: str, purse: str = "IM") -> int:
    """Return what the CCP's account in a member's name, or one of its own where that is empty, holds."""
    kind = "CASH" if asset in ("EUR", "USD") else "SEC"
    name = f"{purse}-{code}" if code else purse
    row = Balance.objects.filter(account__code=f"CCP-{kind}-{name}", asset_id=chain.assets[asset]).first()
    return row.balance if row is not None else 0


def call_and_pay_in_part(chain: Chain) -> None:
    """Have ALPHA put in and take out, and BRAVO pay a part of a call, which the next morning is overdue."""
    join(chain)
    put_in(chain, "ALPHA", "EUR", 5_000)
    put_in(chain, "ALPHA", "BOND", 100)
    withdraw_collateral(order=order(chain, "ALPHA"), asset_id=chain.assets["EUR"], amount=1_000)
    chain.give("BRAVO", "EUR", 30_000)
    issue_calls(run=require(chain, BRAVO=70_000))
    chain.move_to(chain.day.replace(day=9), 9)
    pay_calls(at=chain.at, business_date=chain.day)
