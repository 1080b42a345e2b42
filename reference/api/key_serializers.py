"""Shapes of API keys and tokens in the API."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from reference.keys.filters import SCOPE_CHOICES, STATE_CHOICES
from reference.keys.queries import state_of
from reference.models import ApiKey

KEY_STATE_CHOICES = STATE_CHOICES
KEY_SCOPE_CHOICES = SCOPE_CHOICES


class KeySerializer(serializers.ModelSerializer[ApiKey]):
    """An API key, without its secret, which nobody can read again. Its times are wall-clock times."""

    owner = serializers.CharField(source="owner.username", help_text="The login that it acts as.")
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=KEY_SCOPE_CHOICES))
    state: Any = serializers.SerializerMethodField()
    revoked_by = serializers.CharField(allow_null=True)

    class Meta:
        """What it is for, what it may do, and how long."""

        model = ApiKey
        fields = [
            "client_id", "name", "owner", "scopes", "state", "created_at", "expires_at", "last_used_at", "revoked_at",
            "revoked_by",
        ]  # fmt: skip

    @extend_schema_field(serializers.ChoiceField(choices=KEY_STATE_CHOICES))
    def get_state(self, key: ApiKey) -> str:
        """Return how it stands: EXPIRING within 14 days of its end."""
        return state_of(key=key, now=timezone.now()).value

    def to_representation(self, instance: ApiKey) -> Any:
        """Write nobody as null."""
        written = super().to_representation(instance)
        return {**written, "revoked_by": written["revoked_by"] or None}


class NewKeySerializer(KeySerializer):
    """An API key with its secret: shown once."""

    api_secret: Any = serializers.CharField(help_text="Shown once; only its SHA-256 is kept.")

    class Meta(KeySerializer.Meta):
        """The key, and its secret."""

        fields = [*KeySerializer.Meta.fields, "api_secret"]


class KeyEntrySerializer(serializers.Serializer[Any]):
    """A key to be made."""

    name = serializers.CharField(max_length=80, help_text="What it is for.")
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=KEY_SCOPE_CHOICES), min_length=1, max_length=len(KEY_SCOPE_CHOICES),
        help_text="At most what your role allows.",
    )  # fmt: skip
    expires_at = serializers.DateTimeField(
        required=False, help_text="Wall-clock time, within a year; 90 days from now unless given."
    )


class RotationSerializer(serializers.Serializer[Any]):
    """How long the secret before the new one works on."""

    grace_hours = serializers.IntegerField(
        min_value=0, max_value=168, default=24, help_text="0: the old secret and its tokens end at once."
    )


class TokenRequestSerializer(serializers.Serializer[Any]):
    """A key's secret, to be exchanged for tokens.

    `api_key` and `api_secret`; or OAuth 2.0's `grant_type=client_credentials` with `client_id` and `client_secret`, or
    with them in `Authorization: Basic`.
    """

    api_key = serializers.CharField(required=False, max_length=64, trim_whitespace=False)
    api_secret = serializers.CharField(required=False, max_length=200, trim_whitespace=False)
    grant_type = serializers.CharField(required=False, max_length=40)
    client_id = serializers.CharField(required=False, max_length=64, trim_whitespace=False)
    client_secret = serializers.CharField(required=False, max_length=200, trim_whitespace=False)
    refresh_token = serializers.CharField(required=False, max_length=200, trim_whitespace=False)
    scope = serializers.CharField(required=False, max_length=1200, help_text="Fewer scopes, spaces between them.")


class RefreshRequestSerializer(serializers.Serializer[Any]):
    """A refresh token, to be exchanged for the next tokens."""

    refresh_token = serializers.CharField(max_length=200, trim_whitespace=False)
    scope = serializers.CharField(required=False, max_length=1200, help_text="Fewer scopes, spaces between them.")


class RevocationSerializer(serializers.Serializer[Any]):
    """A token to be revoked, with its whole family."""

    token = serializers.CharField(max_length=4000, trim_whitespace=False, help_text="Access or refresh token.")
    token_type_hint = serializers.CharField(required=False, max_length=40, help_text="Not needed.")


class TokensSerializer(serializers.Serializer[Any]):
    """Tokens of a key."""

    access_token = serializers.CharField(help_text="A JSON Web Token, for Authorization: Bearer.")
    token_type = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds.")
    scope = serializers.CharField(help_text="What it allows, spaces between.")
    refresh_token = serializers.CharField(
        required=False, help_text="Brings the next tokens, once. None came of grant_type=client_credentials."
    )


class WaitingLoginSerializer(serializers.Serializer[Any]):
    """A login that waits after too many failed attempts."""

    name = serializers.CharField()
    address = serializers.CharField()
    seconds = serializers.IntegerField(help_text="How much longer.")


class UnlockSerializer(serializers.Serializer[Any]):
    """Whose waits are to end."""

    name = serializers.CharField(max_length=150)


class UnlockedSerializer(serializers.Serializer[Any]):
    """How many waits ended."""

    ended = serializers.IntegerField()
