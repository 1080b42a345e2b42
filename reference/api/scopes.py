"""The scope that an operation takes of an API key. A person's login holds every scope of its role."""

from __future__ import annotations

from typing import ClassVar

from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.views import APIView

from reference.keys.refusals import ScopeMissing
from reference.keys.tokens import AccessGrant


class ScopedView(APIView):
    """A view that says what an API key must hold to read and to change here (reference/core/scopes.py).

    write_scope is that of a POST which changes nothing as well: there it is a scope that reads.
    """

    read_scope: ClassVar[str] = ""
    write_scope: ClassVar[str] = ""

    def scope_of(self, method: str) -> str:
        """Return the scope that a method takes; "" where a key may not call it."""
        return self.read_scope if method in SAFE_METHODS else self.write_scope

    def expect_scope(self, request: Request) -> None:
        """Raise ScopeMissing where the request comes with a key that was not given the scope."""
        grant, method = request.auth, str(request.method)
        if not isinstance(grant, AccessGrant) or method == "OPTIONS" or not hasattr(self, method.lower()):
            return
        scope = self.scope_of(method)
        if not grant.allows(scope=scope):
            raise ScopeMissing(f"The key's scopes do not hold {scope}.", scope=str(scope))
