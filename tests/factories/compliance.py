"""Trades with a market around them, and the enrichment and the rules once more, in plain Python."""

from __future__ import annotations

import itertools
import uuid
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from ledger.models import Account, Balance
from reference.models import Asset, DailyPrice, ExchangeRate, Quote, Security
from tests.factories.chain import Chain
from trades.models import ComplianceRule, RestrictedEntry, RiskWeights, Trade

_numbers = itertools.count(1)


def give_prices(*, chain: Chain, symbol: str, close: str, volume: int = 1_000, days: int = 3) -> None:
    """Give a security closes up to the day before the chain's date."""
    for back in range(1, days + 1):
        price = Decimal(close)
        DailyPrice.objects.create(
            security_id=chain.assets[symbol], date=chain.day - timedelta(days=back), open=price, high=price, low=price,
            close=price, volume=volume, adjusted_close=price,
        )  # fmt: skip


def give_quote(*, chain: Chain, symbol: str, bid: str, ask: str, at: datetime | None = None) -> None:
    """Give a security a quote on the chain's date."""
    Quote.objects.create(
        security_id=chain.assets[symbol], at=at or chain.at, business_date=(at or chain.at).date(), bid=Decimal(bid),
        ask=Decimal(ask), last=Decimal(bid), bid_units=10, ask_units=10, last_units=10, source="TEST",
    )  # fmt: skip


def give_rate(*, chain: Chain, code: str, value: str) -> None:
    """Give a currency its rate in EUR."""
    ExchangeRate.objects.create(
        currency_id=chain.assets[code], date=chain.day - timedelta(days=1), value=Decimal(value), source="TEST"
    )


def make_trade(
    *, chain: Chain, buyer: str = "ALPHA", seller: str = "BRAVO", symbol: str = "STOCK", side: str = "BUY",
    quantity: int = 100, price: str = "10", at: datetime | None = None, amount_minor: int | None = None,
) -> Trade:  # fmt: skip
    """Write one report as capture would, in the security's own currency."""
    security = Security.objects.select_related("currency").get(pk=chain.assets[symbol])
    unit = Decimal("0.01") if security.quotation == "PERCENT" else Decimal(1)
    reckoned = int((quantity * Decimal(price) * unit * 100).to_integral_value(ROUND_HALF_UP))
    return Trade.objects.create(
        public_id=uuid.uuid4(), trade_id=f"E-{next(_numbers)}",
        reporter_id=chain.ids["VENUE" if side == "BOTH" else buyer if side == "BUY" else seller], side=side,
        buyer_id=chain.ids[buyer], seller_id=chain.ids[seller],
        buyer_account_id=None if side == "SELL" else chain.account(buyer).pk,
        seller_account_id=None if side == "BUY" else chain.account(seller).pk,
        security=security, currency=security.currency, quantity_units=quantity, price=Decimal(price),
        amount_minor=max(1, reckoned) if amount_minor is None else amount_minor, trade_date=chain.day,
        settlement_date=chain.day + timedelta(days=3), status="MATCHED" if side == "BOTH" else "NEW",
        received_at=at or chain.at, business_date=chain.day, match_key=0,
    )  # fmt: skip


def half_up(value: Decimal) -> int:
    """Round as PostgreSQL rounds a numeric."""
    return int(value.to_integral_value(ROUND_HALF_UP))


def market_of(*, trade: Trade) -> dict[str, Any]:
    """Return source, mid, spread, volume and worth of a trade, row by row."""
    midnight = trade.received_at.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    weights = RiskWeights.objects.filter(valid_from__lte=trade.business_date).latest("valid_from")
    days = list(
        DailyPrice.objects.filter(security_id=trade.security_id, date__lt=trade.business_date).order_by("-date")[
            : weights.volume_days
        ]
    )
    quote = (
        Quote.objects.filter(security_id=trade.security_id, at__lte=trade.received_at, at__gte=midnight)
        .order_by("-at", "-source")
        .first()
    )
    volume = half_up(Decimal(sum(day.volume for day in days)) / len(days)) if days else 0
    mid = spread = None
    source = "NONE"
    if quote is not None:
        source, spread = "QUOTE", quote.ask - quote.bid
        mid = ((quote.bid + quote.ask) / 2).quantize(Decimal("0.000001"), ROUND_HALF_UP)
    elif days:
        source, mid = "CLOSE", days[0].close
    rate = rate_of(currency_id=trade.currency_id, on=trade.business_date)
    return {
        "price_source": source,
        "mid": mid,
        "spread": spread,
        "average_volume_units": volume or None,
        "notional_base_minor": None if rate is None else half_up(trade.amount_minor * rate),
        "deviation_bp": None if mid is None else half_up((trade.price - mid) * 10_000 / mid),
        "size_bp": half_up(Decimal(trade.quantity_units) * 10_000 / volume) if volume else None,
        "spread_bp": None if spread is None or mid is None else half_up(spread * 10_000 / mid),
    }


def rate_of(*, currency_id: int, on: date) -> Decimal | None:
    """Return what one unit of a currency is worth in EUR."""
    if Asset.objects.get(pk=currency_id).code == "EUR":
        return Decimal(1)
    found = ExchangeRate.objects.filter(currency_id=currency_id, date__lte=on).order_by("-date").first()
    return None if found is None else found.value


