"""The session of the pages as a login of the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.authentication import SessionScheme
from rest_framework.authentication import SessionAuthentication


class SessionLogin(SessionAuthentication):
    """The pages' session, with its CSRF token in the header X-CSRFToken or in the form."""

    def enforce_csrf(self, request: Any) -> None:
        """Check the CSRF token. Raises PermissionDenied.

        Django's own request is asked, for it looks into forms only: DRF's would read and parse the whole
        body to see whether the token is in it, and a bulk file is not to be read before its capture.
        """
        super().enforce_csrf(request._request)  # noqa: SLF001 (DRF has no other name for it)


class SessionLoginScheme(SessionScheme):  # type: ignore[no-untyped-call]
    """Describe it as the session cookie that it is."""

    target_class = "reference.api.authentication.SessionLogin"
