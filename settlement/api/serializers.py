"""Shapes of settlement in the API."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from reference.api.fields import Amount, CurrencyCode, Isin
from reference.core.limits import LARGEST_AMOUNT
from settlement.core.lifecycle import InstructionStatus
from settlement.models import Instruction

STATUS_CHOICES = [(state.value, state.title()) for state in InstructionStatus]


class InstructionSerializer(serializers.ModelSerializer[Instruction]):
    """A matched pair of settlement instructions: securities one way, cash the other."""

    id = serializers.UUIDField(source="public_id")
    deliverer_account = serializers.CharField(source="deliverer_account.code")
    receiver_account = serializers.CharField(source="receiver_account.code")
    security: Any = Isin(source="security_id")
    quantity = serializers.IntegerField(source="quantity_units")
    amount: Any = Amount(
        minor="cash_minor",
        help_text="What the receiver pays; negative: the deliverer pays; 0: free of payment.",
    )
    currency: Any = CurrencyCode(source="currency_id")
    cycle = serializers.IntegerField(source="cycle_id", allow_null=True, help_text="The cycle that settled it.")

    class Meta:
        """What moves, between whom, and how far it is."""

        model = Instruction
        fields = [
            "id", "source", "reference", "status", "reason", "deliverer_account", "receiver_account",
            "security", "quantity", "amount", "currency", "intended_date", "priority", "held_by_deliverer",
            "held_by_receiver", "cycle", "created_at", "settled_at",
        ]  # fmt: skip


class InstructionEntrySerializer(serializers.Serializer[Any]):
    """An instruction as an operator enters it, for both parties."""

    reference = serializers.RegexField(
        r"^[A-Za-z0-9][A-Za-z0-9 ./_:+-]*\Z", max_length=35, help_text="Once for each instructing party."
    )
    instructed_by = serializers.CharField(
        max_length=12, required=False, help_text="Participant code; the deliverer, where left out."
    )
    deliverer = serializers.CharField(max_length=12, help_text="Participant code.")
    deliverer_account = serializers.CharField(max_length=20, default="HOUSE")
    receiver = serializers.CharField(max_length=12, help_text="Participant code.")
    receiver_account = serializers.CharField(max_length=20, default="HOUSE")
    security = serializers.CharField(max_length=24, help_text="ISIN or symbol.")
    quantity = serializers.IntegerField(min_value=0, max_value=LARGEST_AMOUNT, help_text="0: a payment only.")
    amount = serializers.DecimalField(
        max_digits=19,
        decimal_places=4,
        min_value=0,
        default=Decimal(0),
        help_text="What the receiver pays; 0: free.",
    )
    currency = serializers.CharField(min_length=3, max_length=3)
    intended_date = serializers.DateField()
    priority = serializers.IntegerField(
        min_value=1, max_value=4, default=4, help_text="1 reserved, 2 top, 3 high, 4 normal."
    )


class CycleShareSerializer(serializers.Serializer[Any]):
    """Value in one currency: due in the cycle, and settled."""

    currency = serializers.CharField()
    due = serializers.CharField(help_text="Decimal string.")
    settled = serializers.CharField(help_text="Decimal string.")
    efficiency = serializers.FloatField(allow_null=True, help_text="Settled share of the value due, 0 to 1.")


class CycleSerializer(serializers.Serializer[Any]):
    """One settlement cycle; a participant sees its own share of the figures."""

    id = serializers.IntegerField()
    business_date = serializers.DateField()
    number = serializers.IntegerField()
    name = serializers.CharField()
    ran_at = serializers.DateTimeField()
    considered = serializers.IntegerField()
    settled = serializers.IntegerField()
    lack = serializers.IntegerField(help_text="Waiting for securities.")
    mony = serializers.IntegerField(help_text="Waiting for cash.")
    held = serializers.IntegerField()
    value = CycleShareSerializer(many=True)
    decided_in_ms = serializers.IntegerField()
    took_ms = serializers.IntegerField()


class DayStepSerializer(serializers.Serializer[Any]):
    """One step of the day: the schedule against what happened."""

    code = serializers.CharField()
    name = serializers.CharField()
    phase = serializers.CharField()
    action = serializers.CharField()
    state = serializers.ChoiceField(choices=["DONE", "RUNNING", "LATE", "DUE"])
    planned_at = serializers.DateTimeField(help_text="Business time.")
    done_at = serializers.DateTimeField(allow_null=True, help_text="Wall-clock time.")
    took_ms = serializers.IntegerField(allow_null=True)


class BusinessDaySerializer(serializers.Serializer[Any]):
    """The business clock and the day it stands in."""

    business_date = serializers.DateField()
    at = serializers.DateTimeField(help_text="Business time, Central European.")
    running = serializers.BooleanField(help_text="Whether the clock runs.")
    phase = serializers.CharField()
    opened_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    steps = DayStepSerializer(many=True)
