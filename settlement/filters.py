"""How lists of instructions and cycles are filtered: the same in the API, on the page and in its CSV."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet, Subquery
from django_filters import CharFilter, MultipleChoiceFilter, NumberFilter

from reference.filters import (
    BooleanFilter,
    CurrencyFilter,
    DateFilter,
    FilterSet,
    ParticipantFilter,
    SecurityFilter,
)
from reference.models import BusinessClock
from settlement.core.corporate_actions import CorporateActionKind, CorporateActionStatus
from settlement.core.credit_lifecycle import CreditStatus
from settlement.core.lifecycle import InstructionStatus, Reason
from settlement.core.party_lifecycle import PartyStatus
from settlement.core.penalties import PenaltyKind
from settlement.models import Instruction, InstructionSource, Movement, Payment
from settlement.queries.visible import moves_for


class InstructionFilter(FilterSet):
    """Settlement instructions by state, reason, parties, security and dates."""

    q = CharFilter(
        field_name="reference", lookup_expr="startswith", max_length=35, label="Reference",
        help_text="Beginning of the instructing party's reference.",
    )  # fmt: skip
    status = MultipleChoiceFilter(choices=[(state.value, state.title()) for state in InstructionStatus], label="Status")
    reason = MultipleChoiceFilter(choices=[(reason.value, reason.value) for reason in Reason], label="Reason")
    source = MultipleChoiceFilter(choices=InstructionSource.choices, label="Source")
    security = SecurityFilter("security_id", label="Security", help_text="ISIN or symbol.")
    currency = CurrencyFilter("currency_id", label="Currency")
    participant = ParticipantFilter(
        "deliverer_account_id",
        method="filter_participant",
        label="Participant",
        help_text="Deliverer or receiver.",
    )
    failing = BooleanFilter(method="filter_failing", label="Failing", help_text="Pending past its intended date.")
    held = BooleanFilter(method="filter_held", label="Held", help_text="Held by either party.")
    cycle = NumberFilter(
        field_name="cycle_id",
        min_value=1,
        max_value=2**63 - 1,
        decimal_places=0,
        label="Cycle",
        help_text="Id of the cycle that settled it.",
    )
    intended_date_from = DateFilter("intended_date", "gte", label="Intended from")
    intended_date_to = DateFilter("intended_date", "lte", label="Intended to")

    def filter_participant(self, queryset: QuerySet[Instruction], name: str, value: Any) -> QuerySet[Instruction]:
        """Keep the instructions on accounts of the participant."""
        return queryset.filter(moves_for(participant_id=value))

    def filter_failing(self, queryset: QuerySet[Instruction], name: str, value: bool) -> QuerySet[Instruction]:
        """Keep what is pending past its intended date (T2S: PENF), or what is not."""
        today = Subquery(BusinessClock.objects.filter(pk=1).values("business_date"))
        late = Q(status=InstructionStatus.PENDING, intended_date__lt=today)
        return queryset.filter(late if value else ~late)

    def filter_held(self, queryset: QuerySet[Instruction], name: str, value: bool) -> QuerySet[Instruction]:
        """Keep what a party holds, or what nobody does."""
        held = Q(held_by_deliverer=True) | Q(held_by_receiver=True)
        return queryset.filter(held if value else ~held)


class PartyInstructionFilter(FilterSet):
    """What parties have instructed, by state, parties, security and dates."""

    q = CharFilter(
        field_name="reference", lookup_expr="startswith", max_length=35, label="Reference",
        help_text="Beginning of the party's reference.",
    )  # fmt: skip
    status = MultipleChoiceFilter(choices=[(state.value, state.title()) for state in PartyStatus], label="Matching")
    movement = MultipleChoiceFilter(choices=Movement.choices, label="Movement")
    payment = MultipleChoiceFilter(choices=Payment.choices, label="Payment")
    participant = ParticipantFilter("participant_id", label="Instructed by", help_text="Participant code.")
    counterparty = ParticipantFilter("counterparty_id", label="Counterparty", help_text="Participant code.")
    security = SecurityFilter("security_id", label="Security", help_text="ISIN or symbol.")
    currency = CurrencyFilter("currency_id", label="Currency")
    held = BooleanFilter("held", label="Held", help_text="Held by its party.")
    intended_date_from = DateFilter("intended_date", "gte", label="Intended from")
    intended_date_to = DateFilter("intended_date", "lte", label="Intended to")


class CorporateActionFilter(FilterSet):
    """Corporate actions by kind, status, security and dates."""

    kind = MultipleChoiceFilter(choices=[(kind.value, kind.title()) for kind in CorporateActionKind], label="Kind")
    status = MultipleChoiceFilter(
        choices=[(state.value, state.title()) for state in CorporateActionStatus], label="Status"
    )
    security = SecurityFilter("security_id", label="Security", help_text="ISIN or symbol.")
    record_date_from = DateFilter("record_date", "gte", label="Recorded from")
    record_date_to = DateFilter("record_date", "lte", label="Recorded to")
    payment_date_from = DateFilter("payment_date", "gte", label="Paid from")
    payment_date_to = DateFilter("payment_date", "lte", label="Paid to")


class CycleFilter(FilterSet):
    """Settlement cycles by business date."""

    business_date = DateFilter("business_date", label="Business date")
    business_date_from = DateFilter("business_date", "gte", label="From")
    business_date_to = DateFilter("business_date", "lte", label="To")


class CreditFilter(FilterSet):
    """Credits drawn by auto-collateralisation, by state, participant, currency and day."""

    status = MultipleChoiceFilter(choices=[(state.value, state.title()) for state in CreditStatus], label="State")
    participant = ParticipantFilter("line__account__participant_id", label="Participant", help_text="Participant code.")
    currency = CurrencyFilter("line__currency_id", label="Currency")
    business_date_from = DateFilter("business_date", "gte", label="From")
    business_date_to = DateFilter("business_date", "lte", label="To")


class PenaltyFilter(FilterSet):
    """Penalties by day, kind, reason, parties and security."""

    business_date_from = DateFilter("run__business_date", "gte", label="Charged from")
    business_date_to = DateFilter("run__business_date", "lte", label="Charged to")
    kind = MultipleChoiceFilter(choices=[(kind.value, kind.value) for kind in PenaltyKind], label="Kind")
    reason = MultipleChoiceFilter(choices=[(reason.value, reason.value) for reason in Reason], label="Reason")
    failing = ParticipantFilter("failing_id", label="Who pays", help_text="Participant code.")
    suffering = ParticipantFilter("suffering_id", label="Who is paid", help_text="Participant code.")
    security = SecurityFilter("instruction__security_id", label="Security", help_text="ISIN or symbol.")
