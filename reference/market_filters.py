"""Filters of market data."""

from __future__ import annotations

import django_filters

from reference.filters import CurrencyFilter, DateFilter, FilterSet, MomentFilter, SecurityFilter, SecurityListFilter
from reference.models import DailyPrice, ExchangeRate, Quote


class QuoteFilter(FilterSet):
    """Quotes by security, business date, moment and source."""

    security = SecurityFilter("security_id", label="Security")
    business_date = DateFilter("business_date", label="Business date")
    at_from = MomentFilter(field_name="at", lookup_expr="gte", label="From")
    at_until = MomentFilter(field_name="at", lookup_expr="lte", label="Until")
    source = django_filters.CharFilter(field_name="source", max_length=16, label="Source")

    class Meta:
        """Nothing but what is named above."""

        model = Quote
        fields: list[str] = []


class DailyPriceFilter(FilterSet):
    """Daily prices by security and date."""

    security = SecurityFilter("security_id", label="Security")
    date_from = DateFilter("date", "gte", label="From")
    date_until = DateFilter("date", "lte", label="Until")

    class Meta:
        """Nothing but what is named above."""

        model = DailyPrice
        fields: list[str] = []


class ExchangeRateFilter(FilterSet):
    """Exchange rates by currency and date."""

    currency = CurrencyFilter("currency_id", label="Currency")
    date_from = DateFilter("date", "gte", label="From")
    date_until = DateFilter("date", "lte", label="Until")

    class Meta:
        """Nothing but what is named above."""

        model = ExchangeRate
        fields: list[str] = []


class TapeFilter(SecurityListFilter):
    """The securities on the tape: active ones, by ISIN or symbol, type and currency."""

    active = None  # type: ignore[assignment]  # django-filter's way to leave one out
