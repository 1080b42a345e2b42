"""Conditional requests (RFC 9110, section 13): what is read has a strong ETag, and a change may say what it rests on.

The ETag is a hash of the representation, so it changes when, and only when, what its reader sees does. A change with
If-Match is compared with the representation as it is once the change's own locks are held, and in its transaction:
whoever else would change the same thing waits until it is done, and is then told that it is no longer as it was read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache, partial
from typing import Any, ClassVar

from django.db import transaction
from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.mixins import ListModelMixin
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request, clone_request
from rest_framework.response import Response
from rest_framework.views import APIView

from reference.locks import take_lock
from reference.refusals import PreconditionFailed, PreconditionMalformed, PreconditionNotTaken, Refusal

PARAMETER = re.compile(r"<[^>]*>|\{[^}]*\}")
ENTITY_TAGS = re.compile(r'\s*(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"(?:\s*,\s*(?:W/)?"[\x21\x23-\x7e\x80-\xff]*")*\s*')
ONE_TAG = re.compile(r'(W/)?("[^"]*")')
DIGEST_BYTES = 16
READING = frozenset({"GET", "HEAD"})
WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})

Handler = Callable[..., HttpResponseBase]


class Conditional(APIView):
    """A view of one thing, or of what is done to one thing.

    guarded_by: None where a change does not take If-Match. Else the named locks that the change's service takes first,
    in its order; where it takes none, the thing's own row is locked.
    untagged: what a read tells that no edit changes and that moves by itself, as the health of a webhook does: it is no
    part of the ETag, so that an edit is not refused for it; the read is always answered whole, never by 304.
    """

    guarded_by: ClassVar[tuple[str, ...] | None] = None
    untagged: ClassVar[tuple[str, ...]] = ()

    def expect_match(self, request: Request) -> None:
        """Have the handler of a change compared with If-Match first. Raises PreconditionMalformed, -NotTaken."""
        wanted = request.headers.get("If-Match")
        method = str(request.method)
        if wanted is None or method not in WRITING:
            return
        route = request.resolver_match.route if request.resolver_match else ""
        address = matched_address(view=self, path=route, method=method)
        if address is None:
            raise PreconditionNotTaken
        tags = None if wanted.strip() == "*" else tags_of(header=wanted, is_strong=True)
        name = method.lower()
        handler: Handler = getattr(self, name, self.http_method_not_allowed)
        vars(self)[name] = partial(self._when_unchanged, handler, single_reads()[address], tags)

    def _when_unchanged(
        self,
        handler: Handler,
        read: URLPattern,
        tags: frozenset[str] | None,
        request: Request,
        *args: Any,
        **kwargs: Any,
    ) -> HttpResponseBase:
        """Call the handler where what it changes is as it was read. Raises PreconditionFailed."""
        kept: Refusal | None = None
        with self.holding_subject():
            found = self._current_tag(read, request)
            if tags is not None and found not in tags:
                raise PreconditionFailed(etag=found)
            try:
                return handler(request, *args, **kwargs)
            except Refusal as refusal:
                if not refusal.keeps_effect:
                    raise
                kept = refusal
        raise kept

    def holding_subject(self) -> AbstractContextManager[None]:
        """Hold off everybody else who would change the thing, for as long as the change takes."""
        return self._holding_subject()

    @contextmanager
    def _holding_subject(self) -> Iterator[None]:
        with transaction.atomic():
            if self.guarded_by:
                for name in self.guarded_by:
                    take_lock(name=name)
            else:
                list(self.subject_rows().select_for_update(of=("self",)).values_list("pk"))
            yield

    def subject_rows(self) -> QuerySet[Any]:
        """Return the row that the address names."""
        model: Any = getattr(self, "queryset").model  # noqa: B009 (GenericAPIView has it)
        rows: QuerySet[Any] = model.objects.filter(**self.kwargs)
        return rows

    def _current_tag(self, read: URLPattern, request: Request) -> str:
        """Return the ETag that a read by the same login would have now. Raises what the read raises."""
        made: Any = read.callback
        view = made.cls(**made.initkwargs)
        values = {name: value for name, value in self.kwargs.items() if name in read.pattern.converters}
        view.args, view.kwargs, view.format_kwarg = (), values, None
        view.request = clone_request(request, "GET")
        view.headers = {}
        return entity_tag(data=view.get(view.request, **values).data, untagged=view.untagged)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Give what was read its ETag; answer 304 where the reader has it."""
        renderer = getattr(request, "accepted_renderer", None)
        is_read = request.method in READING and response.status_code == 200 and isinstance(response, Response)
        if is_read and getattr(renderer, "format", "") == "json" and self._is_single(request):
            tag = entity_tag(data=response.data, untagged=self.untagged)
            wanted = None if self.untagged else request.headers.get("If-None-Match")
            if wanted is not None and (wanted.strip() == "*" or tag in _known_tags(wanted)):
                response = Response(status=304)
            response["ETag"] = tag
        return super().finalize_response(request, response, *args, **kwargs)

    def _is_single(self, request: Request) -> bool:
        match = request.resolver_match
        return match is not None and has_entity_tag(view=self, path=match.route)


