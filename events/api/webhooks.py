"""Webhooks in the API: where one's events are sent, the log of deliveries, and sending again."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from events.api.webhook_serializers import (
    DeliveryDetailSerializer,
    DeliverySerializer,
    NewWebhookSerializer,
    RangeSentSerializer,
    RangeSerializer,
    WebhookChangeSerializer,
    WebhookEntrySerializer,
    WebhookRotationSerializer,
    WebhookSerializer,
)
from events.filters import DeliveryFilter, WebhookFilter
from events.models import WebhookDelivery, WebhookEndpoint
from events.queries.outbox import facts_of
from events.queries.webhooks import deliveries_of, get_delivery, get_webhook, webhooks_visible_to
from events.services.manage_webhooks import (
    NewSecret,
    change_webhook,
    create_webhook,
    ping_webhook,
    remove_webhook,
    rotate_secret,
    send_again,
    send_range_again,
)
from events.services.send_webhooks import write_body
from reference.api.base import ActorListView, ActorView
from reference.api.entry import now, read_body
from reference.api.problems import problems
from reference.core.scopes import Scope

ENTRY_EXAMPLE = OpenApiExample(
    "What is matched and what settles",
    value={"url": "https://hooks.example.com/fmi", "events": ["TradesMatched", "CycleSettled"]},
    request_only=True,
)


def _with_secret(made: NewSecret, status: int) -> Response:
    """Answer with a webhook and its secret, so that nobody on the way keeps it."""
    body = {**WebhookSerializer(made.endpoint).data, "secret": made.secret}
    return Response(body, status=status, headers={"Cache-Control": "no-store"})


class WebhookList(ActorListView[WebhookEndpoint]):
    """Webhooks, newest first."""

    queryset = WebhookEndpoint.objects.none()
    serializer_class = WebhookSerializer
    filterset_class = WebhookFilter
    read_scope = Scope.WEBHOOKS_READ
    write_scope = Scope.WEBHOOKS_WRITE
    signed_methods = frozenset({"POST"})
    # What answers a POST holds a secret: it is kept nowhere.
    keeps_answer = False

    def get_queryset(self) -> QuerySet[WebhookEndpoint]:
        """Return what the actor sees."""
        return webhooks_visible_to(actor=self.actor).select_related("owner", "participant")

    @extend_schema(
        operation_id="webhooks_list", summary="List webhooks, newest first",
        responses={200: WebhookSerializer(many=True), **problems(400, 401, 403)},
    )  # fmt: skip
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List one's own webhooks; operators and auditors see all."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="webhooks_create", summary="Have events sent to an address", request=WebhookEntrySerializer,
        responses={201: NewWebhookSerializer, **problems(400, 401, 403, 409, 422)}, examples=[ENTRY_EXAMPLE],
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Have events sent to an address, signed by the secret that this answer alone shows.

        A participant is sent its own share of each event, an operator or an auditor the whole. At least once, in no
        promised order: `webhook-id` tells a repeated one.
        """
        fields = read_body(request=request, shape=WebhookEntrySerializer)
        owner = User.objects.get(username=self.actor.name)
        return _with_secret(create_webhook(**fields, owner=owner, actor=self.actor, **now()), 201)


class WebhookView(ActorView[WebhookEndpoint]):
    """One webhook."""

    queryset = WebhookEndpoint.objects.none()
    serializer_class: type[BaseSerializer[Any]] = WebhookSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.WEBHOOKS_READ
    write_scope = Scope.WEBHOOKS_WRITE


class WebhookDetail(WebhookView):
    """Read, change or remove one."""

    # A key signs what changes where events go.
    signed_methods = frozenset({"PATCH", "DELETE"})
    guarded_by = ()
    # The sender writes these whenever a receiver fails or answers again.
    untagged = ("health", "failures", "failing_since", "opened_until", "disabled_at", "disabled_because")

    @extend_schema(
        operation_id="webhooks_retrieve", summary="Read one webhook",
        responses={200: WebhookSerializer, **problems(401, 403, 404)},
    )  # fmt: skip
    def get(self, request: Request, public_id: UUID) -> Response:
        """Read one webhook, and how it fares."""
        return Response(WebhookSerializer(get_webhook(actor=self.actor, public_id=public_id)).data)

    @extend_schema(
        operation_id="webhooks_change", summary="Change a webhook, or switch it off or on",
        request=WebhookChangeSerializer, responses={200: WebhookSerializer, **problems(400, 401, 403, 404, 422)},
    )  # fmt: skip
    def patch(self, request: Request, public_id: UUID) -> Response:
        """Change where and what is sent, or switch it off or on; an operator switches anybody's."""
        changes = read_body(request=request, shape=WebhookChangeSerializer, partial=True)
        endpoint = change_webhook(
            public_id=public_id, changes=changes, now=timezone.now(), actor=self.actor, **now()
        )  # fmt: skip
        return Response(WebhookSerializer(endpoint).data)

    @extend_schema(
        operation_id="webhooks_remove", summary="Remove a webhook", responses={204: None, **problems(401, 403, 404)}
    )
    def delete(self, request: Request, public_id: UUID) -> Response:
        """Send nothing more to it, for ever; its log is kept."""
        remove_webhook(public_id=public_id, now=timezone.now(), actor=self.actor, **now())
        return Response(status=204)


