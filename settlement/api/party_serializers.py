"""Shapes of what one party instructs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from reference.api.fields import Amount, CurrencyCode, Isin, ParticipantCode
from reference.core.limits import LARGEST_AMOUNT
from settlement.api.serializers import InstructionSerializer
from settlement.core.party_lifecycle import PartyStatus
from settlement.models import Movement, Partial, PartyInstruction, PartyLinkKind, Payment
from settlement.queries.party import links_of_party
from settlement.queries.status import party_status_of

PARTY_STATUS_CHOICES = [(state.value, state.title()) for state in PartyStatus]
REFERENCE = r"^[A-Za-z0-9][A-Za-z0-9 ./_:+-]*\Z"
MOVEMENTS = [*Movement.choices, ("CRDT", "Be paid"), ("DBIT", "Pay")]
LINKED_HELP = "The other instruction's reference; its id for operators."
PRIORITY_HELP = "1 reserved, 2 top, 3 high, 4 normal."


class LinkEntrySerializer(serializers.Serializer[Any]):
    """A link with another instruction."""

    kind = serializers.ChoiceField(choices=PartyLinkKind.choices, help_text="WITH: together or not at all.")
    reference = serializers.CharField(max_length=36, help_text=LINKED_HELP)


class LinkReferenceSerializer(serializers.Serializer[Any]):
    """Which link to take away."""

    reference = serializers.CharField(max_length=36, help_text=LINKED_HELP)


class ShownLinkSerializer(serializers.Serializer[Any]):
    """A link, seen from the instruction that shows it."""

    kind = serializers.ChoiceField(choices=PartyLinkKind.choices)
    reference = serializers.CharField()
    id = serializers.CharField(source="public_id", help_text="Empty where the other one is not yours to see.")
    in_effect = serializers.BooleanField(help_text="False: it waits until both instructions are matched.")


class AmendmentSerializer(serializers.Serializer[Any]):
    """Process indicators: nothing else of an instruction can be amended."""

    priority = serializers.IntegerField(min_value=1, max_value=4, required=False, help_text=PRIORITY_HELP)
    partial: Any = serializers.ChoiceField(choices=Partial.choices, required=False)
    partial_minimum = serializers.IntegerField(min_value=0, max_value=LARGEST_AMOUNT, required=False)
    hold = serializers.BooleanField(
        required=False, help_text="True holds it; false is refused, for a release has its own address."
    )


class PartyInstructionEntrySerializer(serializers.Serializer[Any]):
    """One party's side of a settlement instruction."""

    reference = serializers.RegexField(REFERENCE, max_length=35, help_text="Once for each party.")
    participant = serializers.CharField(
        max_length=12, required=False, help_text="For operators: for whom. A participant instructs for itself."
    )
    movement = serializers.ChoiceField(choices=MOVEMENTS, help_text="CRDT and DBIT: of a payment only.")
    payment = serializers.ChoiceField(choices=Payment.choices, default=Payment.APMT)
    account = serializers.CharField(max_length=20, default="HOUSE")
    counterparty = serializers.CharField(max_length=12, help_text="Participant code.")
    counterparty_account = serializers.CharField(
        max_length=20, required=False, allow_blank=True, help_text="Optional matching field."
    )
    security = serializers.CharField(
        max_length=24, required=False, allow_blank=True, help_text="ISIN or symbol; left out for a payment only."
    )
    quantity = serializers.IntegerField(min_value=0, max_value=LARGEST_AMOUNT, default=0)
    amount = serializers.DecimalField(
        max_digits=19, decimal_places=4, min_value=0, default=Decimal(0), help_text="What the receiver pays."
    )
    currency = serializers.CharField(min_length=3, max_length=3)
    intended_date = serializers.DateField()
    trade_date = serializers.DateField(required=False, allow_null=True, help_text="Optional matching field.")
    common_reference = serializers.RegexField(
        REFERENCE, max_length=35, required=False, allow_blank=True, help_text="Optional matching field."
    )
    priority = serializers.IntegerField(min_value=1, max_value=4, default=4, help_text=PRIORITY_HELP)
    partial: Any = serializers.ChoiceField(choices=Partial.choices, default=Partial.NPAR)
    partial_minimum = serializers.IntegerField(
        min_value=0, max_value=LARGEST_AMOUNT, default=0, help_text="The least part, with PARQ."
    )
    hold = serializers.BooleanField(default=False)
    links = LinkEntrySerializer(many=True, required=False)


