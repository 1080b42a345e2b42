"""Proposals in the API: what waits for a second person, and its decision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from reference.api.base import ActorListView, ActorView
from reference.api.entry import now, read_body
from reference.api.problems import problems
from reference.api.proposal_serializers import ProposalSerializer, ReasonSerializer
from reference.core.actor import Role
from reference.core.scopes import Scope
from reference.filters import ProposalFilter
from reference.four_eyes import approve_proposal, differences_of, reject_proposal, withdraw_proposal
from reference.models import Proposal
from reference.queries import get_proposal, proposals_visible_to

DECIDERS = (Role.OPERATOR, Role.PARTICIPANT)
REFUSED = problems(400, 403, 404, 409, 422)


class ProposalList(ActorListView[Proposal]):
    """Proposals, newest first."""

    queryset = Proposal.objects.all()
    serializer_class = ProposalSerializer
    filterset_class = ProposalFilter
    read_scope = Scope.PROPOSALS_READ

    def get_queryset(self) -> QuerySet[Proposal]:
        """Return what the actor sees."""
        return proposals_visible_to(actor=self.actor)

    def paginate_queryset(self, queryset: Any) -> Any:
        """Cut the page, and put what its proposals would change into words together."""
        page = super().paginate_queryset(queryset)
        self.differences = differences_of(proposals=list(page or []))
        return page

    def get_serializer_context(self) -> dict[str, Any]:
        """Give the words to the shape."""
        return dict(super().get_serializer_context()) | {"differences": getattr(self, "differences", {})}

    @extend_schema(operation_id="proposals_list", summary="List proposals, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List proposals. A participant sees those that concern it."""
        return super().get(request, *args, **kwargs)


class ProposalView(ActorView[Proposal]):
    """One proposal."""

    queryset = Proposal.objects.all()
    serializer_class = ProposalSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.PROPOSALS_READ
    write_scope = Scope.PROPOSALS_WRITE
    guarded_by = ()
    signed_methods = frozenset({"POST"})

    def answer(self, proposal: Proposal) -> Response:
        """Answer with the proposal as it stands now."""
        return Response(ProposalSerializer(proposal).data)

    def decide(self, public_id: UUID, by: Callable[..., Proposal], **fields: Any) -> Response:
        """Decide on a proposal that the actor sees, by a service that takes it with its own fields; answer with it."""
        actor = self.require_role(*DECIDERS)
        proposal = get_proposal(actor=actor, public_id=public_id)
        return self.answer(by(proposal_id=proposal.pk, actor=actor, **fields, **now()))


class ProposalDetail(ProposalView):
    """Read one."""

    @extend_schema(
        operation_id="proposals_retrieve", summary="Read one proposal",
        responses={200: ProposalSerializer, **problems(403, 404)},
    )  # fmt: skip
    def get(self, request: Request, public_id: UUID) -> Response:
        """Read one proposal."""
        return self.answer(get_proposal(actor=self.actor, public_id=public_id))


class ProposalApprove(ProposalView):
    """Approve one."""

    @extend_schema(
        operation_id="proposals_approve", summary="Approve a proposal, as a second person", request=ReasonSerializer,
        responses={200: ProposalSerializer, **REFUSED},
    )  # fmt: skip
    def post(self, request: Request, public_id: UUID) -> Response:
        """Approve a proposal that another person made; it is carried out in the same transaction."""
        return self.decide(public_id, approve_proposal, **read_body(request=request, shape=ReasonSerializer))


class ProposalReject(ProposalView):
    """Reject one."""

    @extend_schema(
        operation_id="proposals_reject", summary="Reject a proposal, and say why", request=ReasonSerializer,
        responses={200: ProposalSerializer, **REFUSED},
    )  # fmt: skip
    def post(self, request: Request, public_id: UUID) -> Response:
        """Reject a proposal that another person made."""
        return self.decide(public_id, reject_proposal, **read_body(request=request, shape=ReasonSerializer))


class ProposalWithdraw(ProposalView):
    """Withdraw one."""

    @extend_schema(
        operation_id="proposals_withdraw", summary="Withdraw one's own proposal", request=None,
        responses={200: ProposalSerializer, **REFUSED},
    )  # fmt: skip
    def post(self, request: Request, public_id: UUID) -> Response:
        """Withdraw a proposal, as who made it."""
        return self.decide(public_id, withdraw_proposal)
