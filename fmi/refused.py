"""A refusal that a page did not turn into a notice itself becomes a page, in the words of the API."""

from collections.abc import Callable
from http import HTTPStatus

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase

from fmi.api_settings import API_PREFIXES
from fmi.problems import NUL, bad_request, holds_nul, page_not_found, refusal_response
from reference.outages import outage_of
from reference.refusals import Refusal


class RefusalMiddleware:
    """Answer a Refusal outside the API with its status and message; 404 with the page for what is not there."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Keep the rest of the chain."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on; what is raised comes to process_exception."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """Answer a refusal, or a text that the database cannot hold; leave everything else to Django."""
        if request.path.startswith(API_PREFIXES):
            return None
        if holds_nul(exception):
            in_address = "\x00" in request.path
            return page_not_found(request, Http404()) if in_address else bad_request(request, BadRequest(NUL))
        refusal = exception if isinstance(exception, Refusal) else outage_of(exception)
        if refusal is None:
            return None
        if refusal.status == HTTPStatus.NOT_FOUND:
            return page_not_found(request, Http404(refusal.message))
        return refusal_response(request, refusal)
