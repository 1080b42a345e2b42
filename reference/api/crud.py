"""The operations on one kind of static data: list, create, read, change, and leave. The pages do the same."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.urls import URLPattern, path
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from reference.api.base import ActorListView, ActorView
from reference.api.entry import now, read_body
from reference.api.problems import problems
from reference.api.proposal_serializers import ProposalSerializer
from reference.core.actor import Actor, Role
from reference.core.scopes import Scope
from reference.filters import FilterSet
from reference.models import Proposal

M = TypeVar("M", bound=Model)
Shape = type[Serializer[Any]]

REFUSED = problems(400, 403, 404, 409, 422)


class StaticNoun(ABC, Generic[M]):
    """One kind of static data: its shapes, and what can be done with it, whichever door asks.

    shape: how a row is shown. entry, changes: what is given to create and to change one. Rows are never deleted:
    what leaves is deactivated or closed, or refuses by name. stays: none of this kind ever leaves. proposes: the
    methods that may answer 202, with the proposal that waits for a second person. has_limits: a proposal changes its
    limits and an opening gives it some, so that both are signed for. subject_type: what proposals call a row.
    """

    name: ClassVar[str]
    plural: ClassVar[str]
    words: ClassVar[str]
    model: type[M]
    shape: ClassVar[Shape]
    entry: ClassVar[Shape]
    changes: ClassVar[Shape]
    filterset: ClassVar[type[FilterSet]]
    writers: ClassVar[tuple[Role, ...]] = (Role.OPERATOR,)
    proposes: ClassVar[frozenset[str]] = frozenset()
    has_limits: ClassVar[bool] = False
    stays: ClassVar[bool] = False
    subject_type: ClassVar[str] = ""
    read_scope: ClassVar[Scope] = Scope.REFERENCE_READ
    write_scope: ClassVar[Scope] = Scope.REFERENCE_WRITE

    def expect_writer(self, *, actor: Actor) -> None:
        """Raise PermissionDenied for a role that changes nothing of this kind."""
        if actor.role not in self.writers:
            allowed = " and ".join(f"{role.value.lower()}s" for role in self.writers)
            raise PermissionDenied(f"Only {allowed} may do this.")

    @abstractmethod
    def rows(self, *, actor: Actor) -> QuerySet[M]:
        """Return what the actor sees."""

    @abstractmethod
    def find(self, *, actor: Actor, key: str) -> M:
        """Return the row of this code. Raises NotFound or a refusal where the actor sees none."""

    @abstractmethod
    def open(self, *, actor: Actor, fields: dict[str, Any], when: dict[str, Any]) -> M:
        """Create what the fields say, at this business time."""

    @abstractmethod
    def change(self, *, actor: Actor, row: M, fields: dict[str, Any], when: dict[str, Any]) -> M | Proposal:
        """Change a row; return it, or the proposal that waits for a second person."""

    @abstractmethod
    def leave(self, *, actor: Actor, row: M, when: dict[str, Any]) -> M | Proposal:
        """Deactivate or close a row, at this business time; return it, or the proposal that waits."""


class StaticList(ActorListView[Any]):
    """List and create."""

    cursor_ordering = "code"
    noun: ClassVar[StaticNoun[Any]]

    def get_queryset(self) -> QuerySet[Any]:
        """Return what the actor sees."""
        return self.noun.rows(actor=self.actor)

    def get_serializer_class(self) -> Any:
        """Return the shape of an entry for the form of the browsable API, the shape of a row otherwise."""
        return self.noun.entry if self.request.method == "POST" else self.noun.shape

    def post(self, request: Request) -> Response:
        """Create one."""
        self.noun.expect_writer(actor=self.actor)
        fields = read_body(request=request, shape=self.noun.entry)
        row = self.noun.open(actor=self.actor, fields=fields, when=now())
        return Response(self.noun.shape(row).data, status=201)


class StaticDetail(ActorView[Any]):
    """Read, change and leave."""

    filter_backends: list[Any] = []
    guarded_by = ()
    noun: ClassVar[StaticNoun[Any]]

    def subject_rows(self) -> QuerySet[Any]:
        """Return the row that the address names."""
        found = self.noun.find(actor=self.actor, key=self.kwargs["key"])
        rows: QuerySet[Any] = type(found)._default_manager.filter(pk=found.pk)  # noqa: SLF001 (Django documents it)
        return rows

    def get_serializer_class(self) -> Any:
        """Return the shape of a change for the form of the browsable API, the shape of a row otherwise."""
        return self.noun.changes if self.request.method == "PATCH" else self.noun.shape

    def get(self, request: Request, key: str) -> Response:
        """Read one."""
        return Response(self.noun.shape(self.noun.find(actor=self.actor, key=key)).data)

    def patch(self, request: Request, key: str) -> Response:
        """Change the fields that are given."""
        self.noun.expect_writer(actor=self.actor)
        row = self.noun.find(actor=self.actor, key=key)
        fields = read_body(request=request, shape=self.noun.changes, partial=True)
        return self._tell(self.noun.change(actor=self.actor, row=row, fields=fields, when=now()))

    def delete(self, request: Request, key: str) -> Response:
        """Deactivate or close it; it is never deleted."""
        self.noun.expect_writer(actor=self.actor)
        row = self.noun.find(actor=self.actor, key=key)
        return self._tell(self.noun.leave(actor=self.actor, row=row, when=now()))

    def _tell(self, changed: Any) -> Response:
        """Answer with the row as it is now, or with the proposal that waits for a second person."""
        if isinstance(changed, Proposal):
            return Response(ProposalSerializer(changed).data, status=202)
        return Response(self.noun.shape(changed).data)


def _access_of(*, noun: StaticNoun[Any], signed: set[str]) -> dict[str, Any]:
    """Return what an API key takes; what has limits is signed for."""
    methods = frozenset(signed if noun.has_limits else ())
    return {"read_scope": noun.read_scope, "write_scope": noun.write_scope, "signed_methods": methods}


def list_view(*, noun: StaticNoun[Any]) -> type[StaticList]:
    """Make the view of a noun's list, described in the schema."""
    members = {
        "__doc__": noun.words, "noun": noun, "queryset": noun.model.objects.all(), "serializer_class": noun.shape,
        "filterset_class": noun.filterset, **_access_of(noun=noun, signed={"POST"}),
    }  # fmt: skip
    described = extend_schema_view(
        get=extend_schema(operation_id=f"static_data_{noun.plural}_list", summary=f"List {noun.plural}, by code"),
        post=extend_schema(
            operation_id=f"static_data_{noun.plural}_create", summary=f"Create one of the {noun.plural}",
            request=noun.entry, responses={201: noun.shape, **REFUSED},
        ),
    )  # fmt: skip
    made: type[StaticList] = described(type(f"{noun.name.title()}StaticList", (StaticList,), members))
    return made