class WebhookRotate(WebhookView):
    """Give one a new secret."""

    signed_methods = frozenset({"POST"})
    guarded_by = ()
    keeps_answer = False

    @extend_schema(
        operation_id="webhooks_rotate_secret", summary="Give a webhook a new secret",
        request=WebhookRotationSerializer,
        responses={200: NewWebhookSerializer, **problems(400, 401, 403, 404, 409, 422)},
    )  # fmt: skip
    def post(self, request: Request, public_id: UUID) -> Response:
        """Give it a new secret, which this answer alone shows; for the hours of grace both sign each message."""
        fields = read_body(request=request, shape=WebhookRotationSerializer)
        made = rotate_secret(
            public_id=public_id, grace=timedelta(hours=fields["grace_hours"]), now=timezone.now(), actor=self.actor,
            **now(),
        )  # fmt: skip
        return _with_secret(made, 200)


class WebhookTest(WebhookView):
    """Have a ping sent."""

    serializer_class = DeliverySerializer

    @extend_schema(
        operation_id="webhooks_test", summary="Have a ping sent to a webhook", request=None,
        responses={202: DeliverySerializer, **problems(400, 401, 403, 404, 409, 422)},
    )  # fmt: skip
    def post(self, request: Request, public_id: UUID) -> Response:
        """Have a ping sent ahead of whatever waits; read its delivery to see what came of it."""
        made = ping_webhook(public_id=public_id, now=timezone.now(), actor=self.actor, **now())
        return Response(DeliverySerializer(made).data, status=202)


class WebhookRedeliver(WebhookView):
    """Send what failed again."""

    serializer_class = RangeSentSerializer

    @extend_schema(
        operation_id="webhooks_redeliver", summary="Send again what failed in a range", request=RangeSerializer,
        responses={202: RangeSentSerializer, **problems(400, 401, 403, 404, 409, 422)},
    )  # fmt: skip
    def post(self, request: Request, public_id: UUID) -> Response:
        """Send again what was made in a range of time and failed, or was cancelled; 10,000 at most, the oldest."""
        fields = {"until": timezone.now()} | read_body(request=request, shape=RangeSerializer)
        count = send_range_again(public_id=public_id, now=timezone.now(), actor=self.actor, **fields, **now())
        return Response({"count": count}, status=202)


class DeliveryList(ActorListView[WebhookDelivery]):
    """A webhook's deliveries, newest first."""

    queryset = WebhookDelivery.objects.none()
    serializer_class = DeliverySerializer
    filterset_class = DeliveryFilter
    read_scope = Scope.WEBHOOKS_READ

    def get_queryset(self) -> QuerySet[WebhookDelivery]:
        """Return those of a webhook that the actor sees."""
        if "public_id" not in self.kwargs:
            return WebhookDelivery.objects.none()
        return deliveries_of(endpoint=get_webhook(actor=self.actor, public_id=self.kwargs["public_id"]))

    @extend_schema(
        operation_id="webhook_deliveries_list", summary="List a webhook's deliveries, newest first",
        responses={200: DeliverySerializer(many=True), **problems(400, 401, 403, 404)},
    )  # fmt: skip
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the deliveries."""
        return super().get(request, *args, **kwargs)


class DeliveryDetail(WebhookView):
    """One delivery."""

    serializer_class = DeliveryDetailSerializer

    @extend_schema(
        operation_id="webhook_deliveries_retrieve", summary="Read a delivery, its body and its attempts",
        responses={200: DeliveryDetailSerializer, **problems(401, 403, 404)},
    )  # fmt: skip
    def get(self, request: Request, public_id: UUID, delivery_id: UUID) -> Response:
        """Read a delivery with what is sent and what came of each attempt."""
        delivery = get_delivery(
            endpoint=get_webhook(actor=self.actor, public_id=public_id), public_id=delivery_id
        )  # fmt: skip
        facts = facts_of(ids=[delivery.event_id] if delivery.event_id is not None else [])
        body = json.loads(write_body(delivery=delivery, facts=facts))
        return Response(DeliveryDetailSerializer(delivery, context={"body": body}).data)


class DeliveryRedeliver(WebhookView):
    """Send one again."""

    serializer_class = DeliverySerializer

    @extend_schema(
        operation_id="webhook_deliveries_redeliver", summary="Send one delivery again", request=None,
        responses={202: DeliverySerializer, **problems(400, 401, 403, 404, 409, 422)},
    )  # fmt: skip
    def post(self, request: Request, public_id: UUID, delivery_id: UUID) -> Response:
        """Send one again under its webhook-id, whether it was delivered, failed or cancelled."""
        made = send_again(
            public_id=public_id, delivery_id=delivery_id, now=timezone.now(), actor=self.actor, **now()
        )  # fmt: skip
        return Response(DeliverySerializer(made).data, status=202)
