"""What browsers may do with our pages: powers that none of them needs, and which may do more than the strict CSP."""

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


# No page asks for any of these, so nothing that finds its way into one can either (W3C Permissions Policy).
NEVER_ALLOWED = ("camera", "display-capture", "geolocation", "microphone", "payment", "publickey-credentials-get",
                 "usb")  # fmt: skip
PERMISSIONS = ", ".join(f"{name}=()" for name in NEVER_ALLOWED)


def permissions_policy(get_response: GetResponse) -> GetResponse:
    """Middleware: take the powers of NEVER_ALLOWED from every page."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers["Permissions-Policy"] = PERMISSIONS
        return response

    return answer


def relaxed_policy(get_response: GetResponse) -> GetResponse:
    """Middleware: widen the policy under the prefixes of RELAXED, and nowhere else."""
    widened = {prefix: csp_update(dict(directives))(get_response) for prefix, directives in RELAXED.items()}

    def answer(request: HttpRequest) -> HttpResponseBase:
        for prefix, respond in widened.items():
            if request.path.startswith(prefix):
                return respond(request)
        return get_response(request)

    return answer
