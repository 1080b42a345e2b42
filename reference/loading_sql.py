"""The statements of the loader: from the staged files into the tables, and the stages' columns."""

# Each statement adds what is missing and leaves alone what stands: an operator's change outlives
# the next load. The order of the files gives the order of the ids.
CALENDAR_SQL = """
INSERT INTO reference_calendar (code, name, financial_code)
SELECT code, name, financial_code FROM staged_calendar ORDER BY line
ON CONFLICT (code) DO NOTHING
"""
HOLIDAY_SQL = """
INSERT INTO reference_holiday (calendar_id, date, name)
SELECT calendar.id, staged.date, staged.name
FROM staged_holiday staged JOIN reference_calendar calendar ON calendar.code = staged.calendar
ORDER BY staged.line
ON CONFLICT (calendar_id, date) DO NOTHING
"""
ASSET_SQL = """
INSERT INTO reference_asset (code, kind, name, digits)
SELECT code, %s, name, %s FROM {staged} ORDER BY line
ON CONFLICT (code) DO NOTHING
"""
CURRENCY_SQL = """
INSERT INTO reference_currency
    (asset_ptr_id, calendar_id, tolerance_band_minor, tolerance_below_minor, tolerance_above_minor)
SELECT asset.id, calendar.id, 10000000, 200, 2500
FROM staged_currency staged
JOIN reference_asset asset ON asset.code = staged.code
JOIN reference_calendar calendar ON calendar.code = staged.calendar
ON CONFLICT (asset_ptr_id) DO NOTHING
"""
SECURITY_SQL = """
INSERT INTO reference_security
    (asset_ptr_id, symbol, security_type, quotation, currency_id, settlement_lag_days, lot_size_units,
     price_digits, active, liquid, issuer_name, issuer_sector, maturity_date)
SELECT asset.id, staged.symbol, staged.security_type, staged.quotation, money.id,
       staged.settlement_lag_days, staged.lot_size_units, staged.price_digits, true, staged.liquid,
       staged.issuer_name, staged.issuer_sector, staged.maturity_date
FROM staged_security staged
JOIN reference_asset asset ON asset.code = staged.code
JOIN reference_asset money ON money.code = staged.currency
ON CONFLICT (asset_ptr_id) DO NOTHING
"""
PARTICIPANT_SQL = """
INSERT INTO reference_participant (code, name, lei, bic, role, clearing_member_id, active)
SELECT staged.code, staged.name, staged.lei, staged.bic, staged.role, member.id, true
FROM staged_participant staged
LEFT JOIN reference_participant member ON member.code = staged.clearing_member
WHERE (staged.clearing_member IS NOT NULL) = %s
ORDER BY staged.line
ON CONFLICT (code) DO NOTHING
"""
PRICE_SQL = """
INSERT INTO reference_dailyprice (security_id, date, open, high, low, close, volume, adjusted_close)
SELECT security.asset_ptr_id, staged.date, staged.open, staged.high, staged.low, staged.close,
       staged.volume, staged.adjusted_close
FROM staged_price staged
JOIN reference_security security ON security.symbol = staged.symbol
ON CONFLICT (security_id, date) DO NOTHING
"""
RATE_SQL = """
INSERT INTO reference_exchangerate (currency_id, date, value, source)
SELECT money.id, staged.date, round(1 / staged.units_per_eur, 10), 'AVERAGE'
FROM staged_rate staged
JOIN reference_asset money ON money.code = staged.currency AND money.kind = 'CASH'
ORDER BY staged.line
ON CONFLICT (currency_id, date) DO NOTHING
"""

STAGES = {
    "calendar": "code text, name text, financial_code text",
    "holiday": "calendar text, date date, name text",
    "currency": "code text, name text, calendar text",
    "participant": "code text, name text, role text, clearing_member text, lei text, bic text",
    "security": "code text, symbol text, name text, issuer_name text, issuer_sector text,"
    " security_type text, quotation text, currency text, settlement_lag_days smallint, lot_size_units bigint,"
    " price_digits smallint, liquid boolean, maturity_date date",
    "price": "symbol text, date date, open numeric, high numeric, low numeric, close numeric,"
    " volume bigint, adjusted_close numeric",
    "rate": "currency text, date date, units_per_eur numeric",
}
