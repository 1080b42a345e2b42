"""API keys in the API: one's own made, rotated, revoked; an operator sees and revokes all. And logins that wait."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from reference.api.base import ActorListView, ActorView
from reference.api.entry import now, read_body
from reference.api.key_serializers import (
    KeyEntrySerializer,
    KeySerializer,
    NewKeySerializer,
    RotationSerializer,
    UnlockedSerializer,
    UnlockSerializer,
    WaitingLoginSerializer,
)
from reference.api.problems import problems
from reference.core.actor import Role
from reference.core.scopes import Scope
from reference.keys.filters import KeyFilter
from reference.keys.login_waits import unlock_login, waiting_logins
from reference.keys.manage_keys import NewSecret, create_key, revoke_key, rotate_key
from reference.keys.queries import get_key, keys_visible_to
from reference.keys.tokens import AccessGrant
from reference.models import ApiKey

DEFAULT_LIFE = timedelta(days=90)
KEY_EXAMPLE = OpenApiExample(
    "A key that sends orders",
    value={"name": "Order router, production", "scopes": ["orders:read", "orders:write"]},
    request_only=True,
)


def _maker(request: Request) -> AccessGrant | None:
    """Return the key by which the request acts, None for a person."""
    return request.auth if isinstance(request.auth, AccessGrant) else None


def _with_secret(made: NewSecret, status: int) -> Response:
    """Answer with a key and its secret, so that nobody on the way keeps it."""
    body = {**KeySerializer(made.key).data, "api_secret": made.secret}
    return Response(body, status=status, headers={"Cache-Control": "no-store"})


class KeyList(ActorListView[ApiKey]):
    """API keys, newest first."""

    queryset = ApiKey.objects.all()
    serializer_class = KeySerializer
    filterset_class = KeyFilter
    read_scope = Scope.KEYS_READ
    write_scope = Scope.KEYS_WRITE
    signed_methods = frozenset({"POST"})
    # What answers a POST holds a secret: it is kept nowhere.
    keeps_answer = False

    def get_queryset(self) -> QuerySet[ApiKey]:
        """Return what the actor sees."""
        return keys_visible_to(actor=self.actor).select_related("owner")

    @extend_schema(operation_id="keys_list", summary="List API keys, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List one's own API keys; an operator sees all."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="keys_create", summary="Make an API key", request=KeyEntrySerializer,
        responses={201: NewKeySerializer, **problems(400, 403, 409, 422)}, examples=[KEY_EXAMPLE],
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Make an API key that acts as one's own login, within some scopes. Its secret is shown in this answer only."""
        fields = read_body(request=request, shape=KeyEntrySerializer)
        moment = timezone.now()
        actor = self.actor
        owner = User.objects.get(username=actor.name)
        expires_at = fields.pop("expires_at", moment + DEFAULT_LIFE)
        made = create_key(
            **fields, owner=owner, expires_at=expires_at, now=moment, actor=actor, made_by=_maker(request), **now()
        )
        return _with_secret(made, 201)


class KeyView(ActorView[ApiKey]):
    """One API key."""

    queryset = ApiKey.objects.all()
    serializer_class = KeySerializer
    filter_backends: list[Any] = []
    read_scope = Scope.KEYS_READ
    write_scope = Scope.KEYS_WRITE
    signed_methods = frozenset({"POST"})
    guarded_by = ()


class KeyDetail(KeyView):
    """Read one."""

    @extend_schema(
        operation_id="keys_retrieve", summary="Read one API key", responses={200: KeySerializer, **problems(403, 404)}
    )
    def get(self, request: Request, client_id: str) -> Response:
        """Read one API key."""
        return Response(KeySerializer(get_key(actor=self.actor, client_id=client_id)).data)


class KeyRotate(KeyView):
    """Give one a new secret."""

    keeps_answer = False

    @extend_schema(
        operation_id="keys_rotate", summary="Give an API key a new secret", request=RotationSerializer,
        responses={200: NewKeySerializer, **problems(400, 403, 404, 409, 422)},
    )  # fmt: skip
    def post(self, request: Request, client_id: str) -> Response:
        """Give one's own API key a new secret; the old one and its tokens work on for the hours of grace."""
        fields = read_body(request=request, shape=RotationSerializer)
        made = rotate_key(
            client_id=client_id, grace=timedelta(hours=fields["grace_hours"]), now=timezone.now(), actor=self.actor,
            made_by=_maker(request), **now(),
        )  # fmt: skip
        return _with_secret(made, 200)


class KeyRevoke(KeyView):
    """End one."""

    @extend_schema(
        operation_id="keys_revoke", summary="Revoke an API key", request=None,
        responses={200: KeySerializer, **problems(403, 404)},
    )  # fmt: skip
    def post(self, request: Request, client_id: str) -> Response:
        """End an API key with all its secrets and tokens, at once and for ever."""
        key = revoke_key(client_id=client_id, now=timezone.now(), actor=self.actor, **now())
        return Response(KeySerializer(key).data)


class LoginWaitList(ActorView[Any]):
    """Logins that wait."""

    serializer_class = WaitingLoginSerializer
    filter_backends: list[Any] = []
    pagination_class = None
    read_scope = Scope.KEYS_READ
    write_scope = Scope.KEYS_WRITE

    @extend_schema(
        operation_id="login_waits_list", summary="List the logins that wait",
        responses={200: WaitingLoginSerializer(many=True), **problems(403)},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the logins that wait after too many failed attempts, the longest wait first."""
        self.require_role(Role.OPERATOR)
        return Response(WaitingLoginSerializer(waiting_logins(now=timezone.now()), many=True).data)


class LoginUnlock(ActorView[Any]):
    """End the waits of a login."""

    serializer_class = UnlockedSerializer
    filter_backends: list[Any] = []
    write_scope = Scope.KEYS_WRITE
    signed_methods = frozenset({"POST"})

    @extend_schema(
        operation_id="login_waits_end", summary="End the waits of a login", request=UnlockSerializer,
        responses={200: UnlockedSerializer, **problems(400, 403)},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """End the waits of a login name, wherever it waits."""
        actor = self.require_role(Role.OPERATOR)
        fields = read_body(request=request, shape=UnlockSerializer)
        ended = unlock_login(name=fields["name"], now=timezone.now(), actor=actor, **now())
        return Response({"ended": ended})
