"""Filters of the list of keys."""

from __future__ import annotations

import django_filters
from django.db.models import Q, QuerySet
from django.utils import timezone
from django_filters.rest_framework import FilterSet

from reference.core.scopes import Scope
from reference.keys.queries import KeyState, in_state
from reference.models import ApiKey

STATE_CHOICES = [(state.value, state.title()) for state in KeyState]
SCOPE_CHOICES = [(scope.value, scope.value) for scope in Scope]


class KeyFilter(FilterSet):
    """Keys by name, owner, state and scope."""

    q = django_filters.CharFilter(
        method="filter_name", max_length=80, label="Key", help_text="Beginning of the name, or the public id."
    )
    owner = django_filters.CharFilter(field_name="owner__username", max_length=150, label="Owner")
    state = django_filters.ChoiceFilter(
        method="filter_state", choices=STATE_CHOICES, label="State", help_text="ACTIVE: those that expire soon, too."
    )
    scope = django_filters.ChoiceFilter(method="filter_scope", choices=SCOPE_CHOICES, label="Scope")

    def filter_name(self, queryset: QuerySet[ApiKey], name: str, value: str) -> QuerySet[ApiKey]:
        """Keep keys whose name begins with the value, or whose public id it is."""
        return queryset.filter(Q(name__istartswith=value) | Q(client_id=value))

    def filter_state(self, queryset: QuerySet[ApiKey], name: str, value: str) -> QuerySet[ApiKey]:
        """Keep keys in this state."""
        return queryset.filter(in_state(state=KeyState(value), now=timezone.now()))

    def filter_scope(self, queryset: QuerySet[ApiKey], name: str, value: str) -> QuerySet[ApiKey]:
        """Keep keys that hold this scope."""
        return queryset.filter(scopes__contains=[value])
