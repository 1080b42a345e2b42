"""The market at the moment a subject came, and what it is worth and how large it is against that."""

from reference.core.calendar import BUSINESS_ZONE
from reference.core.limits import LARGEST_AMOUNT
from reference.market_data import exchange_rate_sql, latest_quote_sql

VOLUME_DAYS_SQL = """coalesce((SELECT volume_days FROM trades_riskweights
    WHERE valid_from <= %(business_date)s::date ORDER BY valid_from DESC LIMIT 1), 20)"""
BASE_DIGITS = 2
# A figure is kept as an integer; beyond this one it says nothing more.
CAP = 10**15


def _capped(*, known: str, expression: str, most: int) -> str:
    """Return a numeric expression as a bigint of at most `most`, NULL unless known; LEAST would pass over a NULL."""
    return f"CASE WHEN {known} THEN least(round({expression}), {most})::bigint END"


def _part(*, name: str, measure: str, full: str, unknown: str) -> str:
    """Return a part of the score: its points in proportion to the measure, all from `full` on; `unknown` where NULL."""
    points = f"w.{name}_points"
    return (
        f"CASE WHEN {measure} IS NULL THEN {unknown} ELSE least({points}, {points} * {measure} / {full}) END::smallint"
        f" AS {name}_points"
    )


def measure_sql(*, subject: str) -> str:
    """Return a query that gives each row of `subject` (subjects.py) its market and its measures.

    subject: a relation. Parameter: %(business_date)s, on which the risk weights are in force that say over how many
    days a volume is averaged. Looked up once for each security and moment, not once for each row. Without a quote on
    the business date up to the moment, the close of the last day before it stands in; amounts go into EUR at the
    latest rate up to the business date.
    """
    return f"""
    WITH day AS MATERIALIZED (
        SELECT k.security_id, k.business_date, e.liquid, e.issuer_name, e.quotation, history.close, history.closed_on,
            CASE WHEN history.volume > 0 THEN history.volume END AS average_volume_units
        FROM (SELECT DISTINCT security_id, business_date FROM {subject}) k
        JOIN reference_security e ON e.asset_ptr_id = k.security_id
        CROSS JOIN LATERAL (
            SELECT (array_agg(d.close))[1] AS close, (array_agg(d.date))[1] AS closed_on,
                round(avg(d.volume))::bigint AS volume
            FROM (SELECT p.close, p.date, p.volume FROM reference_dailyprice p
                  WHERE p.security_id = k.security_id AND p.date < k.business_date
                  ORDER BY p.date DESC LIMIT {VOLUME_DAYS_SQL}) d
        ) history
    ), quoted AS MATERIALIZED (
        SELECT k.security_id, k.at, q.at AS quoted_at, k.business_date AS quoted_on, round(q.mid, 6) AS mid,
            q.ask - q.bid AS spread
        FROM (SELECT DISTINCT security_id, at, business_date FROM {subject}) k
        JOIN {latest_quote_sql(security="k.security_id", at="k.at")} q
          ON q.at >= k.business_date::timestamp AT TIME ZONE '{BUSINESS_ZONE.key}'
    ), rate AS MATERIALIZED (
        SELECT k.currency_id, k.business_date, 10::numeric ^ a.digits AS minor_units,
            x.value * 10::numeric ^ ({BASE_DIGITS} - a.digits) AS in_base
        FROM (SELECT DISTINCT currency_id, business_date FROM {subject}) k
        JOIN reference_asset a ON a.id = k.currency_id
        LEFT JOIN {exchange_rate_sql(currency="k.currency_id", on="k.business_date")} x ON true
    ), priced AS (
        SELECT s.*, d.liquid, d.issuer_name, d.average_volume_units, q.spread, q.quoted_at, r.in_base,
            CASE WHEN q.mid IS NOT NULL THEN 'QUOTE' WHEN d.close IS NOT NULL THEN 'CLOSE' ELSE 'NONE' END
                AS price_source,
            coalesce(q.mid, d.close) AS mid,
            CASE WHEN q.mid IS NOT NULL THEN q.quoted_on ELSE d.closed_on END AS priced_on,
            CASE WHEN s.notional_minor IS NOT NULL THEN s.notional_minor ELSE round(
                s.quantity_units * coalesce(s.price, q.mid, d.close)
                * CASE d.quotation WHEN 'PERCENT' THEN 0.01 ELSE 1 END * r.minor_units) END AS own_minor
        FROM {subject} s
        JOIN day d ON d.security_id = s.security_id AND d.business_date = s.business_date
        JOIN rate r ON r.currency_id = s.currency_id AND r.business_date = s.business_date
        LEFT JOIN quoted q ON q.security_id = s.security_id AND q.at = s.at
    )
    SELECT place, is_order, security_id, currency_id, side, quantity_units, price, participant_id, counterparty_id,
        client_id, account_id, at, business_date, settlement_days, liquid, issuer_name,
        price_source, mid, spread, quoted_at, priced_on, average_volume_units,
        {_capped(known="own_minor IS NOT NULL", expression="own_minor", most=LARGEST_AMOUNT)} AS notional_minor,
        {
        _capped(
            known="own_minor IS NOT NULL AND in_base IS NOT NULL", expression="own_minor * in_base", most=LARGEST_AMOUNT
        )
    } AS notional_base_minor,
        {
        _capped(
            known="average_volume_units IS NOT NULL",
            most=CAP,
            expression="quantity_units::numeric * 10000 / average_volume_units",
        )
    } AS size_bp,
        {_capped(known="price IS NOT NULL AND mid IS NOT NULL", expression="(price - mid) * 10000 / mid", most=CAP)}
            AS deviation_bp,
        {_capped(known="spread IS NOT NULL", expression="spread * 10000 / mid", most=CAP)} AS spread_bp
    FROM priced
    """


