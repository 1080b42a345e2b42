"""How alerts and the restricted list are filtered: the same in the API, on the page and in its CSV."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django_filters import ChoiceFilter, ModelChoiceFilter, MultipleChoiceFilter

from reference.filters import BooleanFilter, DateFilter, FilterSet, ParticipantFilter, SecurityFilter
from reference.queries import business_clock
from trades.core.alert_lifecycle import AlertStatus
from trades.models import ComplianceRule, RuleKind, Severity


class AlertFilter(FilterSet):
    """Alerts by state, severity, rule, subject and day."""

    status = MultipleChoiceFilter(choices=[(state.value, state.title()) for state in AlertStatus], label="State")
    severity = MultipleChoiceFilter(choices=Severity.choices, label="Severity")
    rule = ModelChoiceFilter(queryset=ComplianceRule.objects.all(), to_field_name="code", label="Rule")
    kind = ChoiceFilter(field_name="rule__kind", choices=RuleKind.choices, label="Kind")
    subject = ChoiceFilter(choices=[("ORDER", "Orders"), ("TRADE", "Trades")], method="filter_subject", label="Of")
    participant = ParticipantFilter("participant_id", label="Participant", help_text="Participant code.")
    security = SecurityFilter("security_id", label="Security", help_text="ISIN or symbol.")
    business_date_from = DateFilter("business_date", "gte", label="Found from")
    business_date_to = DateFilter("business_date", "lte", label="Found to")

    def filter_subject(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep alerts of orders, or of trades."""
        return queryset.filter(order__isnull=value != "ORDER")


class RestrictedFilter(FilterSet):
    """The restricted list by security, participant and whether an entry is in force."""

    security = SecurityFilter("security_id", label="Security", help_text="ISIN or symbol.")
    participant = ParticipantFilter("participant_id", label="Participant", help_text="Participant code.")
    in_force = BooleanFilter(method="filter_in_force", label="In force")

    def filter_in_force(self, queryset: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:
        """Keep entries that hold on the business date, or those that do not."""
        today = business_clock().business_date
        holds = Q(valid_from__lte=today) & (Q(valid_to__isnull=True) | Q(valid_to__gte=today))
        return queryset.filter(holds) if value else queryset.exclude(holds)
