"""What securities are worth as collateral on a business date."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from django.db import connection

from reference.queries import directory
from settlement.core.collateral import CollateralCategory, classify_collateral, unit_value_minor
from settlement.models import CollateralHaircut

STALE_AFTER = timedelta(days=10)
WHOLE = Decimal(100)

# The close of the day before: in the night and all day long a business date has one value for each security.
CLOSES_SQL = """
    SELECT wanted.id, last.close
    FROM unnest(%s::bigint[]) AS wanted (id)
    CROSS JOIN LATERAL (
        SELECT p.close FROM reference_dailyprice p
        WHERE p.security_id = wanted.id AND p.date < %s AND p.date >= %s ORDER BY p.date DESC LIMIT 1
    ) last
"""


def haircuts_on(*, day: date) -> dict[CollateralCategory, Decimal]:
    """Return the haircuts that are valid on a day, in percent, of the categories that are eligible."""
    rows = CollateralHaircut.objects.filter(valid_from__lte=day).order_by("valid_from")
    valid = {CollateralCategory(row.category): row.percent for row in rows}
    return {category: percent for category, percent in valid.items() if percent < WHOLE}


def eligible_closes(
    *, securities: Sequence[int], business_date: date, closed: bool = False
) -> dict[int, tuple[Decimal, Decimal]]:
    """Return, by security id, its last close and its haircut in percent.

    Without what is not eligible: inactive or matured, of a category without a haircut, or without a price of the
    last ten days. closed: whether the business date's own close counts; until its evening, nobody knows it.
    Two queries.
    """
    haircuts = haircuts_on(day=business_date)
    percents: dict[int, Decimal] = {}
    for security in securities:
        category = category_of(security_id=security, day=business_date)
        if category in haircuts:
            percents[security] = haircuts[category]
    if not percents:
        return {}
    until = business_date + timedelta(days=1) if closed else business_date
    with connection.cursor() as cursor:
        cursor.execute(CLOSES_SQL, [list(percents), until, business_date - STALE_AFTER])
        return {security: (close, percents[security]) for security, close in cursor.fetchall()}


def category_of(*, security_id: int, day: date) -> CollateralCategory | None:
    """Return a security's row of the haircut table on a day; None where it is inactive, unknown or matured."""
    entry = directory().securities.get(security_id)
    if entry is None or not entry.active:
        return None
    return classify_collateral(
        security_type=entry.security_type,
        issuer_sector=entry.issuer_sector,
        liquid=entry.liquid,
        maturity_date=entry.maturity_date,
        day=day,
    )


def unit_values(*, securities: Sequence[int], business_date: date) -> dict[int, int]:
    """Return, by security id, what one unit of it is worth as collateral in minor units of its currency.

    Without what is not eligible, and what is worth less than one minor unit a unit. Two queries.
    """
    source = directory()
    values = {
        security: unit_value_minor(
            price=close,
            amount_per_price=source.securities[security].amount_per_price(),
            digits=source.securities[security].currency.digits,
            haircut_percent=percent,
        )
        for security, (close, percent) in eligible_closes(securities=securities, business_date=business_date).items()
    }
    return {security: value for security, value in values.items() if value > 0}
