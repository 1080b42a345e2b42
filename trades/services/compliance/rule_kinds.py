"""Which kinds of compliance rules orders could break at all: a part of what is read of their situation.

Read where the limits are, so that no change of a rule is missed. It never leaves out too much: of one order it looks at
bounds that no order breaks a rule within, of a set at less. What a rule looks at in full is said in rules.py.
"""

from reference.core.calendar import BUSINESS_ZONE
from reference.market_data import exchange_rate_sql, latest_quote_sql
from trades.services.compliance.measure import BASE_DIGITS, VOLUME_DAYS_SQL
from trades.services.compliance.rules import OPEN_STATUSES

SECURITY = "(%(securities)s::bigint[])[1]"
# Of one limit order: worth_minor in its own currency, rounded up; units; limit. Of what has none of these they are
# NULL, and so is every comparison with them.
WORTH_SQL = f"""(
    SELECT 1 + %(worth_minor)s::numeric * x.value * 10::numeric ^ ({BASE_DIGITS} - a.digits)
    FROM reference_security e JOIN reference_asset a ON a.id = e.currency_id
    CROSS JOIN {exchange_rate_sql(currency="e.currency_id", on="%(business_date)s::date")} x
    WHERE e.asset_ptr_id = {SECURITY})"""
VOLUME_SQL = f"""(
    SELECT avg(d.volume) - 1 FROM (
        SELECT p.volume FROM reference_dailyprice p
        WHERE p.security_id = {SECURITY} AND p.date < %(business_date)s::date
        ORDER BY p.date DESC LIMIT {VOLUME_DAYS_SQL}) d)"""
FAR_SQL = f"""(
    SELECT abs(%(limit)s::numeric - round(q.mid, 6)) * 10000 >= r.collar_bp * round(q.mid, 6)
    FROM (VALUES ({SECURITY})) AS w (security_id)
    JOIN {latest_quote_sql(security="w.security_id", at="%(at)s::timestamptz")} q
      ON q.at >= %(business_date)s::date::timestamp AT TIME ZONE '{BUSINESS_ZONE.key}')"""
RULE_KINDS_SQL = f"""SELECT to_json(r.kind) FROM trades_compliancerule r
    WHERE r.active AND r.valid_from <= %(business_date)s::date
      AND (r.security_id IS NULL OR r.security_id = ANY(%(securities)s::bigint[]))
      AND (r.client_id IS NULL OR r.client_id = ANY(%(clients)s::bigint[]))
      AND CASE
          WHEN r.kind = 'RESTRICTED_LIST' THEN EXISTS (
              SELECT FROM trades_restrictedentry e WHERE e.security_id = ANY(%(securities)s::bigint[])
                AND %(business_date)s::date BETWEEN e.valid_from AND coalesce(e.valid_to, 'infinity'))
          WHEN r.kind = 'WASH_TRADE' THEN cardinality(%(sides)s::text[]) > 1 OR EXISTS (
              SELECT FROM trades_order o WHERE o.security_id = ANY(%(securities)s::bigint[])
                AND o.client_id = ANY(%(clients)s::bigint[]) AND o.side <> ALL(%(sides)s::text[])
                AND o.status IN ({", ".join(f"'{status}'" for status in OPEN_STATUSES)}))
          WHEN r.kind = 'PRICE_COLLAR' THEN coalesce({FAR_SQL}, true)
          WHEN r.kind = 'CONCENTRATION' AND NOT 'BUY' = ANY(%(sides)s::text[]) THEN false
          WHEN r.kind IN ('FAT_FINGER', 'CONCENTRATION') THEN
              r.volume_percent IS NOT NULL
              AND coalesce(r.volume_percent * {VOLUME_SQL} <= 100 * %(units)s::numeric, true)
              OR coalesce(r.ceiling_minor, r.least_minor) IS NOT NULL
              AND coalesce(coalesce(r.ceiling_minor, r.least_minor) <= {WORTH_SQL}, true)
          ELSE true END"""
