"""Which things have a page, for templates of every floor."""

from django import template

from fmi.things import PLACES

register = template.Library()


@register.filter
def has_page(kind: str) -> bool:
    """Tell whether things of a kind have a page: the address `thing` leads there."""
    return kind in PLACES
