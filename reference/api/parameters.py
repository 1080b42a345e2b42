"""Query parameters of views that are not lists."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

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


def refuse_unknown_parameters(*, request: Request, known: Iterable[str]) -> None:
    """Raise ValidationError for a parameter that the operation does not have."""
    unknown = sorted(set(request.query_params) - {"format", *known})
    if unknown:
        raise ValidationError(dict.fromkeys(unknown[:5], "There is no such parameter."))
