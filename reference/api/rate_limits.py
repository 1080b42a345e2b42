"""Rate limits of the API: who is limited, by which class of limits, and the headers that tell.

The headers are structured fields of the IETF draft "RateLimit header fields for HTTP"
(draft-ietf-httpapi-ratelimit-headers-10): the policy's quota `q` in a window of `w` seconds, and what remains `r`
until the window ends in `t` seconds. An answer without them was not counted.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.views import APIView

from reference.keys.login_waits import address_of
from reference.keys.tokens import AccessGrant
from reference.rate_limits import Limit, Taken, limit_of, take

TOO_MANY = "More than {limit} requests in {window_seconds} seconds."


class RateLimited(APIView):
    """A view whose requests are counted, by API key, else by login, else by address, before anything else is done.

    rate_limit: the class of limits in the setting RATE_LIMITS; classes are counted apart. An attempt to log in that
    fails counts for its address, of IPv6 for its network.
    """

    rate_limit: ClassVar[str] = "default"

    def perform_authentication(self, request: Request) -> None:
        """Find out who asks, and count it either way. Raises Throttled, AuthenticationFailed."""
        try:
            super().perform_authentication(request)
        finally:
            self.count_request(client=_client_of(request))

    def count_request(self, *, client: str) -> None:
        """Count a request for whoever sent it, and have the answer tell. Raises Throttled."""
        limit = limit_of(name=self.rate_limit)
        taken = take(name=f"{limit.name}:{client}", limit=limit.limit, window_seconds=limit.window_seconds)
        self.headers |= headers_of(limit=limit, taken=taken)
        if not taken.allowed:
            detail = TOO_MANY.format(limit=limit.limit, window_seconds=limit.window_seconds)
            raise Throttled(wait=max(math.ceil(taken.reset_seconds), 1), detail=detail)


def _client_of(request: Request) -> str:
    """Return who is counted: the API key, else the login, else the address."""
    if isinstance(request.auth, AccessGrant):
        return client_of_key(client_id=request.auth.client_id)
    user: Any = request.user
    if user.is_authenticated:
        return f"user:{user.pk}"
    return client_at_address(request=request)


def client_of_key(*, client_id: str) -> str:
    """Return what the requests of an API key are counted as."""
    return f"key:{client_id}"


def client_at_address(*, request: Request) -> str:
    """Return what the requests of nobody known are counted as: IPv6 by network, for one host has all of a /64."""
    return f"address:{address_of(request)}"


def headers_of(*, limit: Limit, taken: Taken) -> dict[str, str]:
    """Return the header fields of a counted request; none where nothing was counted."""
    if not taken.is_counted:
        return {}
    return {
        "RateLimit-Policy": f'"{limit.name}";q={limit.limit};w={limit.window_seconds}',
        "RateLimit": f'"{limit.name}";r={taken.remaining};t={math.ceil(taken.reset_seconds)}',
    }
