"""Sharing a block trade among accounts, exact to the last unit and cent.

Quantities first: as told, or in proportion by the largest remainder. Then amount and fee in proportion to them, by
the largest remainder again, so every account trades at the block's average price as nearly as a cent allows, and all
of them together at exactly the block's amount (MiFID Delegated Regulation (EU) 2017/565, Art 68 and 69: aggregated
orders are allocated fairly, by a rule that is fixed beforehand).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from math import lcm

from reference.core.apportionment import apportion
from reference.refusals import Refusal

HUNDRED_PERCENT = Decimal(100)


class AllocationRefused(Refusal):
    """The block cannot be shared like this."""


class AllocationEmpty(AllocationRefused):
    """A block has at least one unit, and is shared among at least one account."""

    code = "allocation-empty"


class AllocationNotPositive(AllocationRefused):
    """An account's quantity, percentage or weight is above zero."""

    code = "allocation-not-positive"


class AllocationNotWhole(AllocationRefused):
    """The quantities do not add up to the block's."""

    code = "allocation-not-whole"


class PercentagesNotHundred(AllocationRefused):
    """The percentages do not add up to exactly 100."""

    code = "percentages-not-hundred"


@dataclass(frozen=True, slots=True)
class Block:
    """What is shared: its units, what was paid or received for all of them, and the fees of all of them."""

    quantity_units: int
    amount_minor: int
    fee_minor: int = 0


@dataclass(frozen=True, slots=True)
class Allocation:
    """One account's part; with less than one unit due, it may be nothing."""

    account: str
    quantity_units: int
    amount_minor: int
    fee_minor: int


def sum_fills(*, fills: Iterable[Block]) -> Block:
    """Return the block that the fills of an order make together."""
    found = list(fills)
    return Block(
        sum(fill.quantity_units for fill in found),
        sum(fill.amount_minor for fill in found),
        sum(fill.fee_minor for fill in found),
    )


def average_price(*, block: Block, minor_digits: int, digits: int = 6) -> Decimal:
    """Return the price of one unit in the currency, rounded half to even; for show: amounts are shared, not prices.

    minor_digits: of the currency, 2 for cents. digits: after the point. Raises AllocationEmpty.
    """
    if block.quantity_units <= 0:
        raise AllocationEmpty()
    with localcontext() as context:
        context.prec = 60
        price = Decimal(block.amount_minor).scaleb(-minor_digits) / block.quantity_units
        return price.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_EVEN)


def allocate_by_quantity(*, block: Block, quantities: Mapping[str, int]) -> tuple[Allocation, ...]:
    """Share a block as told. quantities: units by account.

    Raises AllocationEmpty, AllocationNotPositive, AllocationNotWhole.
    """
    _require_positive(block, quantities)
    told = sum(quantities.values())
    if told != block.quantity_units:
        raise AllocationNotWhole(f"{told} units are allocated of a block of {block.quantity_units}.")
    return _share_amounts(block, list(quantities), list(quantities.values()))


def allocate_by_percentage(*, block: Block, percentages: Mapping[str, Decimal]) -> tuple[Allocation, ...]:
    """Share a block by percentages that add up to 100; units left over go to the largest remainders.

    Raises AllocationEmpty, AllocationNotPositive, PercentagesNotHundred.
    """
    _require_positive(block, percentages)
    with localcontext() as context:
        context.prec = 60
        told = sum(percentages.values())
        if told != HUNDRED_PERCENT:
            raise PercentagesNotHundred(f"The percentages add up to {told}.")
    ratios = [percentage.as_integer_ratio() for percentage in percentages.values()]
    common = lcm(*(under for _, under in ratios))
    weights = [over * (common // under) for over, under in ratios]
    return _share_amounts(block, list(percentages), apportion(total=block.quantity_units, weights=weights))


def allocate_pro_rata(*, block: Block, weights: Mapping[str, int]) -> tuple[Allocation, ...]:
    """Share a block in proportion to weights, say what each account ordered or holds.

    Raises AllocationEmpty, AllocationNotPositive.
    """
    _require_positive(block, weights)
    units = apportion(total=block.quantity_units, weights=list(weights.values()))
    return _share_amounts(block, list(weights), units)


def _share_amounts(block: Block, accounts: list[str], units: list[int]) -> tuple[Allocation, ...]:
    amounts = apportion(total=block.amount_minor, weights=units)
    fees = apportion(total=block.fee_minor, weights=units)
    return tuple(Allocation(*parts) for parts in zip(accounts, units, amounts, fees, strict=True))


def _require_positive(block: Block, told: Mapping[str, int] | Mapping[str, Decimal]) -> None:
    if block.quantity_units <= 0 or not told:
        raise AllocationEmpty()
    for account, value in told.items():
        if not (isinstance(value, int) or value.is_finite()) or value <= 0:
            raise AllocationNotPositive(f"{account} is allocated {value}.", account=account)
