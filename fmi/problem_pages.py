"""The page behind each problem type: what it means, in the words of the refusal itself."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from http import HTTPStatus
from importlib import import_module

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from reference.refusals import Refusal, all_refusals
from trades.core.problems import PROBLEM_TYPES

# Refusals of commands alone, which a web server has not imported; they have their pages all the same.
OF_COMMANDS = ("clearing.files.refusals", "settlement.files.refusals", "fmi.clock", "fmi.demo.play")
# What the framework and the front door refuse, before any rule of the market is asked.
GENERAL = {
    "bad-request": (400, "The request cannot be read as HTTP."),
    "malformed-body": (400, "The body is not what its Content-Type says: broken JSON, CSV or encoding."),
    "invalid-input": (400, "One or more fields are wrong; `errors` points at each of them."),
    "login-required": (401, "Log in: an access token, HTTP Basic, or the session of the pages."),
    "login-failed": (401, "The name, the password, the API key or its secret is wrong, or the session has ended."),
    "token-not-accepted": (401, "The access token is over, revoked or not valid here: refresh it, or ask for another."),
    "not-permitted": (403, "Your login may not do this."),
    "not-found": (404, "Nothing lives at this address, or it is not yours to see."),
    "method-not-allowed": (405, "This address does not take this method."),
    "not-acceptable": (406, "No form that the Accept header asks for can be given."),
    "body-too-large": (413, "The body is larger than the limit. Send a large file in parts."),
    "unsupported-media-type": (415, "This address does not read that Content-Type."),
    "too-many-requests": (429, "Wait for as long as the Retry-After header says."),
    "server-error": (500, "A fault of ours. It is in the log, and nothing was half-written."),
    Refusal.code: (Refusal.status, "The rules do not allow it; `detail` says why."),
}


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """One kind of problem: its stable code, the HTTP status and what it means, in paragraphs."""

    code: str
    status: int
    paragraphs: tuple[str, ...]

    @property
    def title(self) -> str:
        """The code in words."""
        return self.code.replace("-", " ").capitalize()

    @property
    def reason(self) -> str:
        """The name of the HTTP status."""
        return HTTPStatus(self.status).phrase


def problem_kinds() -> dict[str, ProblemKind]:
    """Return every kind of problem this product answers with, by code."""
    for module in OF_COMMANDS:
        import_module(module)
    found = {code: ProblemKind(code, status, (text,)) for code, (status, text) in GENERAL.items()}
    for code, refusal in all_refusals().items():
        text = inspect.cleandoc(refusal.__doc__ or "")
        paragraphs = tuple(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
        found[code] = ProblemKind(code, refusal.status, paragraphs)
    for code, text in PROBLEM_TYPES.items():
        found.setdefault(code, ProblemKind(code, HTTPStatus.UNPROCESSABLE_ENTITY, (text,)))
    return dict(sorted(found.items()))


@login_not_required
@require_safe
def list_problems(request: HttpRequest) -> HttpResponse:
    """List every kind of problem."""
    return render(request, "problems.html", {"problems": problem_kinds().values()})


@login_not_required
@require_safe
def show_problem(request: HttpRequest, code: str) -> HttpResponse:
    """Explain one kind of problem."""
    problem = problem_kinds().get(code)
    if problem is None:
        raise Http404
    return render(request, "problem.html", {"problem": problem})
