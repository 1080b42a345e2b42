"""A refusal that a page did not turn into a notice itself becomes a page, in the words of the API."""

from collections.abc import Callable
from http import HTTPStatus

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render

from fmi.problems import page_not_found
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
        """Answer a refusal; leave everything else to Django."""
        if not isinstance(exception, Refusal) or request.path.startswith("/api/"):
            return None
        if exception.status == HTTPStatus.NOT_FOUND:
            return page_not_found(request, Http404(exception.message))
        return render(request, "refused.html", {"refusal": exception}, status=exception.status)
