"""Shapes of defaults, auctions and bids in the API."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from clearing.core.default_lifecycle import CaseStatus, LotStatus
from clearing.models import AuctionLot, Bid, DefaultCase, DefaultDrill, LotPosition, Porting
from reference.api.fields import Amount, CurrencyCode, Isin, ParticipantCode, decimal_text

LARGEST = Decimal(10) ** 14
CASE_STATUS_CHOICES = [(state.value, state.title()) for state in CaseStatus]


class DefaultCaseSerializer(serializers.ModelSerializer[DefaultCase]):
    """A default of a clearing member."""

    member: Any = ParticipantCode(source="member_id")
    status = serializers.ChoiceField(choices=CASE_STATUS_CHOICES)
    assessment_percent = serializers.IntegerField(help_text="Cap of a survivor's assessment, of its contribution.")

    class Meta:
        """Who, why, where it stands and who said so."""

        model = DefaultCase
        fields = [
            "id", "member", "status", "reason", "juniorise", "assessment_percent", "proposed_by", "proposed_at",
            "declared_by", "declared_at", "closed_at",
        ]  # fmt: skip


class CaseStepSerializer(serializers.Serializer[Any]):
    """One thing that was done."""

    action = serializers.CharField()
    status = serializers.CharField(help_text="Where the case stood afterwards.")
    summary = serializers.CharField()
    done_by = serializers.CharField()
    at = serializers.DateTimeField()


class LayerSerializer(serializers.Serializer[Any]):
    """One account of one layer of the waterfall."""

    currency = serializers.CharField()
    layer = serializers.IntegerField(help_text="1 bears first.")
    name = serializers.CharField()
    member = serializers.CharField(allow_null=True)
    available = serializers.CharField(help_text="Decimal string.")
    used = serializers.CharField(help_text="Decimal string.")


class CaseMovementSerializer(serializers.Serializer[Any]):
    """Money that moved; positive: paid out by the CCP."""

    kind = serializers.CharField()
    name = serializers.CharField(help_text="The kind in words.")
    at = serializers.DateTimeField()
    currency = serializers.CharField()
    member = serializers.CharField(allow_null=True)
    lot = serializers.IntegerField(allow_null=True)
    amount = serializers.CharField(help_text="Decimal string.")
    text = serializers.CharField()


class CostSerializer(serializers.Serializer[Any]):
    """One part of a loss."""

    kind = serializers.CharField()
    name = serializers.CharField(help_text="The kind in words.")
    text = serializers.CharField()
    currency = serializers.CharField()
    amount = serializers.CharField(help_text="Decimal string; positive: it costs so much.")


class PlanSerializer(serializers.Serializer[Any]):
    """What the default would cost in one currency as things stand."""

    currency = serializers.CharField()
    loss = serializers.CharField(help_text="Decimal string; below zero, a gain.")
    surplus = serializers.CharField(help_text="Decimal string: what the defaulter's own layers keep.")
    uncovered = serializers.CharField(help_text="Decimal string: what no layer bears.")
    wants_assessments = serializers.BooleanField(help_text="The survivors are to be assessed first.")
    waits_for_assessments = serializers.BooleanField(help_text="They are called, and may still pay.")
    sells_first = serializers.BooleanField(help_text="Collateral in securities is to be sold first.")
    costs = CostSerializer(many=True)
    layers = LayerSerializer(many=True)


class DefaultDetailSerializer(DefaultCaseSerializer):
    """A default with what has happened, what comes next, and who bears what."""

    next = serializers.CharField(help_text="What is done next.")
    why = serializers.CharField()
    steps = CaseStepSerializer(many=True)
    movements = CaseMovementSerializer(many=True)
    waterfall = LayerSerializer(many=True)
    plans = PlanSerializer(many=True)

    class Meta(DefaultCaseSerializer.Meta):
        """The case, and its parts."""

        fields = [*DefaultCaseSerializer.Meta.fields, "next", "why", "steps", "movements", "waterfall", "plans"]


class ProposeSerializer(serializers.Serializer[Any]):
    """A default to propose."""

    member = serializers.CharField(max_length=12)
    reason = serializers.CharField(max_length=400)
    juniorise = serializers.BooleanField(default=True, help_text="Poor bidders' contributions are used first.")


class OpenAuctionSerializer(serializers.Serializer[Any]):
    """How the positions are offered."""

    lots = serializers.IntegerField(default=1, min_value=1, max_value=50, help_text="Lots a currency.")
    reserve_percent = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, max_value=100,
        help_text="The most the CCP pays, of a lot's gross value; whatever is asked, where left out.",
    )  # fmt: skip
    minutes = serializers.IntegerField(default=60, min_value=1, max_value=4320, help_text="How long bids are taken.")


class PortSerializer(serializers.Serializer[Any]):
    """A client to offer to another member."""

    client = serializers.CharField(max_length=12)
    to_member = serializers.CharField(max_length=12)


class PortAnswerSerializer(serializers.Serializer[Any]):
    """Whether the client is taken over."""

    accept = serializers.BooleanField()


class PortingSerializer(serializers.ModelSerializer[Porting]):
    """A client that was offered."""

    client: Any = ParticipantCode(source="client_id")
    to_member: Any = ParticipantCode(source="to_member_id")

    class Meta:
        """Who, to whom, and what it said."""

        model = Porting
        fields = ["id", "case", "client", "to_member", "status", "offered_at", "answered_at"]


class HedgeSerializer(serializers.Serializer[Any]):
    """A hedge that the CCP took."""

    counterparty = serializers.CharField(max_length=12)
    isin = serializers.CharField(max_length=12)
    quantity = serializers.IntegerField(min_value=-(10**12), max_value=10**12)
    cost = serializers.DecimalField(max_digits=18, decimal_places=2, help_text="Below zero, it brought something.")


class SellCollateralSerializer(serializers.Serializer[Any]):
    """Collateral of the defaulter that is sold."""

    buyer = serializers.CharField(max_length=12)
    isin = serializers.CharField(max_length=12)
    units = serializers.IntegerField(min_value=1, max_value=10**12)
    price = serializers.DecimalField(max_digits=18, decimal_places=2, help_text="For all of them.")


class LotPositionSerializer(serializers.ModelSerializer[LotPosition]):
    """What one of the defaulter's portfolios has open in one security."""

    security: Any = Isin(source="security_id")
    quantity = serializers.IntegerField(source="quantity_units", help_text="Positive: to be received.")
    cash = serializers.SerializerMethodField(help_text="Decimal string; positive: to be received.")
    mark = serializers.SerializerMethodField(help_text="Decimal string: market value of the quantity.")

    class Meta:
        """What is to be received or delivered, for what, and its market value."""

        model = LotPosition
        fields = ["security", "quantity", "cash", "mark"]

    def get_cash(self, row: LotPosition) -> str:
        """Write the cash."""
        return decimal_text(minor=row.cash_minor, digits=row.lot.currency.digits)

    def get_mark(self, row: LotPosition) -> str:
        """Write the market value."""
        return decimal_text(minor=row.mark_minor, digits=row.lot.currency.digits)


