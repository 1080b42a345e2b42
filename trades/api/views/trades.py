"""Trades in the API: reported one by one or in bulk, listed, cancelled."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.exceptions import NotFound, UnsupportedMediaType
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from reference.api.base import ActorListView, ActorView
from reference.api.idempotency import REPLAYED, Once, begin_fingerprint
from reference.api.parsers import refuse_unknown_fields
from reference.api.problems import problems
from reference.core.actor import Actor, Role
from reference.core.scopes import Scope
from reference.queries import business_clock
from reference.stored_answers import Answer, Asked, claim_answer, store_answer
from trades.api import examples
from trades.api.capture import (
    BULK_FORMS,
    answer_stream,
    blocks_of,
    keep_body,
    media_type_of,
    refuse,
    report_of,
)
from trades.api.renderers import NdjsonRenderer
from trades.api.serializers import (
    CancellationSerializer,
    CancelledSerializer,
    CapturedTradeSerializer,
    LineOutcomeSerializer,
    RefusedLineSerializer,
    SubmissionSerializer,
    TradeReportSerializer,
    TradeSerializer,
    links_of,
)
from trades.core.lifecycle import TradeStatus
from trades.filters import SubmissionFilter, TradeFilter
from trades.models import RefusedLine, Submission, Trade
from trades.queries.capture_context import capture_context
from trades.queries.life import get_trade
from trades.queries.visible import submissions_visible_to, trades_visible_to
from trades.services.cancel_trades import cancel_trade
from trades.services.capture_submission import capture_submission, open_submission
from trades.services.capture_trade import capture_trade
from trades.services.match_trades import POOL_LOCK

REPORTERS = (Role.PARTICIPANT, Role.OPERATOR)


class TradeList(ActorListView[Trade]):
    """Trades: list and report."""

    queryset = Trade.objects.all()
    serializer_class = TradeSerializer
    filterset_class = TradeFilter
    read_scope = Scope.TRADES_READ
    write_scope = Scope.TRADES_WRITE

    def get_queryset(self) -> QuerySet[Trade]:
        """Return what the actor sees."""
        return trades_visible_to(actor=self.actor)

    def get_serializer_class(self) -> Any:
        """Return the shape of a report for the form of the browsable API, the shape of a trade otherwise."""
        return TradeReportSerializer if self.request.method == "POST" else TradeSerializer

    @extend_schema(operation_id="trades_list", summary="List trades, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List trades, newest first. A participant sees its own reports."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="trades_report",
        summary="Report one trade",
        request=TradeReportSerializer,
        responses={
            201: CapturedTradeSerializer,
            200: CapturedTradeSerializer,
            **problems(400, 403, 409, 422),
        },
        examples=[
            examples.REPORT_EXAMPLE,
            examples.CAPTURED_EXAMPLE,
            examples.REPEATED_EXAMPLE,
            examples.REFUSED_EXAMPLE,
        ],
    )
    def post(self, request: Request) -> Response:
        """Report one trade.

        A participant reports its own side. An operator or venue reports both sides, locked in and matched
        at once, or one side on behalf of `reporter`. The same trade_id with the same content is the same
        trade and answers 200; with other content it is refused with 409.
        """
        actor = self.require_role(*REPORTERS)
        report = report_of(request=request)
        clock = business_clock()
        outcome = capture_trade(report=report, actor=actor, at=clock.at, business_date=clock.business_date)
        if outcome.problems or outcome.public_id is None:
            refuse(problems=outcome.problems)
        if outcome.outcome == "ACCEPTED":
            context = capture_context(actor=actor, business_date=clock.business_date)
            both_sides = context.reporter_id is None and report.reporter is None
            state = TradeStatus.MATCHED if both_sides else TradeStatus.NEW
            code: int = status.HTTP_201_CREATED
        else:
            state = TradeStatus(Trade.objects.values_list("status", flat=True).get(public_id=outcome.public_id))
            code = status.HTTP_200_OK
        links = links_of(public_id=outcome.public_id)
        answer = {
            "id": str(outcome.public_id),
            "trade_id": report.trade_id,
            "status": state,
            "outcome": outcome.outcome,
            "links": links,
        }
        return Response(answer, status=code, headers={"Location": links["self"]})


class TradeBulk(ActorView[Trade]):
    """Bulk capture."""

    queryset = Trade.objects.all()
    serializer_class = LineOutcomeSerializer
    renderer_classes = [JSONRenderer, NdjsonRenderer]
    filter_backends: list[Any] = []
    rate_limit = "bulk"
    answered_once = Once.BY_THE_VIEW
    write_scope = Scope.TRADES_WRITE

    @extend_schema(
        operation_id="trades_report_bulk",
        summary="Report many trades",
        request={
            "application/x-ndjson": TradeReportSerializer,
            "text/csv": OpenApiTypes.STR,
        },
        responses={(200, "application/x-ndjson"): LineOutcomeSerializer, **problems(400, 403, 413, 415, 422)},
        examples=examples.LINE_EXAMPLES,
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Report many trades: NDJSON, or CSV with a header line.

        The answer is NDJSON, one item for each line in order, written while the body is read. A bad line
        is refused with its number and reason, the others are kept. The header `Location` names the
        submission, where the counts and the refused lines stay readable.

        Under an Idempotency-Key the same body sent again continues the same submission, also after it was cut off
        half way, and answers the lines of the first time.
        """
        actor = self.require_role(*REPORTERS)
        media_type = media_type_of(request)
        form = BULK_FORMS.get(media_type)
        if form is None:
            raise UnsupportedMediaType(media_type)
        blocks, again = blocks_of(request=request), False
        if self.asked is None:
            submission = _open(actor=actor)
        else:
            fingerprint = begin_fingerprint(request=request)
            blocks = keep_body(blocks=blocks, digest=fingerprint)
            with self.telling_when_to_retry():
                submission, again = _open_once(asked=replace(self.asked, fingerprint=fingerprint.digest()), actor=actor)
        outcomes = capture_submission(
            submission=submission, blocks=blocks, form=form, actor=actor, again=self.asked is not None
        )
        first = next(outcomes, None)
        parts = answer_stream(first=first, rest=outcomes)
        response = StreamingHttpResponse(parts, content_type="application/x-ndjson")
        response["Location"] = _address_of(submission)
        if again:
            response[REPLAYED] = "true"
        return response


