"""Query parameters of views that are not lists, and bodies of operations that take none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request

from reference.api.parsers import refuse_unknown_fields

# By class of view and method: whose description does not change.
_descriptions: dict[tuple[type[Any], str], tuple[frozenset[str], bool]] = {}

PAGING = frozenset({"cursor", "limit"})
BODIES = frozenset({"POST", "PUT", "PATCH"})
DATE_SHAPE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
AS_OF = OpenApiParameter("as_of", OpenApiTypes.DATE, description="The end of this business date; now, where left out.")


def read_date(*, request: Request, name: str) -> date | None:
    """Return a date parameter, None where it is absent. Raises ValidationError for anything else."""
    text = request.query_params.get(name)
    if not text:
        return None
    try:
        # Python also reads 20080908 and 2008-W37-1; one way to write a date is enough.
        if not DATE_SHAPE.fullmatch(text):
            raise ValueError(text)
        return date.fromisoformat(text)
    except ValueError:
        raise ValidationError({name: "A date is written as 2008-09-08."}) from None


def expect_described_parameters(*, view: Any, request: Request) -> None:
    """Refuse a parameter that the description of an operation does not have. Raises ValidationError.

    A list's filters are its filter backend's to know.
    """
    method = "GET" if request.method == "HEAD" else str(request.method)
    is_list = method == "GET" and isinstance(view, ListModelMixin)
    if request.query_params and method != "OPTIONS" and not (is_list and view.filter_backends):
        pages = PAGING if is_list else frozenset()
        refuse_unknown_parameters(request=request, known=pages | _described(view, method)[0])


def expect_described_body(*, view: Any, request: Request) -> None:
    """Refuse a body where an operation is described without one. Raises ValidationError, and what reading it raises.

    No field at all is no body: many programs send `{}` with every POST.
    """
    if request.method not in BODIES or _described(view, request.method)[1]:
        return
    data = request.data
    if data and not isinstance(data, Mapping):
        raise ValidationError("This operation takes no body.")
    refuse_unknown_fields(data=data, known={})


def _described(view: Any, method: str) -> tuple[frozenset[str], bool]:
    """Return the names of an operation's query parameters, and whether it takes a body."""
    kind = (type(view), method)
    if kind not in _descriptions:
        _descriptions[kind] = _read_description(view, method)
    return _descriptions[kind]


def _read_description(view: Any, method: str) -> tuple[frozenset[str], bool]:
    """Read what `extend_schema` says of a handler."""
    # The class's handler: a view's own may be wrapped by now.
    made = getattr(getattr(type(view), method.lower(), None), "kwargs", {}).get("schema")
    if made is None:
        return frozenset(), True
    schema = made()
    schema.view, schema.method = view, method
    told = [one for one in schema.get_override_parameters() if isinstance(one, OpenApiParameter)]
    names = frozenset(one.name for one in told if one.location == OpenApiParameter.QUERY)
    return names, method not in BODIES or schema.get_request_serializer() is not None


def refuse_unknown_parameters(*, request: Request, known: Iterable[str]) -> None:
    """Raise ValidationError for a parameter that the operation does not have."""
    unknown = sorted(set(request.query_params) - {"format", *known})
    if unknown:
        raise ValidationError(dict.fromkeys(unknown[:5], "There is no such parameter."))
