"""Tokens in the API: had for a key's secret, refreshed, revoked. In the manner of OAuth 2.0 (RFC 6749, 6750, 7009)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.parsers import BaseParser, FormParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from reference.api.authentication import basic_credentials_of
from reference.api.entry import now, read_body
from reference.api.key_serializers import (
    RefreshRequestSerializer,
    RevocationSerializer,
    TokenRequestSerializer,
    TokensSerializer,
)
from reference.api.parameters import refuse_unknown_parameters
from reference.api.parsers import BoundedJsonParser
from reference.api.problems import problems
from reference.api.rate_limits import RateLimited, client_at_address, client_of_key
from reference.core.key_material import CLIENT_ID
from reference.keys.grants import find_by_secret
from reference.keys.issue_tokens import Tokens, exchange_secret, holder_of_token, refresh_tokens, revoke_token
from reference.keys.login_waits import Attempt, address_of, refuse_where_waiting
from reference.keys.refusals import InvalidClient, UnsupportedGrantType

CLIENT_CREDENTIALS, REFRESH_TOKEN = "client_credentials", "refresh_token"
# By which names a body may bring a key and its secret.
CREDENTIALS = (("api_key", "api_secret"), ("client_id", "client_secret"))
TOKEN_EXAMPLES = [
    OpenApiExample(
        "A key and its secret",
        value={"api_key": "fmi_5tq3v7k2m4x6a2bc", "api_secret": "fms_the-secret-that-was-shown-once"},
        request_only=True,
    ),
    OpenApiExample(
        "Tokens",
        value={
            "access_token": "eyJhbGciOiJIUzI1NiIs…", "token_type": "Bearer", "expires_in": 900,
            "scope": "orders:read orders:write", "refresh_token": "fmr_…",
        },
        response_only=True,
    ),
]  # fmt: skip


class TokenView(RateLimited, GenericAPIView[Any]):
    """What anybody may ask who holds a secret or a token.

    Counted under the key that the secret or the token is of, so that nobody at its address uses up its limit; what is
    brought without a right one is counted under the address.
    """

    rate_limit = "tokens"
    authentication_classes: Sequence[type[BaseAuthentication]] = []
    permission_classes = [AllowAny]
    serializer_class = TokensSerializer
    parser_classes: Sequence[type[BaseParser]] = [BoundedJsonParser, FormParser]
    filter_backends: list[Any] = []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse parameters in the address, where a secret would be seen (RFC 6749, section 2.3.1)."""
        super().initial(request, *args, **kwargs)
        refuse_unknown_parameters(request=request, known=())

    def perform_authentication(self, request: Request) -> None:
        """Count the request. Raises Throttled, and what reading the body raises."""
        holder: str | None = None
        try:
            holder = self.holder_of(request.data) if isinstance(request.data, Mapping) else None
        finally:
            client = client_of_key(client_id=holder) if holder else client_at_address(request=request)
            self.count_request(client=client)

    def holder_of(self, fields: Mapping[str, Any]) -> str | None:
        """Return the public id of the key whose secret or token is brought; None where there is no right one."""
        token = fields.get("refresh_token") or fields.get("token")
        return holder_of_token(token=token, now=timezone.now()) if _is_secret(token) else None

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Answer so that nobody on the way keeps it (RFC 6749, section 5.1)."""
        answered: Response = super().finalize_response(request, response, *args, **kwargs)
        answered["Cache-Control"] = "no-store"
        answered["Pragma"] = "no-cache"
        return answered


class TokenIssue(TokenView):
    """Exchange a secret."""

    def holder_of(self, fields: Mapping[str, Any]) -> str | None:
        """Return the key whose secret, or refresh token, is brought."""
        if fields.get("grant_type") == REFRESH_TOKEN:
            return super().holder_of(fields)
        brought = _brought_in(self.request, fields)
        if brought is None or not all(_is_secret(text) for text in brought):
            return None
        found = find_by_secret(client_id=brought[0], secret=brought[1], now=timezone.now())
        return None if found is None else found.grant.client_id

    @extend_schema(
        operation_id="auth_token", summary="Exchange an API key and its secret for tokens", auth=[],
        request=TokenRequestSerializer, responses={200: TokensSerializer, **problems(400, 401, 429)},
        examples=TOKEN_EXAMPLES,
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Exchange an API key and its secret for an access token of 15 minutes and what refreshes it for a day.

        An unknown key and a wrong secret are the same refusal. Also takes OAuth 2.0's client credentials, as a form or
        as JSON, which get no refresh token (RFC 6749, section 4.4.3).
        """
        fields = read_body(request=request, shape=TokenRequestSerializer)
        grant_type = fields.get("grant_type")
        if grant_type == REFRESH_TOKEN:
            return _refresh(fields)
        if grant_type not in {None, CLIENT_CREDENTIALS}:
            raise UnsupportedGrantType
        client_id, secret = _credentials_of(request, fields)
        try:
            tokens = exchange_secret(
                client_id=client_id, secret=secret, scopes=_scopes_of(fields), with_refresh=grant_type is None,
                now=timezone.now(), **now(),
            )  # fmt: skip
        except InvalidClient:
            known = client_id if CLIENT_ID.fullmatch(client_id) else ""
            refuse_where_waiting(attempt=Attempt(name=known, address=address_of(request)), now=timezone.now())
            raise
        return _answer(tokens)


