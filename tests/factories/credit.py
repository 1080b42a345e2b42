"""Credit lines, haircuts and prices for a chain's market."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from ledger.models import Balance
from settlement.models import CreditLine
from settlement.services.credit_lines import open_credit_line
from settlement.services.load_haircuts import load_haircuts
from tests.factories.reference import DailyPriceFactory

if TYPE_CHECKING:
    from tests.factories.chain import Chain


def price(chain: Chain, symbol: str, close: str, day: date | None = None) -> None:
    """Give a security a close, the day before the chain's unless told otherwise."""
    value = Decimal(close)
    DailyPriceFactory.create(
        security_id=chain.assets[symbol], date=day or chain.day - timedelta(days=3), open=value, high=value, low=value,
        close=value, adjusted_close=value,
    )  # fmt: skip


def lend(chain: Chain, code: str, limit_minor: int, currency: str = "EUR") -> CreditLine:
    """Open a credit line on a participant's own cash account, with the product's haircuts."""
    load_haircuts()
    return open_credit_line(participant_id=chain.ids[code], currency_id=chain.assets[currency], limit_minor=limit_minor)


def at_central_bank(chain: Chain, code: str, asset: str, name: str = "CREDIT") -> int:
    """Return what the central bank's account in a participant's name holds."""
    kind = "CASH" if asset in ("EUR", "USD") else "SEC"
    row = Balance.objects.filter(account__code=f"BANK-{kind}-{name}-{code}", asset_id=chain.assets[asset]).first()
    return row.balance if row is not None else 0
