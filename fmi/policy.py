"""Which pages may do more than the strict Content-Security-Policy allows, and why."""

from __future__ import annotations

from collections.abc import Callable

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.decorators import csp_update
from django.http import HttpRequest
from django.http.response import HttpResponseBase

GetResponse = Callable[[HttpRequest], HttpResponseBase]

# The admin theme runs Alpine, which evaluates its attributes and sets styles from scripts. The
# pages that present the API set styles the same way. Both are other people's code, served from here.
RELAXED = {
    "/admin/": {"script-src": [SELF, UNSAFE_EVAL, UNSAFE_INLINE], "style-src": [SELF, UNSAFE_INLINE]},
    "/api/": {"style-src": [SELF, UNSAFE_INLINE]},
}


def relaxed_policy(get_response: GetResponse) -> GetResponse:
    """Middleware: widen the policy under the prefixes of RELAXED, and nowhere else."""
    widened = {prefix: csp_update(dict(directives))(get_response) for prefix, directives in RELAXED.items()}

    def answer(request: HttpRequest) -> HttpResponseBase:
        for prefix, respond in widened.items():
            if request.path.startswith(prefix):
                return respond(request)
        return get_response(request)

    return answer