def detail_view(*, noun: StaticNoun[Any]) -> type[StaticDetail]:
    """Make the view of one of a noun, described in the schema."""
    members = {
        "__doc__": noun.words, "noun": noun, "queryset": noun.model.objects.all(), "serializer_class": noun.shape,
        **_access_of(noun=noun, signed={"PATCH", "DELETE"}),
    }  # fmt: skip
    waiting: dict[str, dict[Any, Any]] = {method: {202: ProposalSerializer} for method in noun.proposes}
    left: dict[Any, Any] = {} if noun.stays else {200: noun.shape}
    leaving = f"Refuse: {noun.plural} stay" if noun.stays else f"Deactivate or close one of the {noun.plural}"
    described = extend_schema_view(
        get=extend_schema(
            operation_id=f"static_data_{noun.plural}_retrieve", summary=f"Read one of the {noun.plural}",
            responses={200: noun.shape, **problems(403, 404)},
        ),
        patch=extend_schema(
            operation_id=f"static_data_{noun.plural}_change", summary=f"Change one of the {noun.plural}",
            request=noun.changes, responses={200: noun.shape, **waiting.get("PATCH", {}), **REFUSED},
        ),
        delete=extend_schema(
            operation_id=f"static_data_{noun.plural}_leave", summary=leaving,
            responses={**left, **waiting.get("DELETE", {}), **REFUSED},
        ),
    )  # fmt: skip
    made: type[StaticDetail] = described(type(f"{noun.name.title()}StaticDetail", (StaticDetail,), members))
    return made


def static_paths(*, noun: StaticNoun[Any]) -> list[URLPattern]:
    """Return the addresses of a noun in the API."""
    return [
        path(f"static-data/{noun.plural}", list_view(noun=noun).as_view(), name=f"api-static-{noun.plural}"),
        path(f"static-data/{noun.plural}/<str:key>", detail_view(noun=noun).as_view(), name=f"api-static-{noun.name}"),
    ]
