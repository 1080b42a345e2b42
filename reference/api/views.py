"""Participants and securities, for looking up."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from reference.api.base import ActorListView, ActorView
from reference.api.serializers import ParticipantSerializer, SecuritySerializer
from reference.core.directory import ParticipantEntry, SecurityEntry
from reference.core.scopes import Scope
from reference.filters import ParticipantListFilter, SecurityListFilter
from reference.models import Participant, Security
from reference.queries import directory

PARTICIPANT_EXAMPLE = OpenApiExample(
    "A clearing member",
    value={
        "id": 1, "code": "ALPHA", "name": "Alpha Bank", "lei": "529900T8BM49AURSDO55", "bic": "ALPHDEFF",
        "role": "CLEARING_MEMBER", "clearing_member": None, "active": True,
    },
    response_only=True,
)  # fmt: skip


def find_participant(*, key: str) -> ParticipantEntry:
    """Return the participant with this code or id. Raises NotFound."""
    source = directory()
    found = source.participants_by_code.get(key.upper())
    if found is None and key.isascii() and key.isdigit() and len(key) < 19:
        found = source.participants.get(int(key))
    if found is None:
        raise NotFound("There is no such participant.")
    return found


def find_security(*, code: str) -> SecurityEntry:
    """Return the security with this ISIN or symbol. Raises NotFound."""
    source = directory()
    found = source.securities_by_isin.get(code.upper()) or source.securities_by_symbol.get(code.upper())
    if found is None:
        raise NotFound("There is no such security.")
    return found


class ParticipantList(ActorListView[Participant]):
    """Participants of this market, by code."""

    queryset = Participant.objects.all()
    serializer_class = ParticipantSerializer
    filterset_class = ParticipantListFilter
    cursor_ordering = "code"
    read_scope = Scope.REFERENCE_READ


class ParticipantDetail(ActorView[Participant]):
    """One participant, by code or id."""

    queryset = Participant.objects.all()
    serializer_class = ParticipantSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.REFERENCE_READ

    @extend_schema(operation_id="participants_retrieve", examples=[PARTICIPANT_EXAMPLE])
    def get(self, request: Request, key: str) -> Response:
        """Answer one participant."""
        participant = Participant.objects.get(pk=find_participant(key=key).id)
        return Response(self.get_serializer(participant).data)


class SecurityList(ActorListView[Security]):
    """Securities that trade and settle here, by ISIN."""

    queryset = Security.objects.all()
    serializer_class = SecuritySerializer
    filterset_class = SecurityListFilter
    cursor_ordering = "code"
    read_scope = Scope.REFERENCE_READ


class SecurityDetail(ActorView[Security]):
    """One security, by ISIN or symbol."""

    queryset = Security.objects.all()
    serializer_class = SecuritySerializer
    filter_backends: list[Any] = []
    read_scope = Scope.REFERENCE_READ

    @extend_schema(operation_id="securities_retrieve")
    def get(self, request: Request, code: str) -> Response:
        """Answer one security."""
        rows: QuerySet[Security] = self.get_queryset()
        return Response(self.get_serializer(rows.get(pk=find_security(code=code).id)).data)
