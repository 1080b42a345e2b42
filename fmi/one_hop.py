"""Django's ASGI handler with the whole synchronous stack in one thread.

Every middleware and view here is synchronous. Django's own handler enters a thread for the middleware,
comes back to the event loop for the base handler and enters a thread again for the view; the two extra
hops cost as much as the rest of a short request. Streamed answers are still iterated by the event loop.
"""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class OneHopHandler(ASGIHandler):
    """Answer a request in one thread, from the first middleware to the view and back."""

    def load_middleware(self, is_async: bool = False) -> None:
        """Build the synchronous chain, whatever is asked for."""
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """Run the synchronous chain in the request's own thread."""
        answer: Any = sync_to_async(self.get_response, thread_sensitive=True)
        response: HttpResponseBase = await answer(request)
        return response
