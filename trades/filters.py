"""How lists of trades are filtered: the same in the API, on the page and in its CSV.

At a million trades each filter is either carried by an index (business date, submission by its day,
NEW by the small pool of what waits, the trade_id's prefix) or thins out a newest-first walk that ends
when the page is full.
"""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django_filters import CharFilter, MultipleChoiceFilter, UUIDFilter

from reference.filters import (
    BooleanFilter,
    CurrencyFilter,
    DateFilter,
    FilterSet,
    ParticipantFilter,
    SecurityFilter,
)
from trades.core.lifecycle import Side, TradeStatus
from trades.models import Submission, Trade


class TradeFilter(FilterSet):
    """Trades by state, parties, security and dates."""

    q = CharFilter(method="filter_reference", max_length=35, label="Reference", help_text="Beginning of the trade_id.")
    status = MultipleChoiceFilter(
        choices=[(state.value, state.title()) for state in TradeStatus],
        method="filter_status",
        label="Status",
    )
    side = MultipleChoiceFilter(choices=[(side.value, side.title()) for side in Side], label="Side")
    security = SecurityFilter("security_id", label="Security", help_text="ISIN or symbol.")
    participant = ParticipantFilter("buyer_id", "seller_id", label="Participant", help_text="Buyer or seller.")
    buyer = ParticipantFilter("buyer_id", label="Buyer")
    seller = ParticipantFilter("seller_id", label="Seller")
    reporter = ParticipantFilter("reporter_id", label="Reporter")
    currency = CurrencyFilter("currency_id", label="Currency")
    trade_date_from = DateFilter("trade_date", "gte", label="Traded from")
    trade_date_to = DateFilter("trade_date", "lte", label="Traded to")
    settlement_date_from = DateFilter("settlement_date", "gte", label="Settles from")
    settlement_date_to = DateFilter("settlement_date", "lte", label="Settles to")
    business_date_from = DateFilter("business_date", "gte", label="Captured from")
    business_date_to = DateFilter("business_date", "lte", label="Captured to")
    cleared = BooleanFilter(field_name="cleared", label="Cleared")
    submission = UUIDFilter(method="filter_submission", label="Submission", help_text="Id of a bulk capture.")

    def filter_reference(self, queryset: QuerySet[Trade], name: str, value: str) -> QuerySet[Trade]:
        """Keep trades whose reference begins with the value."""
        return queryset.filter(trade_id__startswith=value.strip())

    def filter_status(self, queryset: QuerySet[Trade], name: str, value: list[str]) -> QuerySet[Trade]:
        """Keep trades in any of the states; those still NEW are looked up in the pool, which is small."""
        if not value:
            return queryset
        if set(value) == {TradeStatus.NEW}:
            return queryset.filter(unmatched__isnull=False)
        return queryset.filter(status__in=value)

    def filter_submission(self, queryset: QuerySet[Trade], name: str, value: UUID) -> QuerySet[Trade]:
        """Keep the trades of one bulk capture; its business date carries the search."""
        submission = Submission.objects.filter(public_id=value).only("pk", "business_date").first()
        if submission is None:
            return queryset.none()
        return queryset.filter(submission_id=submission.pk, business_date=submission.business_date)


class SubmissionFilter(FilterSet):
    """Bulk captures by who sent them and when."""

    reporter = ParticipantFilter("reporter_id", label="Reporter")
    business_date_from = DateFilter("business_date", "gte", label="From")
    business_date_to = DateFilter("business_date", "lte", label="To")
