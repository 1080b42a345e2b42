"""How lists of orders are filtered: the same in the API, on the page and in its CSV."""

from __future__ import annotations

from django.db.models import QuerySet
from django_filters import CharFilter, MultipleChoiceFilter

from reference.filters import CurrencyFilter, DateFilter, FilterSet, ParticipantFilter, SecurityFilter
from trades.core.book.terms import OrderSide, TimeInForce
from trades.core.order_lifecycle import OrderStatus
from trades.core.order_ticket import OrderType
from trades.models import Order


class OrderFilter(FilterSet):
    """Orders by state, client, terms and dates."""

    q = CharFilter(method="filter_reference", max_length=36, label="Reference", help_text="Beginning of it.")
    status = MultipleChoiceFilter(
        choices=[(state.value, state.replace("_", " ").capitalize()) for state in OrderStatus], label="Status"
    )
    side = MultipleChoiceFilter(choices=[(side.value, side.title()) for side in OrderSide], label="Side")
    security = SecurityFilter("security_id", label="Security", help_text="ISIN or symbol.")
    client = CharFilter(field_name="client__code", lookup_expr="iexact", max_length=20, label="Client")
    participant = ParticipantFilter("broker_id", label="Broker", help_text="Whose client it is.")
    order_type = MultipleChoiceFilter(choices=[(kind.value, kind.title()) for kind in OrderType], label="Type")
    time_in_force = MultipleChoiceFilter(
        choices=[(force.value, force.value) for force in TimeInForce], label="Time in force"
    )
    currency = CurrencyFilter("currency_id", label="Currency")
    business_date_from = DateFilter("business_date", "gte", label="Received from")
    business_date_to = DateFilter("business_date", "lte", label="Received to")

    def filter_reference(self, queryset: QuerySet[Order], name: str, value: str) -> QuerySet[Order]:
        """Keep orders whose reference begins with the value."""
        return queryset.filter(client_order_id__startswith=value.strip())