class LotSerializer(serializers.ModelSerializer[AuctionLot]):
    """A lot; who won it and at what price once it is closed."""

    currency: Any = CurrencyCode(source="currency_id")
    status = serializers.ChoiceField(choices=[(state.value, state.title()) for state in LotStatus])
    worth: Any = Amount(minor="worth_minor")
    gross: Any = Amount(minor="gross_minor")
    positions = LotPositionSerializer(many=True)
    bids_of_yours = serializers.SerializerMethodField(help_text="How often you have bid; what, nobody reads yet.")
    winner = serializers.SerializerMethodField()

    class Meta:
        """What is offered, until when."""

        model = AuctionLot
        fields = [
            "id", "case", "number", "name", "currency", "worth", "gross", "status", "opened_at", "deadline", "winner",
            "positions", "bids_of_yours",
        ]  # fmt: skip

    def get_bids_of_yours(self, lot: AuctionLot) -> int:
        """Return how often the actor's member has bid."""
        return int(self.context.get("bids", {}).get(lot.pk, 0))

    def get_winner(self, lot: AuctionLot) -> str | None:
        """Return who won it."""
        return lot.winning_bid.member.code if lot.winning_bid is not None else None


class BidEntrySerializer(serializers.Serializer[Any]):
    """A bid: what the member wants to be paid to take the lot; below zero, it pays."""

    price = serializers.DecimalField(max_digits=18, decimal_places=2, min_value=-LARGEST, max_value=LARGEST)


class BidReceiptSerializer(serializers.ModelSerializer[Bid]):
    """That a bid was made; its price is sealed."""

    class Meta:
        """Which, when and by whom, without the price."""

        model = Bid
        fields = ["id", "lot", "at", "made_by"]


class BidSerializer(serializers.ModelSerializer[Bid]):
    """An opened bid."""

    member: Any = ParticipantCode(source="member_id")
    price = serializers.SerializerMethodField(help_text="Decimal string; positive: the member asked to be paid.")
    won = serializers.SerializerMethodField()

    class Meta:
        """Who bid what."""

        model = Bid
        fields = ["id", "lot", "member", "price", "at", "won"]

    def get_price(self, bid: Bid) -> str:
        """Write the price."""
        return decimal_text(minor=bid.price_minor, digits=bid.lot.currency.digits)

    def get_won(self, bid: Bid) -> bool:
        """Say whether it won the lot."""
        return bid.lot.winning_bid_id == bid.pk


class DrillEntrySerializer(serializers.Serializer[Any]):
    """What a drill assumes."""

    member = serializers.CharField(max_length=12)
    lots = serializers.IntegerField(default=2, min_value=1, max_value=50)
    ask_per_mille = serializers.IntegerField(
        default=20, min_value=-1000, max_value=1000, help_text="What the best bidder asks, of a lot's gross value."
    )
    reserve_percent = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=100)
    juniorise = serializers.BooleanField(default=True)
    silent = serializers.ListField(
        child=serializers.CharField(max_length=12), default=list, max_length=50, help_text="Members that do not bid."
    )


class DrillSerializer(serializers.ModelSerializer[DefaultDrill]):
    """A drill and what came of it; nothing else changed."""

    member: Any = ParticipantCode(source="member_id")

    class Meta:
        """What was assumed and what came of it."""

        model = DefaultDrill
        fields = ["id", "member", "inputs", "outcome", "played_by", "at"]
