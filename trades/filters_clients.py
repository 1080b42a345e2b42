"""How lists of clients and traders are filtered: the same in the API, on the page and in its CSV."""

from __future__ import annotations

from django_filters import CharFilter, MultipleChoiceFilter

from reference.filters import BooleanFilter, CurrencyFilter, FilterSet, ParticipantFilter
from trades.core.client_lifecycle import ClientStatus


class ClientFilter(FilterSet):
    """Clients by code, broker and state."""

    q = CharFilter(
        field_name="code", lookup_expr="istartswith", max_length=20, label="Code", help_text="Beginning of the code."
    )
    status = MultipleChoiceFilter(choices=[(state.value, state.title()) for state in ClientStatus], label="Status")
    participant = ParticipantFilter("broker_id", label="Broker")
    currency = CurrencyFilter("default_currency_id", label="Currency")
    short_sale_allowed = BooleanFilter(field_name="short_sale_allowed", label="Short sales")


class TraderFilter(FilterSet):
    """Traders by code and broker."""

    q = CharFilter(
        field_name="code", lookup_expr="istartswith", max_length=20, label="Code", help_text="Beginning of the code."
    )
    participant = ParticipantFilter("broker_id", label="Broker")
    active = BooleanFilter(field_name="active", label="Active")