# The parts of the score: a share of its points in proportion to its measure, all of them from `full` on. What is not
# known counts in full, but for a market order's price and an order's counterparty, which it does not have.
SIZE = _part(name="size", measure="m.size_bp", full="w.size_full_bp", unknown="w.size_points")
DEVIATION = _part(
    name="deviation",
    measure="abs(m.deviation_bp)",
    full="w.deviation_full_bp",
    unknown="CASE m.price_source WHEN 'NONE' THEN w.deviation_points ELSE 0 END",
)
LIQUIDITY = _part(
    name="liquidity",
    measure="CASE WHEN m.price_source = 'CLOSE' AND m.liquid THEN w.unquoted_bp ELSE m.spread_bp END",
    full="w.liquidity_full_bp",
    unknown="w.liquidity_points",
)
COUNTERPARTY = _part(name="counterparty", measure="v.counterparty_bp", full="w.counterparty_full_bp", unknown="0")
SETTLEMENT = _part(name="settlement", measure="m.settlement_days", full="w.settlement_full_days", unknown="0")
SCORE_SQL = f"""
    SELECT m.*, v.counterparty_bp, {SIZE}, {DEVIATION}, {LIQUIDITY}, {COUNTERPARTY}, {SETTLEMENT}
    FROM enrich_measured m
    CROSS JOIN trades_riskweights w
    LEFT JOIN enrich_share v USING (participant_id, counterparty_id, business_date)
    WHERE w.id = %(weights)s
"""

ENRICHED_COLUMNS = """
    weights_id, price_source, mid, spread, quoted_at, priced_on, notional_minor, notional_base_minor,
    average_volume_units, size_bp, deviation_bp, spread_bp, counterparty_bp, settlement_days, size_points,
    deviation_points, liquidity_points, counterparty_points, settlement_points, risk_score, enriched_at
"""

ENRICH_SQL = f"""
    INSERT INTO {{table}} ({{key}}, {ENRICHED_COLUMNS})
    SELECT place, %(weights)s, price_source, mid, spread, quoted_at, priced_on, notional_minor, notional_base_minor,
        average_volume_units, size_bp, deviation_bp, spread_bp, counterparty_bp, settlement_days, size_points,
        deviation_points, liquidity_points, counterparty_points, settlement_points,
        size_points + deviation_points + liquidity_points + counterparty_points + settlement_points, %(at)s
    FROM ({SCORE_SQL}) scored ORDER BY place
"""

# What participants traded with one another, added up by day.
VOLUMES_SQL = """
    INSERT INTO trades_counterpartyvolume AS v (business_date, participant_id, counterparty_id, notional_base_minor)
    SELECT business_date, participant_id, counterparty_id, sum(notional_base_minor)
    FROM enrich_measured WHERE counterparty_id IS NOT NULL AND notional_base_minor IS NOT NULL
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (business_date, participant_id, counterparty_id)
    DO UPDATE SET notional_base_minor = v.notional_base_minor + EXCLUDED.notional_base_minor
"""

# The counterparty's share in all that the participant traded in the days that the weights say.
SHARES_SQL = """
    CREATE TEMP TABLE enrich_share ON COMMIT DROP AS
    WITH pair AS (
        SELECT DISTINCT participant_id, counterparty_id, business_date FROM enrich_measured
        WHERE counterparty_id IS NOT NULL
    ), traded AS MATERIALIZED (
        SELECT p.participant_id, p.business_date, v.counterparty_id, sum(v.notional_base_minor) AS amount
        FROM (SELECT DISTINCT participant_id, business_date FROM pair) p
        CROSS JOIN trades_riskweights w
        CROSS JOIN LATERAL generate_series(0, w.counterparty_days) AS back
        JOIN trades_counterpartyvolume v
          ON v.business_date = p.business_date - back AND v.participant_id = p.participant_id
        WHERE w.id = %(weights)s GROUP BY 1, 2, 3
    ), total AS (
        SELECT participant_id, business_date, sum(amount) AS amount FROM traded GROUP BY 1, 2
    )
    SELECT p.participant_id, p.counterparty_id, p.business_date,
        round(t.amount * 10000 / nullif(a.amount, 0))::bigint AS counterparty_bp
    FROM pair p JOIN traded t USING (participant_id, counterparty_id, business_date)
    JOIN total a USING (participant_id, business_date)
"""
