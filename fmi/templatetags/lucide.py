"""Lucide's icons, each drawn once: a page has dozens, and the package builds every one anew out of its XML."""

from functools import lru_cache
from typing import Any

from django import template
from django.utils.safestring import SafeString
from lucide.templatetags import lucide as drawn

register = template.Library()


@lru_cache(maxsize=1_024)
def _draw(name: str, size: int | None, attributes: tuple[tuple[str, Any], ...]) -> SafeString:
    return SafeString(drawn.lucide(name, size=size, **dict(attributes)))


@register.simple_tag
def lucide(name: str, *, size: int | None = 24, **attributes: Any) -> SafeString:
    """Draw an icon by its name, with these attributes of its SVG. Raises IconDoesNotExist."""
    return _draw(name, size, tuple(attributes.items()))
