"""How a page answers: whole, or only its live part; and how a refusal becomes a notice."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers

from reference.access import actor_of
from reference.core.actor import Actor, Role
from reference.refusals import Refusal

LIVE = "live"
READ_ONLY = "An auditor reads everything and changes nothing."
OPERATORS_ONLY = "Only an operator may do this."


def answer(request: HttpRequest, template: str, context: Mapping[str, Any], *, part: str = LIVE) -> HttpResponse:
    """Render a page, or for HTMX only its part of this name: same address, two answers."""
    name = f"{template}#{part}" if request.headers.get("HX-Request") else template
    response = render(request, name, dict(context))
    patch_vary_headers(response, ["HX-Request"])
    return response


def acting_actor_of(request: HttpRequest) -> Actor:
    """Return who acts, where acting means changing something. Raises PermissionDenied for an auditor."""
    actor = actor_of(request)
    if actor.role is Role.AUDITOR:
        raise PermissionDenied(READ_ONLY)
    return actor


def acting_operator_of(request: HttpRequest) -> Actor:
    """Return the operator who acts. Raises PermissionDenied for anyone else."""
    actor = actor_of(request)
    if not actor.is_operator:
        raise PermissionDenied(OPERATORS_ONLY)
    return actor


def act_and_return(request: HttpRequest, *, act: Callable[[], str], back: str) -> HttpResponse:
    """Do something and go back to a page with what came of it as a notice; a refusal says why, in the API's words.

    act: does it and returns what to say. back: the address to return to.
    """
    try:
        messages.success(request, act())
    except Refusal as refusal:
        messages.error(request, refusal.message)
    return redirect(back)
