"""Shapes of clients and traders in the API."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from reference.api.fields import CurrencyCode, ParticipantCode, decimal_text
from reference.queries import directory
from trades.core.client_lifecycle import ClientStatus
from trades.models import Client, Trader

CLIENT_STATUS_CHOICES = [(state.value, state.title()) for state in ClientStatus]
LARGEST = Decimal(10) ** 13
CODE_HELP = "2 to 20 capital letters, digits and hyphens."


@extend_schema_field({"type": "string", "format": "decimal", "example": "1000000.00"})
class ClientAmount(serializers.Field[Any, Any, str, Any]):
    """An amount of minor units in the client's default currency, written as a decimal string."""

    def __init__(self, *, minor: str, **extra: Any) -> None:
        self.minor = minor
        super().__init__(source="*", read_only=True, **extra)

    def to_representation(self, value: Client) -> str:
        """Return the amount."""
        digits = directory().currencies[value.default_currency_id].digits
        return decimal_text(minor=getattr(value, self.minor), digits=digits)


class ClientSerializer(serializers.ModelSerializer[Client]):
    """A client with its limits and what is used of them, in its default currency."""

    broker: Any = ParticipantCode(source="broker_id")
    settlement_account = serializers.CharField(source="settlement_account.code")
    default_currency: Any = CurrencyCode(source="default_currency_id")
    status = serializers.ChoiceField(choices=CLIENT_STATUS_CHOICES)
    credit_limit: Any = ClientAmount(minor="credit_limit_minor")
    credit_used: Any = ClientAmount(minor="credit_used_minor", help_text="Held by open orders and unsettled purchases.")
    daily_limit: Any = ClientAmount(minor="daily_limit_minor")
    ordered_today: Any = ClientAmount(minor="ordered_today_minor", help_text="Ordered on this business date.")

    class Meta:
        """The client, its limits and their use."""

        model = Client
        fields = [
            "code", "name", "broker", "settlement_account", "default_currency", "status", "credit_limit",
            "credit_used", "daily_limit", "ordered_today", "margin_percent", "short_sale_allowed",
        ]  # fmt: skip


class ClientChangeSerializer(serializers.Serializer[Any]):
    """What may change of a client. The limits, from credit_limit on, wait for a second person."""

    name = serializers.CharField(max_length=120)
    settlement_account = serializers.CharField(max_length=40, help_text="Code of a securities account of the broker.")
    status = serializers.ChoiceField(choices=CLIENT_STATUS_CHOICES)
    credit_limit = serializers.DecimalField(max_digits=18, decimal_places=4, min_value=0, max_value=LARGEST)
    daily_limit = serializers.DecimalField(max_digits=18, decimal_places=4, min_value=0, max_value=LARGEST)
    margin_percent = serializers.DecimalField(max_digits=5, decimal_places=2, min_value=0, max_value=100)
    short_sale_allowed = serializers.BooleanField()


class ClientEntrySerializer(serializers.Serializer[Any]):
    """A client to be opened, active and with its first limits."""

    code = serializers.CharField(max_length=20, help_text=CODE_HELP)
    name = serializers.CharField(max_length=120)
    broker = serializers.CharField(max_length=12, required=False, help_text="The own participant, where left out.")
    settlement_account = serializers.CharField(max_length=40, help_text="Code of a securities account of the broker.")
    default_currency = serializers.CharField(max_length=3, default="EUR")
    credit_limit = serializers.DecimalField(max_digits=18, decimal_places=4, min_value=0, max_value=LARGEST)
    daily_limit = serializers.DecimalField(max_digits=18, decimal_places=4, min_value=0, max_value=LARGEST)
    margin_percent = serializers.DecimalField(
        max_digits=5, decimal_places=2, min_value=0, max_value=100, default=Decimal(0)
    )
    short_sale_allowed = serializers.BooleanField(default=False)


class TraderSerializer(serializers.ModelSerializer[Trader]):
    """A trader of a broker."""

    broker: Any = ParticipantCode(source="broker_id")
    user = serializers.CharField(source="user.username", default=None, allow_null=True, help_text="Its login.")

    class Meta:
        """The trader."""

        model = Trader
        fields = ["code", "name", "broker", "user", "active"]


class TraderChangeSerializer(serializers.Serializer[Any]):
    """What may change of a trader."""

    name = serializers.CharField(max_length=120)
    user = serializers.CharField(max_length=150, required=False, allow_null=True, help_text="A login of the broker.")
    active = serializers.BooleanField(required=False)


class TraderEntrySerializer(serializers.Serializer[Any]):
    """A trader to be registered."""

    code = serializers.CharField(max_length=20, help_text=CODE_HELP)
    name = serializers.CharField(max_length=120)
    broker = serializers.CharField(max_length=12, required=False, help_text="The own participant, where left out.")
    user = serializers.CharField(max_length=150, required=False, allow_null=True, help_text="A login of the broker.")
