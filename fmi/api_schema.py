"""The description of the API, written once in each process: it takes seconds, and changes with the release only."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from threading import Lock
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SCHEMA_KWARGS, SpectacularAPIView
from rest_framework.request import Request

from fmi.api_settings import VERSION

_writing = Lock()


class Schema(SpectacularAPIView):
    """The OpenAPI document: YAML, or JSON by `Accept: application/vnd.oai.openapi+json` or `?format=json`."""

    @extend_schema(**SCHEMA_KWARGS)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase | None:
        """Give the document as it is kept; 304 to whoever has it."""
        renderer = request.accepted_renderer
        with _writing:
            body, etag = _written(str(renderer.media_type))
        filename = f"mini-fmi-{VERSION}.{'json' if 'json' in renderer.format else 'yaml'}"
        headers = {"ETag": etag, "Content-Disposition": f'inline; filename="{filename}"', "Vary": "Accept"}
        answer = HttpResponse(body, content_type=renderer.media_type, headers=headers)
        return get_conditional_response(request, etag=etag, response=answer)


@lru_cache(maxsize=len(SpectacularAPIView.renderer_classes))
def _written(media_type: str) -> tuple[bytes, str]:
    """Return the document in one form, and its entity tag."""
    renderer: Any = next(one for one in SpectacularAPIView.renderer_classes if one.media_type == media_type)
    body: bytes = renderer().render(_document(), media_type, {})
    return body, f'"{sha256(body).hexdigest()}"'


@lru_cache(maxsize=1)
def _document() -> dict[str, Any]:
    document: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return document