def expected_findings(*, trades: list[Trade]) -> set[tuple[int, str, int | None, int | None]]:
    """Return (trade id, rule's code, figure, allowed) of every finding, trade by trade and rule by rule."""
    found = set()
    for trade in trades:
        market = market_of(trade=trade)
        for rule in ComplianceRule.objects.filter(active=True, valid_from__lte=trade.business_date):
            own = trade.seller_id if trade.side == "SELL" else trade.buyer_id
            parties = {trade.buyer_id, trade.seller_id} if trade.side == "BOTH" else {own}
            if rule.security_id not in (None, trade.security_id) or rule.client_id is not None:
                continue
            if rule.participant_id is not None and rule.participant_id not in parties:
                continue
            finding = JUDGES[rule.kind](trade, rule, market, parties)
            if finding is not None:
                found.add((trade.pk, rule.code, *finding))
    return found


Finding = tuple[int | None, int | None] | None


def _restricted(trade: Trade, rule: ComplianceRule, market: dict[str, Any], parties: set[int]) -> Finding:
    for entry in RestrictedEntry.objects.filter(security_id=trade.security_id):
        over = entry.valid_to is not None and entry.valid_to < trade.business_date
        named = entry.participant_id is None or entry.participant_id in parties
        if entry.valid_from <= trade.business_date and not over and named:
            return None, None
    return None


def _fat_finger(trade: Trade, rule: ComplianceRule, market: dict[str, Any], parties: set[int]) -> Finding:
    volume, notional = market["average_volume_units"], market["notional_base_minor"]
    if volume and rule.volume_percent and trade.quantity_units * 100 > volume * rule.volume_percent:
        return market["size_bp"] // 100, rule.volume_percent
    if rule.ceiling_minor and notional is not None and notional > rule.ceiling_minor:
        return notional, rule.ceiling_minor
    return None


def _collar(trade: Trade, rule: ComplianceRule, market: dict[str, Any], parties: set[int]) -> Finding:
    allowed = {"QUOTE": rule.collar_bp, "CLOSE": rule.close_collar_bp}.get(market["price_source"])
    if allowed is None or abs(market["deviation_bp"]) <= allowed:
        return None
    return abs(market["deviation_bp"]), allowed


def _wash(trade: Trade, rule: ComplianceRule, market: dict[str, Any], parties: set[int]) -> Finding:
    assert rule.window_minutes is not None
    assert rule.tolerance_bp is not None
    for other in Trade.objects.filter(pk__lt=trade.pk).order_by("-pk"):
        mirrored = (other.buyer_id, other.seller_id) == (trade.seller_id, trade.buyer_id)
        same = (other.security_id, other.quantity_units) == (trade.security_id, trade.quantity_units)
        age = trade.received_at - other.received_at
        if mirrored and same and other.status != "CANCELLED" and timedelta(0) <= age:
            near = abs(trade.price - other.price) * 10_000 <= rule.tolerance_bp * trade.price
            if near and age <= timedelta(minutes=rule.window_minutes):
                return half_up(Decimal(age.total_seconds()) / 60), rule.window_minutes
    return None


def _concentration(trade: Trade, rule: ComplianceRule, market: dict[str, Any], parties: set[int]) -> Finding:
    assert rule.share_percent is not None
    assert rule.least_minor is not None
    notional = market["notional_base_minor"]
    if trade.side == "SELL" or notional is None or notional < rule.least_minor or trade.buyer_account_id is None:
        return None
    issuer = trade.security.issuer_name
    own = Account.objects.get(pk=trade.buyer_account_id)
    total, of_issuer = Decimal(0), Decimal(notional)
    for row in Balance.objects.filter(account_id__in=[own.pk, own.linked_cash_id], balance__gt=0):
        worth = _worth(asset_id=row.asset_id, on=trade.business_date)
        if worth is None:
            continue
        total += row.balance * worth
        security = Security.objects.filter(pk=row.asset_id).first()
        if security is not None and security.issuer_name == issuer:
            of_issuer += row.balance * worth
    total = max(total, of_issuer)
    if of_issuer * 100 <= total * rule.share_percent:
        return None
    return half_up(of_issuer * 100 / total), rule.share_percent


def _worth(*, asset_id: int, on: date) -> Decimal | None:
    """Return what one unit of an asset is worth in EUR cents at the last close."""
    security = Security.objects.filter(pk=asset_id).first()
    rate = rate_of(currency_id=asset_id if security is None else security.currency_id, on=on)
    if rate is None or security is None:
        return rate
    price = DailyPrice.objects.filter(security_id=asset_id, date__lt=on).order_by("-date").first()
    if price is None:
        return None
    return price.close * rate * (1 if security.quotation == "PERCENT" else 100)


JUDGES = {
    "RESTRICTED_LIST": _restricted,
    "FAT_FINGER": _fat_finger,
    "PRICE_COLLAR": _collar,
    "WASH_TRADE": _wash,
    "CONCENTRATION": _concentration,
}
