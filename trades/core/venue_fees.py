"""What a venue charges for an execution."""

from dataclasses import dataclass

PARTS_PER_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class VenueFees:
    """A schedule of fees. A basis point is 100 parts per million; a maker's fee below zero is a rebate.

    minimum_minor: the least that an execution costs; a rebate has none.
    """

    maker_ppm: int
    taker_ppm: int
    minimum_minor: int = 0


def compute_fee_minor(*, fees: VenueFees, amount_minor: int, maker: bool) -> int:
    """Return the fee of one execution of this amount, rounded up: fees against the client, rebates down."""
    rate_ppm = fees.maker_ppm if maker else fees.taker_ppm
    fee_minor = -(-amount_minor * rate_ppm // PARTS_PER_MILLION)
    return fee_minor if rate_ppm < 0 else max(fee_minor, fees.minimum_minor)
