"""Best execution: at which prices, costs and odds orders were executed, by venue, client, security and order.

MiFID II Article 27(1) names what counts: price, costs, speed, likelihood of execution and settlement, size. The words
passive and aggressive (an order that stood in the book, one that took from it) are those of Delegated Regulation (EU)
2017/576 (RTS 28), Article 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from django.db import connection

from reference.core.actor import Actor
from reference.market_data import exchange_rate_sql

MOST_ROWS: Final = 500
# What rows are told apart by -> (its key in a fill's order and slice, the code and the name of a key).
GROUPS: Final = {
    "venue": ("part.venue_id", "SELECT id, mic AS code, name FROM trades_venue"),
    "client": ("o.client_id", "SELECT id, code, name FROM trades_client"),
    "security": (
        "o.security_id",
        "SELECT s.asset_ptr_id AS id, s.symbol AS code, a.name FROM reference_security s"
        " JOIN reference_asset a ON a.id = s.asset_ptr_id",
    ),
    "order": ("o.id", "SELECT id, client_order_id AS code, public_id::text AS name FROM trades_order"),
    "all": ("0", "SELECT 0 AS id, 'ALL' AS code, 'All orders' AS name"),
}

# Amounts in minor units of the euro. Where no middle or no quote stood, a fill is left out of that comparison; where
# its currency has no exchange rate, out of all amounts.
REPORT_SQL = """
    WITH executed AS MATERIALIZED (
        SELECT {key} AS key, part.order_id, part.maker, CASE o.side WHEN 'BUY' THEN 1 ELSE -1 END AS sign,
            part.amount_minor * rate.unit AS value, part.fee_minor * rate.unit AS fee,
            part.amount_minor * rate.unit * o.arrival_mid / part.price AS arrival,
            part.amount_minor * rate.unit * part.quoted_price / part.price AS quoted
        FROM trades_fill part
        JOIN trades_order o ON o.id = part.order_id
        LEFT JOIN (
            SELECT days.currency_id, days.business_date, rate.value * 10::numeric ^ (2 - a.digits) AS unit
            FROM (
                SELECT DISTINCT d.business_date, c.asset_ptr_id AS currency_id
                FROM (SELECT DISTINCT business_date FROM trades_fill
                      WHERE business_date BETWEEN %(since)s AND %(until)s) d, reference_currency c
            ) days
            JOIN reference_asset a ON a.id = days.currency_id
            JOIN {rate} rate ON true
        ) rate ON rate.currency_id = o.currency_id AND rate.business_date = part.business_date
        WHERE part.business_date BETWEEN %(since)s AND %(until)s
          AND (%(broker)s::bigint IS NULL OR o.broker_id = %(broker)s)
    ), filled AS (
        SELECT key, count(*) AS fills, count(DISTINCT order_id) AS orders, sum(value) AS value,
            sum(value) FILTER (WHERE maker) AS passive, sum(fee) AS fees,
            sum(arrival) AS arrival, sum(sign * (value - arrival)) AS slippage,
            sum(quoted) FILTER (WHERE NOT maker) AS quoted,
            sum(sign * (quoted - value)) FILTER (WHERE NOT maker) AS improvement
        FROM executed GROUP BY key
    ), sent AS (
        SELECT {key} AS key, count(*) AS slices, avg(part.filled_units::float8 / part.quantity_units) AS fill_ratio,
            avg(part.latency_ms)::float8 AS latency,
            percentile_cont(0.95) WITHIN GROUP (ORDER BY part.latency_ms)::float8 AS slow_latency,
            count(*) FILTER (WHERE part.status = 'REJECTED') AS refused,
            sum(greatest(part.attempts - 1, 0)) AS repeated
        FROM trades_orderslice part
        JOIN trades_order o ON o.id = part.order_id
        WHERE o.business_date BETWEEN %(since)s AND %(until)s
          AND (%(broker)s::bigint IS NULL OR o.broker_id = %(broker)s)
        GROUP BY 1
    )
    SELECT names.code, names.name, coalesce(f.fills, 0), coalesce(f.orders, 0), coalesce(round(f.value), 0)::bigint,
        coalesce(f.passive / nullif(f.value, 0), 0)::float8, coalesce(round(f.fees), 0)::bigint,
        (10000 * f.fees / nullif(f.value, 0))::float8,
        round(f.slippage)::bigint, (10000 * f.slippage / nullif(f.arrival, 0))::float8,
        round(f.improvement)::bigint, (10000 * f.improvement / nullif(f.quoted, 0))::float8,
        coalesce(s.slices, 0), s.fill_ratio, s.latency, s.slow_latency, coalesce(s.refused, 0),
        coalesce(s.repeated, 0)::bigint
    FROM filled f FULL JOIN sent s USING (key)
    JOIN ({names}) names ON names.id = key
    ORDER BY f.value DESC NULLS LAST, names.code
    LIMIT %(limit)s
"""


@dataclass(frozen=True)
class ExecutionQuality:
    """How well one venue, client, security or order was executed. Amounts in minor units of the euro.

    slippage: against the middle of the quote when the order came; above zero is worse for the client. improvement: of
    what was taken, against the venue's own quote when it was chosen; above zero is better. Both None where there is
    nothing to compare with. passive_share: of the value, what stood in the book. fill_ratio: the mean of what its
    slices filled. latency_ms: mean and 95th percentile of a slice's answer.
    """

    code: str
    name: str
    fills: int
    orders: int
    value_minor: int
    passive_share: float
    fees_minor: int
    fees_bp: float | None
    slippage_minor: int | None
    slippage_bp: float | None
    improvement_minor: int | None
    improvement_bp: float | None
    slices: int
    fill_ratio: float | None
    latency_ms: float | None
    slow_latency_ms: float | None
    refused: int
    repeated: int

    @property
    def all_in_bp(self) -> float | None:
        """Slippage and fees together: what the execution cost beyond the middle."""
        return None if self.slippage_bp is None else self.slippage_bp + (self.fees_bp or 0.0)


def report_execution(
    *, actor: Actor, by: str, since: date, until: date, limit: int = MOST_ROWS
) -> Sequence[ExecutionQuality]:
    """Return execution quality by one of GROUPS over the fills of some business days, the most value first.

    A participant sees the orders of its own clients.
    """
    key, names = GROUPS[by]
    rate = exchange_rate_sql(currency="days.currency_id", on="days.business_date")
    with connection.cursor() as cursor:
        cursor.execute(
            REPORT_SQL.format(key=key, names=names, rate=rate),
            {"since": since, "until": until, "broker": actor.participant_id, "limit": limit},
        )
        return [ExecutionQuality(*row) for row in cursor.fetchall()]
