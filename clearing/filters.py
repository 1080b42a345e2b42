"""How lists of obligations and netting runs are filtered: the same in the API, on the page and in its CSV."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django_filters import ChoiceFilter, MultipleChoiceFilter, NumberFilter

from clearing.core.call_lifecycle import CallKind, CallStatus
from clearing.models import MovementKind, Obligation, ObligationKind
from clearing.queries.visible import obliges
from reference.filters import CurrencyFilter, DateFilter, FilterSet, ParticipantFilter, SecurityFilter

STATES = {
    "OPEN": Q(discharged_at__isnull=True, cancelled_at__isnull=True, carried_at__isnull=True),
    "CARRIED": Q(carried_at__isnull=False, discharged_at__isnull=True),
    "DISCHARGED": Q(discharged_at__isnull=False),
    "CANCELLED": Q(cancelled_at__isnull=False),
}


class ObligationFilter(FilterSet):
    """Obligations by state, participant, security and settlement date."""

    status = ChoiceFilter(choices=[(state, state.title()) for state in STATES], method="filter_status", label="Status")
    kind = ChoiceFilter(choices=ObligationKind.choices, label="Kind")
    security = SecurityFilter("security_id", label="Security", help_text="ISIN or symbol.")
    currency = CurrencyFilter("currency_id", label="Currency")
    participant = ParticipantFilter("account_id", method="filter_participant", label="Participant")
    netting_run = NumberFilter(
        field_name="netting_run_id", min_value=1, max_value=2**63 - 1, decimal_places=0, label="Netting run"
    )
    settlement_date_from = DateFilter("settlement_date", "gte", label="Settles from")
    settlement_date_to = DateFilter("settlement_date", "lte", label="Settles to")

    def filter_status(self, queryset: QuerySet[Obligation], name: str, value: str) -> QuerySet[Obligation]:
        """Keep the obligations that are open, discharged or cancelled."""
        return queryset.filter(STATES[value])

    def filter_participant(self, queryset: QuerySet[Obligation], name: str, value: Any) -> QuerySet[Obligation]:
        """Keep the obligations that bind an account of the participant."""
        return queryset.filter(obliges(participant_id=value))


class NettingRunFilter(FilterSet):
    """Netting runs by business and settlement date."""

    business_date_from = DateFilter("business_date", "gte", label="From")
    business_date_to = DateFilter("business_date", "lte", label="To")
    settlement_date = DateFilter("settlement_date", label="Settlement date")


class CallFilter(FilterSet):
    """Margin calls by state, kind, member, currency and day."""

    status = MultipleChoiceFilter(choices=[(state.value, state.title()) for state in CallStatus], label="State")
    kind = MultipleChoiceFilter(choices=[(kind.value, kind.title()) for kind in CallKind], label="For")
    member = ParticipantFilter("member_id", label="Member", help_text="Participant code.")
    currency = CurrencyFilter("currency_id", label="Currency")
    business_date_from = DateFilter("business_date", "gte", label="Called from")
    business_date_to = DateFilter("business_date", "lte", label="Called to")


class MovementFilter(FilterSet):
    """Movements of collateral by kind, member, currency and day."""

    kind = ChoiceFilter(choices=MovementKind.choices, label="Kind")
    member = ParticipantFilter("member_id", label="Member", help_text="Participant code.")
    currency = CurrencyFilter("currency_id", label="Currency")
    business_date_from = DateFilter("business_date", "gte", label="From")
    business_date_to = DateFilter("business_date", "lte", label="To")
