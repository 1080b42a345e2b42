"""How lists of accounts are filtered: the same in the API, on the page and in its CSV."""

from __future__ import annotations

from django_filters import CharFilter, ChoiceFilter

from ledger.models import AccountKind
from reference.filters import DateFilter, FilterSet, ParticipantFilter


class AccountFilter(FilterSet):
    """Accounts by participant, kind and code."""

    q = CharFilter(
        field_name="code",
        lookup_expr="istartswith",
        max_length=40,
        label="Code",
        help_text="Beginning of the code.",
    )
    participant = ParticipantFilter("participant_id", label="Participant")
    kind = ChoiceFilter(choices=AccountKind.choices, label="Kind")


class StatementFilter(FilterSet):
    """Postings by asset and business date."""

    asset = CharFilter(field_name="asset__code", max_length=12, label="Asset", help_text="Currency code or ISIN.")
    business_date_from = DateFilter("business_date", "gte", label="From")
    business_date_to = DateFilter("business_date", "lte", label="To")
