"""How the audit log is filtered: the same in the API, on the page and in its CSV."""

from __future__ import annotations

from django_filters import CharFilter, ChoiceFilter, NumberFilter

from reference.core.actor import Role
from reference.filters import DateFilter, FilterSet, ParticipantFilter


class AuditFilter(FilterSet):
    """Audit records by actor, action, object and business date."""

    q = CharFilter(field_name="summary", lookup_expr="icontains", max_length=80, label="Text")
    actor = CharFilter(field_name="actor", max_length=150, label="Actor", help_text="The login.")
    role = ChoiceFilter(choices=[(role.value, role.title()) for role in Role], label="Role")
    participant = ParticipantFilter("participant_id", label="Participant")
    action = CharFilter(
        field_name="action", lookup_expr="startswith", max_length=48, label="Action",
        help_text="Beginning of the action, such as trade. or trade.cancelled.",
    )  # fmt: skip
    object_type = CharFilter(field_name="object_type", max_length=24, label="Kind of object")
    object_id = NumberFilter(field_name="object_id", min_value=0, max_value=2**63 - 1, decimal_places=0, label="Object")
    business_date_from = DateFilter("business_date", "gte", label="From")
    business_date_to = DateFilter("business_date", "lte", label="To")
