"""How positions, their limits and alerts are filtered: the same in the API, on the pages and in their CSV."""

from __future__ import annotations

from django.db.models import QuerySet
from django_filters import CharFilter, ChoiceFilter

from ledger.models import Account
from reference.filters import BooleanFilter, DateFilter, FilterSet, ParticipantFilter, SecurityFilter
from trades.core.positions import CostMethod
from trades.models import PositionAlert
from trades.models.position import METHODS


class PositionFilter(FilterSet):
    """The accounts whose positions are shown; the other fields choose among their positions."""

    participant = ParticipantFilter("participant_id", label="Participant", help_text="Participant code.")
    account = CharFilter(field_name="code", lookup_expr="istartswith", max_length=40, label="Account",
                         help_text="Beginning of its code.")  # fmt: skip
    security = SecurityFilter("id", method="leave", label="Security", help_text="ISIN or symbol.")
    date = DateFilter("id", method="leave", label="At the close of", help_text="Now, where left out.")
    method = ChoiceFilter(choices=METHODS, method="leave", label="Costed by", help_text="The participant's own choice.")
    show = ChoiceFilter(choices=[("ALL", "Closed ones too")], method="leave", label="Show", empty_label="Open ones")

    def leave(self, queryset: QuerySet[Account], name: str, value: object) -> QuerySet[Account]:
        """Leave the accounts as they are: the field is about positions."""
        return queryset

    @property
    def method_chosen(self) -> CostMethod | None:
        """Return the costing that is asked for, None for each participant's own."""
        told = self.form.cleaned_data.get("method")
        return CostMethod(told) if told else None


class PositionAlertFilter(FilterSet):
    """Alerts by participant, security, day and whether somebody has seen them."""

    participant = ParticipantFilter("participant_id", label="Participant", help_text="Participant code.")
    security = SecurityFilter("security_id", label="Security", help_text="ISIN or symbol.")
    business_date_from = DateFilter("business_date", "gte", label="From")
    business_date_to = DateFilter("business_date", "lte", label="To")
    acknowledged = BooleanFilter(method="filter_acknowledged", label="Acknowledged")

    def filter_acknowledged(self, queryset: QuerySet[PositionAlert], name: str, value: bool) -> QuerySet[PositionAlert]:
        """Keep alerts that somebody has acknowledged, or that nobody has."""
        return queryset.filter(acknowledged_at__isnull=not value)