def _open(*, actor: Actor) -> Submission:
    """Begin a submission now."""
    clock = business_clock()
    return open_submission(actor=actor, source="API", at=clock.at, business_date=clock.business_date)


def _open_once(*, asked: Asked, actor: Actor) -> tuple[Submission, bool]:
    """Begin a submission under a key, or return the one that stands under it, and whether it stood.

    Raises IdempotencyKeyInFlight, IdempotencyKeyReused.
    """
    with transaction.atomic():
        found = claim_answer(asked=asked)
        if found is not None:
            return Submission.objects.get(public_id=found.headers["Location"].rpartition("/")[2]), True
        submission = _open(actor=actor)
        store_answer(asked=asked, answer=Answer(200, None, {"Location": _address_of(submission)}))
    return submission, False


def _address_of(submission: Submission) -> str:
    return f"/api/v1/submissions/{submission.public_id}"


class TradeCancel(ActorView[Trade]):
    """Cancellation."""

    queryset = Trade.objects.all()
    serializer_class = CancellationSerializer
    filter_backends: list[Any] = []
    write_scope = Scope.TRADES_WRITE
    guarded_by = (POOL_LOCK,)

    @extend_schema(
        operation_id="trades_cancel",
        summary="Cancel a trade",
        request=CancellationSerializer,
        responses={200: CancelledSerializer, 202: CancelledSerializer, **problems(403, 404, 409)},
    )
    def post(self, request: Request, public_id: UUID) -> Response:
        """Cancel a report alone before its match; after it, ask for a cancellation that takes both parties.

        200: it is cancelled. 202: the other party must ask too.
        """
        actor = self.require_role(*REPORTERS)
        wish = CancellationSerializer(data=request.data)
        refuse_unknown_fields(data=request.data, known=wish.fields)
        wish.is_valid(raise_exception=True)
        trade = get_trade(actor=actor, public_id=public_id)
        clock = business_clock()
        outcome = cancel_trade(
            trade_pk=trade.pk,
            reason=wish.validated_data["reason"],
            actor=actor,
            at=clock.at,
            business_date=clock.business_date,
        )
        done = outcome == "CANCELLED"
        return Response(
            {"id": str(public_id), "outcome": outcome},
            status=status.HTTP_200_OK if done else status.HTTP_202_ACCEPTED,
        )


@extend_schema_view(get=extend_schema(operation_id="submissions_list", summary="List bulk captures"))
class SubmissionList(ActorListView[Submission]):
    """Bulk captures, newest first."""

    queryset = Submission.objects.all()
    serializer_class = SubmissionSerializer
    filterset_class = SubmissionFilter
    read_scope = Scope.TRADES_READ

    def get_queryset(self) -> QuerySet[Submission]:
        """Return what the actor sees."""
        return submissions_visible_to(actor=self.actor)


class SubmissionDetail(ActorView[Submission]):
    """One bulk capture and its counts."""

    queryset = Submission.objects.all()
    serializer_class = SubmissionSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.TRADES_READ

    @extend_schema(operation_id="submissions_retrieve", summary="Read one bulk capture")
    def get(self, request: Request, public_id: UUID) -> Response:
        """Read one bulk capture and its counts."""
        submission = find_submission(view=self, public_id=public_id)
        return Response(self.get_serializer(submission).data)


@extend_schema_view(
    get=extend_schema(operation_id="submissions_refused_lines", summary="List a bulk capture's refused lines")
)
class RefusedLineList(ActorListView[RefusedLine]):
    """Lines that were not taken, in order, with the reason."""

    queryset = RefusedLine.objects.all()
    serializer_class = RefusedLineSerializer
    cursor_ordering = "line"
    read_scope = Scope.TRADES_READ

    def get_queryset(self) -> QuerySet[RefusedLine]:
        """Return the refused lines of a bulk capture that the actor sees."""
        return RefusedLine.objects.filter(submission=find_submission(view=self, public_id=self.kwargs["public_id"]))


def find_submission(*, view: ActorView[Any], public_id: UUID) -> Submission:
    """Return a bulk capture. Raises NotFound where there is none that the actor sees."""
    found = submissions_visible_to(actor=view.actor).filter(public_id=public_id).first()
    if found is None:
        raise NotFound("There is no such submission.")
    return found