class TokenRefresh(TokenView):
    """Exchange a refresh token."""

    @extend_schema(
        operation_id="auth_refresh", summary="Exchange a refresh token for the next tokens", auth=[],
        request=RefreshRequestSerializer, responses={200: TokensSerializer, **problems(400, 429)},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Exchange a refresh token for an access token and the next refresh token.

        It works once. One that comes again was copied: all tokens of its family end.
        """
        return _refresh(read_body(request=request, shape=RefreshRequestSerializer))


class TokenRevoke(TokenView):
    """Revoke a token."""

    @extend_schema(
        operation_id="auth_revoke", summary="Revoke a token and its whole family", auth=[],
        request=RevocationSerializer, responses={200: None, **problems(400, 429)},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Revoke an access or a refresh token with all others of its family; 200 also where there is none."""
        fields = read_body(request=request, shape=RevocationSerializer)
        revoke_token(token=fields["token"], now=timezone.now(), **now())
        return Response(status=200)


def _credentials_of(request: Request, fields: Mapping[str, Any]) -> tuple[str, str]:
    """Return the key and the secret, from the body or from Authorization: Basic. Raises ValidationError."""
    found = _brought_in(request, fields)
    if found is None:
        missing = [name for name in CREDENTIALS[0] if name not in fields]
        raise ValidationError(dict.fromkeys(missing or CREDENTIALS[0], "This field is required."))
    return found


def _is_secret(text: Any) -> TypeGuard[str]:
    """Tell whether this can be a secret or a token at all: ours are ASCII."""
    return isinstance(text, str) and text.isascii()


def _brought_in(request: Request, fields: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the key and the secret, None where they are not both there."""
    for key, secret in CREDENTIALS:
        if key in fields and secret in fields:
            return fields[key], fields[secret]
    return basic_credentials_of(request)


def _scopes_of(fields: Mapping[str, Any]) -> list[str] | None:
    """Return the scopes that are asked for; None: all."""
    return fields["scope"].split() if "scope" in fields else None


def _refresh(fields: Mapping[str, Any]) -> Response:
    """Answer with the next tokens. Raises ValidationError, InvalidGrant, InvalidScope."""
    if "refresh_token" not in fields:
        raise ValidationError({"refresh_token": "This field is required."})
    return _answer(
        refresh_tokens(
            refresh_token=fields["refresh_token"], scopes=_scopes_of(fields), now=timezone.now(), **now()
        )
    )  # fmt: skip


def _answer(tokens: Tokens) -> Response:
    """Answer with tokens."""
    body = {
        "access_token": tokens.access_token, "token_type": "Bearer", "expires_in": tokens.expires_in,
        "scope": " ".join(tokens.scopes),
    }  # fmt: skip
    if tokens.refresh_token is not None:
        body["refresh_token"] = tokens.refresh_token
    return Response(body)
