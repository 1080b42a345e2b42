"""Addresses that another has taken the place of: they work on, and say so in every answer.

Deprecation (RFC 9745) says since when, Sunset (RFC 8594) until when, Link names the successor (RFC 5829, RFC 8288).
The API's description marks their operations as deprecated by the same attributes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.urls import reverse
from django.utils.http import http_date
from rest_framework.request import Request
from rest_framework.views import APIView


class Deprecated(APIView):
    """A view at an older address. successor: the name of the address that took its place, with the same parameters."""

    deprecated_since: ClassVar[datetime]
    sunset_at: ClassVar[datetime]
    successor: ClassVar[str]

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Add the headers to whatever is answered."""
        final: Any = super().finalize_response(request, response, *args, **kwargs)
        final["Deprecation"] = f"@{int(self.deprecated_since.timestamp())}"
        final["Sunset"] = http_date(self.sunset_at.timestamp())
        final["Link"] = f'<{reverse(self.successor, kwargs=self.kwargs)}>; rel="successor-version"'
        return final
