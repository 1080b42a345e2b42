"""How ids, amounts and prices are written in the API, everywhere the same."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from reference.queries import directory


def decimal_text(*, minor: int, digits: int) -> str:
    """Write an amount of minor units as a decimal string: 123456, 2 becomes "1234.56"."""
    if not digits:
        return str(minor)
    whole, rest = divmod(abs(minor), 10**digits)
    return f"{'-' if minor < 0 else ''}{whole}.{rest:0{digits}d}"


def amounts_text(*, amounts_minor: dict[str, int]) -> dict[str, str]:
    """Write amounts by currency code as decimal strings."""
    currencies = directory().currencies_by_code
    return {code: decimal_text(minor=minor, digits=currencies[code].digits) for code, minor in amounts_minor.items()}


@extend_schema_field(OpenApiTypes.STR)
class ParticipantCode(serializers.Field[int, int, str, Any]):
    """A participant's id, written as its code."""

    def to_representation(self, value: int) -> str:
        """Return the code."""
        return directory().participants[value].code


@extend_schema_field(OpenApiTypes.STR)
class Isin(serializers.Field[int, int, str, Any]):
    """A security's id, written as its ISIN."""

    def to_representation(self, value: int) -> str:
        """Return the ISIN."""
        return directory().securities[value].isin


@extend_schema_field(OpenApiTypes.STR)
class CurrencyCode(serializers.Field[int, int, str, Any]):
    """A currency's id, written as its ISO 4217 code."""

    def to_representation(self, value: int) -> str:
        """Return the code."""
        return directory().currencies[value].code


@extend_schema_field({"type": "string", "format": "decimal", "example": "1234567.89"})
class Amount(serializers.Field[Any, Any, str, Any]):
    """An amount of minor units in the row's currency, written as a decimal string."""

    def __init__(self, *, minor: str, **extra: Any) -> None:
        self.minor = minor
        super().__init__(source="*", read_only=True, **extra)

    def to_representation(self, value: Any) -> str:
        """Return the amount; `value` is the row, which also has `currency_id`."""
        digits = directory().currencies[value.currency_id].digits
        return decimal_text(minor=getattr(value, self.minor), digits=digits)


@extend_schema_field({"type": "boolean", "default": True})
class TrueUnlessFalse(serializers.ChoiceField):
    """A truth that is true where it is left out; as a choice, for an empty checkbox is left out as well."""

    def __init__(self, **extra: Any) -> None:
        super().__init__(choices=[("true", "true"), ("false", "false")], initial="true", required=False, **extra)


@extend_schema_field({"type": "object", "additionalProperties": {"type": "string", "format": "decimal"}})
class AmountsByCurrency(serializers.Field[dict[str, int], Any, dict[str, str], Any]):
    """Minor units by currency code, written as decimal strings."""

    def to_representation(self, value: dict[str, int]) -> dict[str, str]:
        """Return the amounts."""
        return amounts_text(amounts_minor=value)


@extend_schema_field({"type": "string", "format": "decimal", "example": "101.2"})
class Price(serializers.Field[Decimal, Any, str, Any]):
    """A price, written without trailing zeros."""

    def to_representation(self, value: Decimal) -> str:
        """Return the price."""
        return f"{value.normalize():f}"
