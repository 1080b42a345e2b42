"""Shapes of trades in the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from reference.api.fields import Amount, CurrencyCode, Isin, ParticipantCode, Price, TrueUnlessFalse
from reference.core.limits import LARGEST_AMOUNT
from trades.core.lifecycle import TRANSITIONS, TradeStatus
from trades.models import RefusedLine, Submission, Trade

STATUS_CHOICES = [(state.value, state.title()) for state in TradeStatus]


class TradeReportSerializer(serializers.Serializer[Any]):
    """One trade report. Reading it is msgspec's work (trades.core.parsing); this is its description."""

    trade_id = serializers.CharField(max_length=35, help_text="The reporter's own reference; once per reporter.")
    buyer = serializers.CharField(max_length=12, help_text="Participant code.")
    seller = serializers.CharField(max_length=12, help_text="Participant code.")
    security = serializers.CharField(max_length=24, help_text="ISIN or symbol.")
    quantity = serializers.IntegerField(min_value=1, max_value=LARGEST_AMOUNT, help_text="Units; bonds: nominal.")
    price = serializers.DecimalField(max_digits=18, decimal_places=6, help_text="Bonds: percent of nominal.")
    currency = serializers.CharField(min_length=3, max_length=3, help_text="The security's currency.")
    trade_date = serializers.DateField()
    settlement_date = serializers.DateField(required=False, help_text="By the market's rule, where left out.")
    amount = serializers.DecimalField(
        max_digits=19, decimal_places=2, required=False, help_text="Quantity times price, where left out."
    )
    reporter = serializers.CharField(
        max_length=12,
        required=False,
        help_text="For operators: on whose behalf. Left out by an operator: both sides, locked in.",
    )
    account = serializers.CharField(max_length=20, default="HOUSE", help_text="The reporter's account.")
    counterparty_account = serializers.CharField(
        max_length=20, default="HOUSE", help_text="The seller's account, where both sides are reported."
    )
    cleared = TrueUnlessFalse(help_text="Whether the CCP steps in between.")
    transaction_type = serializers.CharField(max_length=4, required=False, help_text="Optional matching field.")
    trading_venue = serializers.CharField(max_length=4, required=False, help_text="MIC; optional matching field.")


class TradeLinksSerializer(serializers.Serializer[Any]):
    """Where to go from a trade."""

    self = serializers.CharField()
    cancel = serializers.CharField(required=False, help_text="Where it can still be cancelled.")


class CapturedTradeSerializer(serializers.Serializer[Any]):
    """What became of a report."""

    id = serializers.UUIDField()
    trade_id = serializers.CharField()
    status = serializers.ChoiceField(choices=STATUS_CHOICES)
    outcome = serializers.ChoiceField(choices=["ACCEPTED", "REPEATED"])
    links = TradeLinksSerializer()


def links_of(*, public_id: Any) -> dict[str, str]:
    """Return where to go from a trade."""
    return {"self": f"/api/v1/trades/{public_id}", "cancel": f"/api/v1/trades/{public_id}/cancel"}


class TradeSerializer(serializers.ModelSerializer[Trade]):
    """A trade as reported, and where it stands."""

    id = serializers.UUIDField(source="public_id")
    reporter: Any = ParticipantCode(source="reporter_id")
    buyer: Any = ParticipantCode(source="buyer_id")
    seller: Any = ParticipantCode(source="seller_id")
    security: Any = Isin(source="security_id")
    quantity = serializers.IntegerField(source="quantity_units")
    price: Any = Price()
    amount: Any = Amount(minor="amount_minor")
    currency: Any = CurrencyCode(source="currency_id")
    links = serializers.SerializerMethodField()

    class Meta:
        """The reported fields, the state and the times."""

        model = Trade
        fields = [
            "id", "trade_id", "status", "side", "reporter", "buyer", "seller", "security", "quantity",
            "price", "amount", "currency", "trade_date", "settlement_date", "cleared", "transaction_type",
            "trading_venue", "business_date", "received_at", "recorded_at", "links",
        ]  # fmt: skip

    @extend_schema_field(TradeLinksSerializer)
    def get_links(self, trade: Trade) -> dict[str, str]:
        """Return where to go from the trade."""
        links = links_of(public_id=trade.public_id)
        if TradeStatus.CANCELLED not in TRANSITIONS[trade.status]:
            del links["cancel"]
        return links


class CancellationSerializer(serializers.Serializer[Any]):
    """The wish to cancel."""

    reason = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)


class CancelledSerializer(serializers.Serializer[Any]):
    """What became of the wish to cancel: done, or waiting for the other party's."""

    id = serializers.UUIDField()
    outcome = serializers.ChoiceField(choices=["CANCELLED", "REQUESTED"])


class LineErrorSerializer(serializers.Serializer[Any]):
    """Why a line was refused."""

    code = serializers.CharField()
    pointer = serializers.CharField()
    detail = serializers.CharField()


class LineOutcomeSerializer(serializers.Serializer[Any]):
    """What became of one line of a bulk capture."""

    line = serializers.IntegerField()
    outcome = serializers.ChoiceField(choices=["ACCEPTED", "REPEATED", "REFUSED"])
    id = serializers.UUIDField(required=False)
    errors: Any = LineErrorSerializer(many=True, required=False)


class SubmissionSerializer(serializers.ModelSerializer[Submission]):
    """A bulk capture and its counts."""

    id = serializers.UUIDField(source="public_id")
    reporter: Any = ParticipantCode(source="reporter_id")

    class Meta:
        """Who, when, what became of the lines."""

        model = Submission
        fields = [
            "id", "reporter", "submitted_by", "source", "received_at", "business_date", "lines", "accepted",
            "repeated", "refused", "digest", "finished_at", "problem",
        ]  # fmt: skip


class RefusedLineSerializer(serializers.ModelSerializer[RefusedLine]):
    """A line that was not taken, and why."""

    class Meta:
        """Where and why."""

        model = RefusedLine
        fields = ["line", "code", "pointer", "message", "content"]
