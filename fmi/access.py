"""Who acts, on every request."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from reference.access import find_actor

GetResponse = Callable[[HttpRequest], HttpResponse]


def actor_middleware(get_response: GetResponse) -> GetResponse:
    """Middleware: put who acts on `request.actor`, read when first asked for, falsy when nobody does.

    Code uses `reference.access.actor_of(request)`, which refuses where nobody acts; templates use
    `request.actor`.
    """

    def answer(request: HttpRequest) -> HttpResponse:
        request.actor = SimpleLazyObject(lambda: find_actor(request))  # type: ignore[attr-defined]
        return get_response(request)

    return answer
