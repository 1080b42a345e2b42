"""What every view of the API stands on: who acts, and filters that refuse what they do not know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.generics import GenericAPIView
from rest_framework.mixins import ListModelMixin
from rest_framework.parsers import BaseParser, FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from reference.access import actor_of
from reference.api.authentication import LOGINS
from reference.api.conditional import Conditional
from reference.api.idempotency import AnsweredOnce
from reference.api.parameters import (
    PAGING,
    expect_described_body,
    expect_described_parameters,
    refuse_unknown_parameters,
)
from reference.api.parsers import BoundedJsonParser
from reference.api.rate_limits import RateLimited
from reference.api.scopes import ScopedView
from reference.api.signing import SignedByKeys
from reference.core.actor import Actor, Role

M = TypeVar("M", bound=Model)


class StrictFilterBackend(DjangoFilterBackend):
    """A filter that nobody knows is refused: a list that ignores a mistyped filter misleads."""

    def filter_queryset(self, request: Any, queryset: QuerySet[M], view: Any) -> QuerySet[M]:
        """Filter the rows. Raises ValidationError for an unknown parameter or a bad value."""
        filterset_class = self.get_filterset_class(view, queryset)
        filters = filterset_class.base_filters if filterset_class else ()
        refuse_unknown_parameters(request=request, known=PAGING.union(filters))
        filtered: QuerySet[M] = super().filter_queryset(request, queryset, view)
        return filtered


class ActorView(RateLimited, ScopedView, SignedByKeys, Conditional, AnsweredOnce, GenericAPIView[M]):
    """A view for whoever has a role."""

    authentication_classes = LOGINS
    filter_backends = [StrictFilterBackend]
    parser_classes: Sequence[type[BaseParser]] = [BoundedJsonParser, FormParser, MultiPartParser]

    @property
    def actor(self) -> Actor:
        """Return who acts. Raises PermissionDenied where the login has no role."""
        return actor_of(self.request)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let in who is logged in and has a role, with a request as the operation is described."""
        super().initial(request, *args, **kwargs)
        actor_of(request)
        self.expect_scope(request)
        expect_described_parameters(view=self, request=request)
        signed = self.read_signature(request)
        self.expect_match(request)
        self.expect_key(request)
        expect_described_body(view=self, request=request)
        if signed is not None:
            self.sign_handler(request, signed)

    def require_role(self, *roles: Role) -> Actor:
        """Return who acts. Raises PermissionDenied for any role but these."""
        actor = self.actor
        if actor.role not in roles:
            allowed = " and ".join(f"{role.value.lower()}s" for role in roles)
            raise PermissionDenied(f"Only {allowed} may do this.")
        return actor


class ActorListView(ListModelMixin, ActorView[M]):
    """A list, filtered and cut into pages."""

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer one page."""
        return self.list(request, *args, **kwargs)
