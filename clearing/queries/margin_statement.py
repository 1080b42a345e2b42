"""A member's margin statement of one business date: portfolios, requirement, collateral, movements, calls, payments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from clearing.models import (
    CallPayment,
    CollateralMovement,
    MarginCall,
    MarginRun,
    MarginRunKind,
    Membership,
    PortfolioMargin,
)
from clearing.queries.collateral import Pool, Segment, build_pools, is_closed, issuer_limit_ppm, ppm_of
from ledger.queries import balances_by_account_as_of
from reference.core.directory import CurrencyEntry, ParticipantEntry
from reference.models import AssetKind, Security
from reference.queries import directory
from settlement.queries.collateral import eligible_closes


@dataclass(frozen=True)
class StatementLine:
    """One line as the CSV and the API write it. amount_minor: in the currency; below zero, it leaves the member."""

    section: str
    currency_id: int
    item: str
    quantity: int | None
    amount_minor: int

    @property
    def currency(self) -> str:
        """Return the currency's code."""
        return directory().currencies[self.currency_id].code


@dataclass
class SegmentStatement:
    """A day in one currency. Amounts in minor units."""

    currency: CurrencyEntry
    pool: Pool
    fund_minor: int = 0
    portfolios: list[PortfolioMargin] = field(default_factory=list)
    movements: list[CollateralMovement] = field(default_factory=list)
    calls: list[MarginCall] = field(default_factory=list)
    payments: list[CallPayment] = field(default_factory=list)

    @property
    def requirement_minor(self) -> int:
        """Return the margin of all portfolios."""
        return sum(row.requirement_minor for row in self.portfolios)

    @property
    def variation_minor(self) -> int:
        """Return the variation margin of all portfolios; received is above zero."""
        return sum(row.variation_minor for row in self.portfolios)

    @property
    def balance_minor(self) -> int:
        """Return the excess of the collateral over the margin; below zero, the shortfall."""
        return self.pool.value_minor - self.requirement_minor


@dataclass(frozen=True)
class MarginStatement:
    """A member's statement: one part a currency. run: None on a day without an evening run."""

    member: ParticipantEntry
    business_date: date
    run: MarginRun | None
    segments: list[SegmentStatement]

    @property
    def lines(self) -> list[StatementLine]:
        """Return the statement line by line."""
        return [line for segment in self.segments for line in _lines(segment=segment)]


def read_statement(*, membership: Membership, business_date: date) -> MarginStatement:
    """Return a member's statement of a business date, as it stood at its end. Eleven queries."""
    run = (
        MarginRun.objects.select_related("parameters")
        .filter(business_date=business_date, kind=MarginRunKind.EVENING)
        .first()
    )
    member_id = membership.member_id
    found = {
        segment: SegmentStatement(currency=directory().currencies[segment[1]], pool=pool)
        for segment, pool in _pools_as_of(membership=membership, business_date=business_date, run=run).items()
    }

    def part(currency_id: int) -> SegmentStatement:
        empty = Pool(member_id, currency_id, 0, (), (), 0, 0)
        return found.setdefault(
            (member_id, currency_id), SegmentStatement(currency=directory().currencies[currency_id], pool=empty)
        )

    for balance in balances_by_account_as_of(account_ids=[membership.fund_cash_id], business_date=business_date).get(
        membership.fund_cash_id, []
    ):
        part(balance.asset_id).fund_minor = balance.balance
    if run is not None:
        margins = run.margins.filter(member_id=member_id).select_related("account").order_by("account__code")
        for margin in margins:
            part(margin.currency_id).portfolios.append(margin)
    day = {"member_id": member_id, "business_date": business_date}
    for movement in CollateralMovement.objects.filter(**day).select_related("asset").order_by("pk"):
        part(movement.currency_id).movements.append(movement)
    for call in MarginCall.objects.filter(**day).order_by("pk"):
        part(call.currency_id).calls.append(call)
    payments = CallPayment.objects.filter(call__member_id=member_id, business_date=business_date)
    for payment in payments.select_related("call").order_by("pk"):
        part(payment.call.currency_id).payments.append(payment)
    ordered = [found[segment] for segment in sorted(found, key=lambda segment: found[segment].currency.code)]
    return MarginStatement(directory().participants[member_id], business_date, run, ordered)


def _pools_as_of(*, membership: Membership, business_date: date, run: MarginRun | None) -> dict[Segment, Pool]:
    """Return the member's collateral at the end of a business date."""
    accounts = [membership.im_cash_id, membership.im_securities_id]
    balances = balances_by_account_as_of(account_ids=accounts, business_date=business_date)
    rows = [row for account in accounts for row in balances.get(account, [])]
    securities = sorted(row.asset_id for row in rows if row.asset.kind == AssetKind.SECURITY)
    issuers = dict(Security.objects.filter(pk__in=securities).values_list("pk", "issuer_name"))
    source = directory()
    member_id = membership.member_id
    closed = is_closed(run=run, business_date=business_date)
    limit_ppm = (
        issuer_limit_ppm(day=business_date)
        if run is None
        else ppm_of(percent=run.parameters.collateral_issuer_limit_percent)
    )
    cash = {(member_id, row.asset_id): row.balance for row in rows if row.asset.kind == AssetKind.CASH}
    held = [
        ((member_id, source.securities[row.asset_id].currency_id), row.asset_id, row.balance, issuers[row.asset_id])
        for row in rows
        if row.asset.kind == AssetKind.SECURITY
    ]
    quotes = eligible_closes(securities=securities, business_date=business_date, closed=closed) if securities else {}
    return build_pools(cash=cash, held=held, quotes=quotes, limit_ppm=limit_ppm)


def _lines(*, segment: SegmentStatement) -> Iterator[StatementLine]:
    """Yield the lines of one currency."""
    currency_id = segment.currency.id
    for row in segment.portfolios:
        account = row.account.code
        yield StatementLine("variation margin", currency_id, account, None, row.variation_minor)
        yield StatementLine("margin: base", currency_id, account, None, row.base_minor)
        yield StatementLine("margin: concentration", currency_id, account, None, row.concentration_minor)
        yield StatementLine("margin: anti-procyclicality", currency_id, account, None, row.procyclicality_minor)
        yield StatementLine("margin: required", currency_id, account, None, row.requirement_minor)
    yield StatementLine("collateral: cash", currency_id, segment.currency.code, None, segment.pool.cash_minor)
    source = directory()
    for holding in segment.pool.holdings:
        isin = source.securities[holding.security_id].isin
        yield StatementLine("collateral: security", currency_id, isin, holding.units, holding.value_minor)
    yield StatementLine("collateral: over the issuer limit", currency_id, "", None, -segment.pool.not_counted_minor)
    yield StatementLine("collateral: counted", currency_id, "", None, segment.pool.value_minor)
    yield StatementLine("margin: required in all", currency_id, "", None, segment.requirement_minor)
    yield StatementLine("excess (+) or shortfall (-)", currency_id, "", None, segment.balance_minor)
    for movement in segment.movements:
        is_cash = movement.asset_id == currency_id
        amount, units = (movement.amount, None) if is_cash else (0, movement.amount)
        yield StatementLine(f"movement: {movement.kind.lower()}", currency_id, movement.asset.code, units, amount)
    for call in segment.calls:
        yield StatementLine(f"call: {call.kind.lower()}", currency_id, f"call {call.pk}", None, call.amount_minor)
    for payment in segment.payments:
        yield StatementLine("payment of a call", currency_id, f"call {payment.call_id}", None, payment.amount_minor)
    yield StatementLine("default fund: contributed", currency_id, "", None, segment.fund_minor)
