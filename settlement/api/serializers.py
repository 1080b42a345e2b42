"""Shapes of settlement in the API."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from reference.api.fields import Amount, CurrencyCode, Isin
from reference.core.limits import LARGEST_AMOUNT
from reference.queries import business_clock
from settlement.core.lifecycle import InstructionStatus
from settlement.core.status import T2sStatus
from settlement.models import Instruction
from settlement.queries.status import participant_of, status_of

STATUS_CHOICES = [(state.value, state.title()) for state in InstructionStatus]


class InstructionSerializer(serializers.ModelSerializer[Instruction]):
    """A matched pair of settlement instructions: securities one way, cash the other."""

    id = serializers.UUIDField(source="public_id")
    deliverer_account = serializers.CharField(source="deliverer_account.code")
    receiver_account = serializers.CharField(source="receiver_account.code")
    security: Any = Isin(source="security_id", allow_null=True, help_text="None: a payment only.")
    quantity = serializers.IntegerField(source="quantity_units")
    amount: Any = Amount(
        minor="cash_minor",
        help_text="What the receiver pays; negative: the deliverer pays; 0: free of payment.",
    )
    currency: Any = CurrencyCode(source="currency_id")
    settled_quantity = serializers.IntegerField(source="settled_units")
    settled_amount: Any = Amount(minor="settled_minor")
    partial_minimum = serializers.IntegerField(source="partial_minimum_units", help_text="The least part.")
    settlement_status = serializers.SerializerMethodField(help_text="T2S: USET, PSET, SETT or CANC.")
    pending_status = serializers.SerializerMethodField(help_text="PEND, PENF past the intended date, or empty.")
    reason_codes = serializers.SerializerMethodField(help_text="Why it waits, as the reader's side sees it.")
    cycle = serializers.IntegerField(source="cycle_id", allow_null=True, help_text="The cycle that settled it.")

    class Meta:
        """What moves, between whom, and how far it is."""

        model = Instruction
        fields = [
            "id", "source", "reference", "status", "reason", "deliverer_account", "receiver_account",
            "security", "quantity", "amount", "currency", "intended_date", "priority", "held_by_deliverer",
            "held_by_receiver", "settled_quantity", "settled_amount", "partial_allowed", "partial_minimum",
            "cancel_wanted_by_deliverer", "cancel_wanted_by_receiver", "settlement_status", "pending_status",
            "reason_codes", "cycle", "created_at", "settled_at",
        ]  # fmt: skip

    def get_settlement_status(self, row: Instruction) -> str:
        """Return how far it has settled."""
        return self._status(row).settlement

    def get_pending_status(self, row: Instruction) -> str:
        """Return whether it waits in time or too late."""
        return self._status(row).pending

    def get_reason_codes(self, row: Instruction) -> list[str]:
        """Return why it waits."""
        return list(self._status(row).reasons)

    def _status(self, row: Instruction) -> T2sStatus:
        """Derive the status; the context names the business date and the actor, the CSD's view without one."""
        actor = self.context.get("actor")
        today = self.context.get("business_date") or business_clock().business_date
        return status_of(
            instruction=row,
            business_date=today,
            participant_id=participant_of(actor=actor) if actor is not None else None,
        )


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
    security = serializers.CharField(
        max_length=24, required=False, help_text="ISIN or symbol; may be left out for a payment only."
    )
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
    partly = serializers.IntegerField(help_text="Settled in part; the rest waits.")
    linked = serializers.IntegerField(help_text="Waiting for a linked instruction.")
    deferred = serializers.IntegerField(help_text="Not of the cycle's kind, or the currency's calendar is closed.")
    partials = serializers.BooleanField(help_text="Whether the cycle was a partial-settlement window.")
    gap = serializers.FloatField(
        allow_null=True, help_text="Share of the value that no decision can pass which did not settle; operators only."
    )
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
    partials = serializers.BooleanField(help_text="Whether its cycle may settle instructions in part.")
    window_until = serializers.DateTimeField(allow_null=True, help_text="When its partial-settlement window closes.")
    movements = serializers.CharField(help_text="What its cycle may settle: ALL, FREE, PAYMENT or CORPORATE.")
    real_time = serializers.CharField(help_text="What settles at once from it until the next step, NONE for nothing.")
    note = serializers.CharField(help_text="Why it did not do what it is for, empty where it did.")


class StepEntrySerializer(serializers.Serializer[Any]):
    """How far to move the day."""

    to = serializers.CharField(
        max_length=24, default="next", help_text="`next`, `end-of-day`, or the code of a step of the schedule."
    )


class DayOrderSerializer(serializers.Serializer[Any]):
    """An order to move the day, carried out by whoever moves the clock."""

    id = serializers.IntegerField()
    business_date = serializers.DateField()
    step = serializers.CharField(source="step_id", help_text="The last step to do.")
    ordered_by = serializers.CharField()
    ended_at = serializers.DateTimeField(allow_null=True, help_text="Wall-clock time.")
    problem = serializers.CharField(help_text="Why it was given up, empty otherwise.")


class OutageEntrySerializer(serializers.Serializer[Any]):
    """Why no cycle is to run."""

    reason = serializers.CharField(max_length=200)


class OutageSerializer(serializers.Serializer[Any]):
    """A time in which no cycle ran."""

    id = serializers.IntegerField()
    business_date = serializers.DateField()
    last_business_date = serializers.DateField(allow_null=True)
    reason = serializers.CharField()
    began_at = serializers.DateTimeField(help_text="Business time.")
    ended_at = serializers.DateTimeField(allow_null=True, help_text="Business time.")
    declared_by = serializers.CharField()
    ended_by = serializers.CharField()


class BusinessDaySerializer(serializers.Serializer[Any]):
    """The business clock and the day it stands in."""

    business_date = serializers.DateField()
    at = serializers.DateTimeField(help_text="Business time, Central European.")
    running = serializers.BooleanField(help_text="Whether the clock runs.")
    phase = serializers.CharField()
    opened_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    outage = OutageSerializer(allow_null=True, help_text="The outage under way.")
    order = DayOrderSerializer(allow_null=True, help_text="The order to move the day that is carried out.")
    steps = DayStepSerializer(many=True)
