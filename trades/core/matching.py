"""Pairing of the reports that do not agree to the letter, and the explanation of those that stay alone. Pure.

Reports that agree in every field are paired by one SQL statement (services/match_trades.py); what
comes here is the rest, a few per cent. Rules: CSDR RTS (EU) 2018/1229 Art 5(3) (the fields that must
agree) and Art 6 (the tolerance on the cash amount); a filled optional field matches a blank one (T2S).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from reference.core.pairing import Tolerance, pair_nearest

NEAR_MISS_CANDIDATES = 64
NEAR_MISS_DIFFERENCES = 2
# The same parties trade the same security many times a day: other quantity and other price, other trade.
ANOTHER_TRADE = frozenset({"quantity", "price"})


class OpenReport(NamedTuple):
    """One report that waits for its other side."""

    id: int
    side: str
    buyer_id: int
    seller_id: int
    security_id: int
    currency_id: int
    quantity_units: int
    trade_date: date
    settlement_date: date
    cleared: bool
    price: Decimal
    amount_minor: int
    transaction_type: str
    trading_venue: str


class Pair(NamedTuple):
    """Two reports found to be one trade. The seller is the deliverer: its amount settles."""

    buy: OpenReport
    sell: OpenReport
    rule: str


def pair_reports(*, reports: Iterable[OpenReport], tolerances: Mapping[int, Tolerance]) -> list[Pair]:
    """Pair buy with sell reports one to one; at most one pair a report.

    Within a block of reports that agree in all mandatory fields, reports are paired by the smallest
    difference in the cash amount first, then by the older report, as far as tolerance and optional
    fields allow. tolerances: by currency id; the tolerance is that of the seller's amount.
    """
    blocks: dict[tuple[object, ...], tuple[list[OpenReport], list[OpenReport]]] = defaultdict(lambda: ([], []))
    for report in reports:
        key = (
            report.buyer_id,
            report.seller_id,
            report.security_id,
            report.currency_id,
            report.quantity_units,
            report.trade_date,
            report.settlement_date,
            report.cleared,
        )
        blocks[key][report.side == "SELL"].append(report)
    pairs: list[Pair] = []
    for buys, sells in blocks.values():
        if buys and sells:
            found = pair_nearest(
                takers=buys,
                deliverers=sells,
                tolerance=tolerances[buys[0].currency_id],
                differences=lambda buy, sell: 0 if _optional_agree(buy=buy, sell=sell) else None,
            )
            pairs += [Pair(buy=buy, sell=sell, rule=_rule_of(buy=buy, sell=sell)) for buy, sell in found]
    return sorted(pairs, key=lambda pair: (pair.buy.id, pair.sell.id))


def _optional_agree(*, buy: OpenReport, sell: OpenReport) -> bool:
    """Tell whether the optional fields allow a match: blank against anything, filled against the same."""
    return (
        not buy.transaction_type or not sell.transaction_type or buy.transaction_type == sell.transaction_type
    ) and (not buy.trading_venue or not sell.trading_venue or buy.trading_venue == sell.trading_venue)


def _rule_of(*, buy: OpenReport, sell: OpenReport) -> str:
    """Name the rule by which two reports match."""
    if buy.amount_minor != sell.amount_minor:
        return "TOLERANCE"
    same = buy.transaction_type == sell.transaction_type and buy.trading_venue == sell.trading_venue
    return "EXACT" if same else "OPTIONAL"


class NearMiss(NamedTuple):
    """The report that comes nearest to being the other side, and in which fields it differs."""

    report_id: int
    other_id: int
    fields: tuple[str, ...]


def find_near_misses(*, reports: Sequence[OpenReport], tolerances: Mapping[int, Tolerance]) -> list[NearMiss]:
    """Return, for each report that has one, the other side's report that differs in the fewest fields, at most two.

    Only reports that share a few fields are compared (same parties and security; or same security,
    quantity and one party; or same parties, quantity and date), so the work stays linear.
    """
    blocks: dict[tuple[object, ...], list[OpenReport]] = defaultdict(list)
    for report in reports:
        for key in _blocking_keys(report):
            block = blocks[(report.side, *key)]
            if len(block) < NEAR_MISS_CANDIDATES:
                block.append(report)
    found: list[NearMiss] = []
    for report in reports:
        other_side = "SELL" if report.side == "BUY" else "BUY"
        best: tuple[int, int, int, OpenReport, tuple[str, ...]] | None = None
        for key in _blocking_keys(report):
            for other in blocks.get((other_side, *key), ()):
                fields = differing_fields(report=report, other=other, tolerances=tolerances)
                if not 0 < len(fields) <= NEAR_MISS_DIFFERENCES or ANOTHER_TRADE.issubset(fields):
                    continue
                rank = (len(fields), abs(other.amount_minor - report.amount_minor), other.id)
                if best is None or rank < best[:3]:
                    best = (*rank, other, fields)
        if best is not None:
            found.append(NearMiss(report_id=report.id, other_id=best[3].id, fields=best[4]))
    return found


def _blocking_keys(report: OpenReport) -> tuple[tuple[object, ...], ...]:
    """Return the keys under which a report is looked for."""
    return (
        ("parties and security", report.buyer_id, report.seller_id, report.security_id),
        ("buyer", report.buyer_id, report.security_id, report.quantity_units, report.trade_date),
        ("seller", report.seller_id, report.security_id, report.quantity_units, report.trade_date),
        ("parties and quantity", report.buyer_id, report.seller_id, report.quantity_units, report.trade_date),
    )


def differing_fields(*, report: OpenReport, other: OpenReport, tolerances: Mapping[int, Tolerance]) -> tuple[str, ...]:
    """Name the fields in which two reports disagree, as matching sees it; price stands for the cash amount."""
    plain = (
        ("buyer", report.buyer_id != other.buyer_id),
        ("seller", report.seller_id != other.seller_id),
        ("security", report.security_id != other.security_id),
        ("currency", report.currency_id != other.currency_id),
        ("quantity", report.quantity_units != other.quantity_units),
        ("trade date", report.trade_date != other.trade_date),
        ("settlement date", report.settlement_date != other.settlement_date),
        ("clearing", report.cleared != other.cleared),
        ("transaction type", _both_filled_differ(report.transaction_type, other.transaction_type)),
        ("trading venue", _both_filled_differ(report.trading_venue, other.trading_venue)),
    )
    fields = [name for name, differs in plain if differs]
    deliverer = report if report.side == "SELL" else other
    allowed = tolerances[deliverer.currency_id].allowed(amount_minor=deliverer.amount_minor)
    if "quantity" in fields:
        # The amounts then differ in any case; whether the price does tells a slip from another trade.
        fields += ["price"] if report.price != other.price else []
    elif abs(report.amount_minor - other.amount_minor) > allowed:
        fields.append("price" if report.price != other.price else "amount")
    return tuple(fields)


def _both_filled_differ(one: str, two: str) -> bool:
    """Tell whether two optional fields are both filled and differ."""
    return bool(one) and bool(two) and one != two
