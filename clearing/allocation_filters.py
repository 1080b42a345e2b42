"""How lists of allocations are filtered: the same in the API, on the page and in its CSV."""

from __future__ import annotations

from django_filters import ChoiceFilter, MultipleChoiceFilter

from reference.filters import DateFilter, FilterSet, ParticipantFilter, SecurityFilter
from trades.core.allocation_lifecycle import AllocationStatus
from trades.models import AllocationMethod


class AllocationFilter(FilterSet):
    """Allocations by state, party, security, method and dates."""

    status = MultipleChoiceFilter(choices=[(state.value, state.title()) for state in AllocationStatus], label="State")
    participant = ParticipantFilter("participant_id", label="Party", help_text="Participant code.")
    security = SecurityFilter("security_id", label="Security", help_text="ISIN or symbol.")
    method = ChoiceFilter(choices=AllocationMethod.choices, label="Method")
    trade_date_from = DateFilter("trade_date", "gte", label="Traded from")
    trade_date_to = DateFilter("trade_date", "lte", label="Traded to")
    settlement_date = DateFilter("settlement_date", label="Settles")
