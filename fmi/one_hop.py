"""Django behind ASGI, its synchronous stack in a few threads that live on.

Every middleware and view here is synchronous. Django's own handler gives each request a new thread, which
holds no connection to PostgreSQL or Valkey yet, and hops between it and the event loop several times.
Here the event loop reads the body, one thread answers, and the event loop sends: as under WSGI, but a slow
reader or writer holds no thread. A streamed answer is made part by part, each by whichever thread is free,
so what makes the parts may hold no transaction open between two of them. A view that answers with an asynchronous
iterator (live events) has its parts made in the event loop: an open stream holds no thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import IO, Any

from django.conf import settings
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix


class OneHopHandler(ASGIHandler):
    """Answer a request in one thread, from the first middleware to the end of the response."""

    def __init__(self) -> None:
        """Load the middleware; the threads start as they are needed."""
        super().__init__()
        self.threads = ThreadPoolExecutor(settings.WEB_THREADS, thread_name_prefix="web")

    def load_middleware(self, is_async: bool = False) -> None:
        """Build the synchronous chain, whatever is asked for."""
        super().load_middleware(is_async=False)

    async def __call__(self, scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        """Read the body, have the request answered, send the response. Raises ValueError for a web socket."""
        if scope["type"] != "http":
            raise ValueError(f"only HTTP is served, not {scope['type']}")
        try:
            body_file = await self.read_body(receive)
        except RequestAborted:
            return
        run = partial(asyncio.get_running_loop().run_in_executor, self.threads)
        response: Any = await run(self._answer, scope, body_file)
        if not response.streaming:
            await self.send_response(response, send)
            return
        leaving = asyncio.ensure_future(receive())
        if response.is_async:
            response.streaming_content = _until_left(content=response.streaming_content, leaving=leaving)
        else:
            response.streaming_content = _parts(content=response.streaming_content, run=run, leaving=leaving)
        try:
            await self.send_response(response, send)
        finally:
            leaving.cancel()
            await run(_close, response, body_file)

    def _answer(self, scope: Any, body_file: IO[bytes]) -> Any:
        """Run the synchronous chain; the response is over with it unless it is streamed."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        request, refusal = self.create_request(scope, body_file)
        response: Any = refusal if request is None else self.get_response(request)
        response._handler_class = self.__class__  # noqa: SLF001 (Django's handlers set it: who sends request_finished)
        if not response.streaming:
            _close(response, body_file)
        return response


def _close(response: HttpResponseBase, body_file: IO[bytes]) -> None:
    """Let go of what a request held."""
    response.close()
    body_file.close()


async def _parts(*, content: Any, run: Callable[..., Any], leaving: asyncio.Future[Any]) -> AsyncIterator[bytes]:
    """Make the parts of a streamed response, each in a thread, until the end or until the client has left."""
    while not leaving.done() and (part := await run(next, content, None)) is not None:
        yield part


async def _until_left(*, content: AsyncIterator[bytes], leaving: asyncio.Future[Any]) -> AsyncIterator[bytes]:
    """Pass on the parts of an asynchronous response as they come, until the end or until the client has left."""
    while not leaving.done():
        following = asyncio.ensure_future(anext(content, None))
        await asyncio.wait({following, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not following.done():
            following.cancel()
            await asyncio.wait({following})
            return
        part = following.result()
        if part is None:
            return
        yield part