def entity_tag(*, data: Any, untagged: tuple[str, ...] = ()) -> str:
    """Return the strong ETag of what will be rendered as JSON, without the fields that are untagged."""
    if untagged:
        data = {name: value for name, value in data.items() if name not in untagged}
    digest = hashlib.blake2b(JSONRenderer().render(data), digest_size=DIGEST_BYTES)
    return f'"{digest.hexdigest()}"'


def tags_of(*, header: str, is_strong: bool) -> frozenset[str]:
    """Return the entity tags of a header, without their weakness; weak ones are left out where is_strong.

    Raises PreconditionMalformed.
    """
    if not ENTITY_TAGS.fullmatch(header):
        raise PreconditionMalformed
    return frozenset(tag for weak, tag in ONE_TAG.findall(header) if not (weak and is_strong))


def _known_tags(header: str) -> frozenset[str]:
    """Return the tags of If-None-Match; none where it cannot be read, so that the answer is whole."""
    try:
        return tags_of(header=header, is_strong=False)
    except PreconditionMalformed:
        return frozenset()


def has_entity_tag(*, view: Any, path: str) -> bool:
    """Tell whether a GET at this address (of the schema, or of a route) reads one thing."""
    return _reads_one(type(view), PARAMETER.sub("{}", path))


def matched_address(*, view: Any, path: str, method: str) -> str | None:
    """Return the address whose ETag a change at this address takes in If-Match; None where it takes none.

    It is the address itself where it can be read, else the thing's under which it stands: /orders/{}/cancel changes
    what /orders/{} shows. In what is returned, parameters are without a name.
    """
    if getattr(view, "guarded_by", None) is None or method not in WRITING:
        return None
    parts = PARAMETER.sub("{}", path).strip("/").split("/")
    while "{}" in parts:
        address = "/".join(parts)
        if address in single_reads():
            return address
        parts.pop()
    return None


@cache
def single_reads() -> dict[str, URLPattern]:
    """Return the addresses of the API where one thing is read, their parameters without a name."""
    found: dict[str, URLPattern] = {}
    waiting: list[tuple[str, URLPattern | URLResolver]] = [("", one) for one in get_resolver().url_patterns]
    while waiting:
        prefix, one = waiting.pop()
        route = PARAMETER.sub("{}", prefix + str(one.pattern))
        if isinstance(one, URLResolver):
            waiting += [(route, inner) for inner in one.url_patterns]
            continue
        view = getattr(one.callback, "cls", None)
        if view is not None and route.startswith("api/") and _reads_one(view, route):
            found[route] = one
    return found


def _reads_one(view: type[Any], path: str) -> bool:
    return path.endswith("{}") and hasattr(view, "get") and not issubclass(view, ListModelMixin)