class ExchangeEntrySerializer(serializers.Serializer[Any]):
    """An exchange of two currencies: both payments or neither."""

    reference = serializers.RegexField(REFERENCE, max_length=33, help_text="The payments get it with :1 and :2.")
    common_reference = serializers.RegexField(REFERENCE, max_length=35, required=False, allow_blank=True)
    buyer = serializers.CharField(max_length=12, help_text="Participant code; pays `paid_amount`.")
    buyer_account = serializers.CharField(max_length=20, default="HOUSE")
    seller = serializers.CharField(max_length=12, help_text="Participant code; pays `bought_amount`.")
    seller_account = serializers.CharField(max_length=20, default="HOUSE")
    paid_currency = serializers.CharField(min_length=3, max_length=3)
    paid_amount = serializers.DecimalField(max_digits=19, decimal_places=4, min_value=0)
    bought_currency = serializers.CharField(min_length=3, max_length=3)
    bought_amount = serializers.DecimalField(max_digits=19, decimal_places=4, min_value=0)
    intended_date = serializers.DateField()
    trade_date = serializers.DateField(required=False, allow_null=True)
    priority = serializers.IntegerField(min_value=1, max_value=4, default=4, help_text=PRIORITY_HELP)


class AllegementSerializer(serializers.ModelSerializer[PartyInstruction]):
    """What another party has instructed with you, and you have not."""

    id = serializers.UUIDField(source="public_id")
    movement = serializers.CharField(source="movement_code", help_text="The other party's movement.")
    participant: Any = ParticipantCode(source="participant_id", help_text="Who instructed it.")
    counterparty: Any = ParticipantCode(source="counterparty_id", help_text="With whom.")
    security: Any = Isin(source="security_id", allow_null=True)
    quantity = serializers.IntegerField(source="quantity_units")
    amount: Any = Amount(minor="cash_minor")
    currency: Any = CurrencyCode(source="currency_id")

    class Meta:
        """What the other side must agree on."""

        model = PartyInstruction
        fields = [
            "id", "movement", "payment", "participant", "counterparty", "security", "quantity", "amount",
            "currency", "intended_date", "trade_date", "common_reference", "alleged_at",
        ]  # fmt: skip


class PartyInstructionSerializer(AllegementSerializer):
    """One party's instruction, and what became of it."""

    movement = serializers.CharField(source="movement_code", help_text="DELI, RECE; a payment only: CRDT, DBIT.")
    account = serializers.CharField(source="account.code")
    counterparty_account = serializers.CharField(source="counterparty_account.code", default=None, allow_null=True)
    partial_minimum = serializers.IntegerField(source="partial_minimum_units")
    instruction = serializers.UUIDField(
        source="instruction.public_id", default=None, allow_null=True, help_text="What it was matched into."
    )
    matching_status = serializers.SerializerMethodField(help_text="NMAT or MACH.")
    settlement_status = serializers.SerializerMethodField(help_text="USET, PSET, SETT or CANC.")
    pending_status = serializers.SerializerMethodField(help_text="PEND, PENF past the intended date, or empty.")
    reason_codes = serializers.SerializerMethodField(help_text="Why it waits: ISO 20022 reason codes.")

    class Meta(AllegementSerializer.Meta):
        """All that its own party knows of it."""

        fields = [
            *AllegementSerializer.Meta.fields, "reference", "account", "counterparty_account", "priority", "partial",
            "partial_minimum", "held", "status", "matching_status", "settlement_status", "pending_status",
            "reason_codes", "instruction", "created_at", "changed_at",
        ]  # fmt: skip

    def get_matching_status(self, row: PartyInstruction) -> str:
        """Return whether it is matched."""
        return party_status_of(party=row, business_date=self.context["business_date"]).matching

    def get_settlement_status(self, row: PartyInstruction) -> str:
        """Return how far it has settled."""
        return party_status_of(party=row, business_date=self.context["business_date"]).settlement

    def get_pending_status(self, row: PartyInstruction) -> str:
        """Return whether it waits in time or too late."""
        return party_status_of(party=row, business_date=self.context["business_date"]).pending

    def get_reason_codes(self, row: PartyInstruction) -> list[str]:
        """Return why it waits."""
        return list(party_status_of(party=row, business_date=self.context["business_date"]).reasons)


class PartyInstructionDetailSerializer(PartyInstructionSerializer):
    """One party's instruction, and the links it asks for."""

    links = serializers.SerializerMethodField()

    class Meta(PartyInstructionSerializer.Meta):
        """What the list shows, and the links."""

        fields = [*PartyInstructionSerializer.Meta.fields, "links"]

    @extend_schema_field(ShownLinkSerializer(many=True))
    def get_links(self, row: PartyInstruction) -> Any:
        """Return the links that its party asks for."""
        return ShownLinkSerializer(links_of_party(party=row), many=True).data


class EnteredExchangeSerializer(serializers.Serializer[Any]):
    """The two payments of an exchange: matched ones of both parties, or one party's own."""

    instructions = InstructionSerializer(many=True)
    party_instructions = PartyInstructionSerializer(many=True)
