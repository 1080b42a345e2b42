"""The CCP on the eve of the demo: its own money, and what each clearing member has put up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from clearing.models import Membership
from clearing.services.move_collateral import Order, deposit_collateral
from clearing.services.open_membership import open_memberships, own_accounts
from fmi.demo.feed import traders
from fmi.demo.market import activity_weights
from ledger.models import Account, AccountKind, Balance
from reference.core.actor import SYSTEM
from reference.models import IssuerSector, Security
from reference.queries import directory

# Two members of one banking group: what one loses, the other is likely to lose with it (EMIR Article 42(3)).
GROUPS = {"ALDERBK": "Alder group", "FJORDBK": "Alder group"}
# In days of the market's trading in a currency: what the CCP has of its own (dedicated own resources, other capital),
# and the liquidity for variation margin.
OWN_DAYS = {"SKIN": 0.01, "EQUITY": 0.04, "VM": 0.10}
# What a member puts up at first: by its share of the trading, with those it clears for, and besides; and what it has
# for the default fund. Bonds move less than shares, so that in euros it takes less collateral.
SHARE_DAYS = {"EUR": 0.028, "USD": 0.070}
EXTRA_DAYS = {"EUR": 0.0016, "USD": 0.0040}
FUND_DAYS = 0.008
# Every second member puts up this share of its collateral in bonds of one government, from its own stock.
BOND_SHARE = 0.15
LARGEST_SHARE_OF_STOCK = 0.25
MINOR_UNITS = 100


def own_money_rows(*, daily_value: Mapping[str, float]) -> list[tuple[int, int, int]]:
    """Return (cash account, currency, minor units) of the CCP's own accounts. daily_value: by currency, whole units."""
    source = directory()
    return [
        (account_id, source.currencies_by_code[code].id, int(value * OWN_DAYS[name]) * MINOR_UNITS)
        for name, account_id in own_accounts().items()
        for code, value in daily_value.items()
    ]


def put_up_rows(*, daily_value: Mapping[str, float]) -> list[tuple[int, int, int]]:
    """Return (cash account, currency, minor units) that members have besides, to put up as collateral and fund.

    daily_value: by currency, whole units.
    """
    source = directory()
    house = dict(Account.objects.filter(kind=AccountKind.CASH, name="HOUSE").values_list("participant_id", "pk"))
    rows = []
    for member_id, weight in _weights().items():
        for code, value in daily_value.items():
            days = collateral_days(currency=code, weight=weight) + FUND_DAYS
            rows.append((house[member_id], source.currencies_by_code[code].id, int(value * days) * MINOR_UNITS))
    return rows


def collateral_days(*, currency: str, weight: float) -> float:
    """Return what a member puts up as collateral, in days of the market's trading. weight: its share of it."""
    return weight * SHARE_DAYS[currency] + EXTRA_DAYS[currency]


def put_up_collateral(*, daily_value: Mapping[str, float], business_date: date, at: datetime) -> int:
    """Deposit each member's first collateral, cash and for some bonds; return the number of deposits, none twice."""
    source = directory()
    if Membership.objects.filter(im_cash__balances__balance__gt=0).exists():
        return 0
    deposits = 0
    bonds = _bonds_held()
    for place, (member_id, weight) in enumerate(_weights().items()):
        for code, value in daily_value.items():
            currency_id = source.currencies_by_code[code].id
            order = Order(
                member_id=member_id, currency_id=currency_id, actor=SYSTEM, at=at, business_date=business_date
            )
            cash_minor = int(value * collateral_days(currency=code, weight=weight)) * MINOR_UNITS
            security_id, units = bonds.get((member_id, currency_id), (0, 0)) if place % 2 else (0, 0)
            lot = source.securities[security_id].lot_size_units if units else 1
            worth = int(cash_minor * BOND_SHARE) // MINOR_UNITS
            units = min(int(units * LARGEST_SHARE_OF_STOCK), worth) // lot * lot
            deposit_collateral(order=order, asset_id=currency_id, amount=cash_minor)
            deposits += 1
            if units:
                deposit_collateral(order=order, asset_id=security_id, amount=units)
                deposits += 1
    return deposits


def join_members(*, business_date: date) -> int:
    """Open the memberships of the clearing members and the CCP's own accounts; return how many are new."""
    return open_memberships(joined_on=business_date, groups=GROUPS)


def _weights() -> dict[int, float]:
    """Return clearing member -> its share of the market's trading, with those it clears for."""
    source = directory()
    active = traders()
    weights: dict[int, float] = {}
    for trader, weight in zip(active, activity_weights(count=len(active)).tolist(), strict=True):
        member_id = source.participants_by_code[trader.code].clearing_member_id
        if member_id is not None:
            weights[member_id] = weights.get(member_id, 0.0) + weight
    return weights


def _bonds_held() -> dict[tuple[int, int], tuple[int, int]]:
    """Return (member, currency) -> the government bond of which its house account holds most, and how much."""
    bonds = dict(
        Security.objects.filter(issuer_sector=IssuerSector.GOVERNMENT, active=True).values_list("pk", "currency_id")
    )
    held = Balance.objects.filter(asset_id__in=bonds, account__name="HOUSE", balance__gt=0)
    found: dict[tuple[int, int], tuple[int, int]] = {}
    rows = held.values_list("account__participant_id", "asset_id", "balance").order_by("balance", "asset_id")
    for participant_id, security_id, units in rows:
        found[participant_id, bonds[security_id]] = (security_id, units)
    return found
