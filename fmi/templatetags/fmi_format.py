"""How figures, times and states are written on every page: one place, so that they are the same everywhere.

Amounts come in as integers of minor units and go out as "1,234,567.89 USD"; the raw value stays in the title.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django import template
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from fmi.status_shapes import SHAPES, STATES
from reference.core.figures import write_figure

register = template.Library()

BUSINESS_ZONE = ZoneInfo("Europe/Berlin")
NONE = mark_safe('<span class="faint" title="none">–</span>')
# ISO 4217: the currencies whose minor unit is not a hundredth.
MINOR_DIGITS = {"JPY": 0, "KRW": 0, "CLP": 0, "ISK": 0, "VND": 0, "KWD": 3, "BHD": 3, "TND": 3}
RANGE_SUFFIXES = ("_min", "_max", "_after", "_before", "_from", "_to", "_0", "_1")
LARGE = ((10**12, "tn"), (10**9, "bn"), (10**6, "m"), (10**3, "k"))


def _digits(currency: str) -> int:
    return MINOR_DIGITS.get(currency.upper(), 2)


@register.filter
def figure(value: Decimal | float | str | None, places: int | str = 2) -> SafeString | str:
    """Write a plain number, `{{ spread|figure:1 }}`; `"-2"` are at most two places. The unit stands beside it."""
    if value is None or value == "":
        return NONE
    most = int(places)
    return write_figure(value=Decimal(str(value)), places=abs(most), trim=most < 0)


@register.filter
def money(amount_minor: int | str | None, currency: object = "") -> SafeString:
    """Write minor units as an amount, `{{ amount_minor|money:"USD" }}`; negatives with a true minus sign."""
    if amount_minor is None or amount_minor == "":
        return NONE
    code = str(currency or "")
    amount_minor = int(amount_minor)
    amount = Decimal(amount_minor).scaleb(-_digits(code))
    return format_html(
        '<span class="money{}" title="{} minor units">{}{}</span>',
        " negative" if amount_minor < 0 else "",
        amount_minor,
        write_figure(value=amount, places=_digits(code)),
        format_html('<span class="unit"> {}</span>', code) if code else "",
    )


@register.filter
def money_short(amount_minor: int | str | None, currency: object = "") -> SafeString:
    """Write a large amount at a glance, "1.23 bn USD"; the exact one is in the title."""
    if amount_minor is None or amount_minor == "":
        return NONE
    code = str(currency or "")
    exact = Decimal(int(amount_minor)).scaleb(-_digits(code))
    size, word = next(((size, word) for size, word in LARGE if abs(exact) >= size), (1, ""))
    unit = " ".join(part for part in (word, code) if part)
    scaled = exact / size
    places = 2 if abs(scaled) < 10 else 1 if abs(scaled) < 100 else 0
    return format_html(
        '<span class="money{}" title="{} {}">{}<span class="unit"> {}</span></span>',
        " negative" if exact < 0 else "",
        f"{exact:,}",
        code,
        write_figure(value=scaled, places=places),
        unit,
    )


@register.filter
def quantity(units: int | str | None) -> SafeString:
    """Write whole units with thousands; the raw integer in the title."""
    if units is None or units == "":
        return NONE
    units = int(units)
    sign = " negative" if units < 0 else ""
    return format_html(
        '<span class="quantity{}" title="{}">{}</span>', sign, units, write_figure(value=units, places=0)
    )


@register.filter
def price(value: Decimal | str | None, currency: object = "") -> SafeString:
    """Write a price with at least two decimals and no trailing zeros beyond them."""
    if value is None or value == "":
        return NONE
    exact = Decimal(value).normalize()
    text = write_figure(value=exact, places=max(2, -int(exact.as_tuple().exponent)))
    unit = format_html('<span class="unit"> {}</span>', currency) if currency else ""
    return format_html('<span class="money" title="{}">{}{}</span>', value, text, unit)


@register.filter
def percent(ratio: float | Decimal | None, places: int = 1) -> SafeString:
    """Write a ratio, 0 to 1, as "97.8 %"."""
    if ratio is None or ratio == "":
        return NONE
    return format_html(
        '<span title="{}">{}<span class="unit"> %</span></span>',
        ratio,
        write_figure(value=float(ratio) * 100, places=places),
    )


@register.filter
def short_id(identifier: object) -> SafeString:
    """Show the first eight characters of a long id; the whole in the title."""
    text = str(identifier or "")
    if not text:
        return NONE
    return format_html('<code title="{}">{}</code>', text, text[:8] if len(text) > 12 else text)


@register.filter
def duration(span: timedelta | float | None) -> str:
    """Write a time span in its two largest units: "2 h 05 m", "3 d 4 h", "45 s", "120 ms"."""
    if span is None or span == "":
        return "–"
    seconds = span.total_seconds() if isinstance(span, timedelta) else float(span)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10 and seconds != int(seconds):
        return f"{seconds:.1f} s"
    total = int(seconds)
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} m {total % 60:02d} s"
    if total < 86400:
        return f"{total // 3600} h {total % 3600 // 60:02d} m"
    return f"{total // 86400} d {total % 86400 // 3600} h"


def _as_datetime(moment: datetime | str | None) -> datetime | None:
    return parse_datetime(moment) if isinstance(moment, str) else moment


@register.filter
def moment(at: datetime | str | None, kind: str = "datetime") -> SafeString:
    """Write a real moment in CET; fmi.js rewrites it in the reader's zone, with the zone named."""
    when = _as_datetime(at)
    if when is None:
        return NONE
    local = when.astimezone(BUSINESS_ZONE)
    pattern = {"time": "%H:%M:%S", "date": "%d %b %Y"}.get(kind, "%d %b %Y %H:%M:%S")
    zone = "" if kind == "date" else f" {local:%Z}"
    return format_html(
        '<time datetime="{}" data-time="{}" title="{}">{}</time>',
        when.isoformat(), kind, f"{local:%a %d %b %Y %H:%M:%S.%f %Z}", f"{local.strftime(pattern)}{zone}",
    )  # fmt: skip


@register.filter
def business_time(at: datetime | str | None, kind: str = "datetime") -> SafeString:
    """Write a moment of the business day, always in the market's zone (CET)."""
    when = _as_datetime(at)
    if when is None:
        return NONE
    local = when.astimezone(BUSINESS_ZONE)
    if kind == "day":
        return format_html("{}", f"{local:%d %b %Y}")
    pattern = {"time": "%H:%M:%S", "short": "%H:%M"}.get(kind, "%d %b %Y %H:%M:%S")
    return format_html(
        '<time datetime="{}" title="{}">{} <span class="faint">CET</span></time>',
        when.isoformat(), f"{local:%A %d %B %Y %H:%M:%S %Z}", local.strftime(pattern),
    )  # fmt: skip


@register.filter
def business_date(day: date | None) -> SafeString:
    """Write a date with its weekday: "Mon 15 Sep 2008"."""
    if not day:
        return NONE
    return format_html('<time datetime="{}" class="nowrap">{}</time>', f"{day:%Y-%m-%d}", f"{day:%a %d %b %Y}")


@register.simple_tag
def status(state: object, reason: object = "", pill: bool = False, word: str = "") -> SafeString:
    """Draw a state as shape and word: `{% status trade.state %}`, `{% status state reason pill=True %}`."""
    key = str(state or "").upper()
    name, tone, shape = STATES.get(key, (key.replace("_", " ").capitalize() or "Unknown", "idle", "ring"))
    why = STATES.get(str(reason or "").upper())
    if why and key == "PENDING":
        tone, shape = why[1], why[2]
    aside = format_html(' <span class="reason">{}</span>', why[0].lower() if why else reason) if reason else ""
    return format_html(
        '<span class="status{} tone-{}"><svg viewBox="0 0 14 14" aria-hidden="true">{}</svg>'
        '<span class="word">{}{}</span></span>',
        " pill" if pill else "", tone, SafeString(SHAPES[shape]), word or name, aside,
    )  # fmt: skip


@register.simple_tag
def bar(share: float, tone: str = "", label: str = "", thick: bool = False) -> SafeString:
    """Draw a share of 0 to 100 as a bar, in SVG because the content policy allows no inline style."""
    width = max(0.0, min(100.0, float(share or 0)))
    described = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html(
        '<svg class="bar{}{}" viewBox="0 0 100 4" preserveAspectRatio="none" {}>'
        '<rect width="{}" height="4"/></svg>',
        f" tone-{tone}" if tone else "", " thick" if thick else "", described, f"{width:.2f}",
    )  # fmt: skip


@register.filter
def is_under(path: str, url: str) -> bool:
    """Tell whether the page at `path` belongs to the navigation entry at `url`; home is itself only.

    url: one address, or several with spaces between them.
    """
    return path == url if url in ("", "/") else path.startswith(tuple(url.split()))


def _choices_of(field: Any) -> Any:
    return getattr(field, "choices", None) or getattr(field.widget, "choices", ())


@register.inclusion_tag("components/chips.html", takes_context=True)
def filter_chips(context: dict[str, Any], filterset: Any) -> dict[str, Any]:
    """List each filter in force as a chip with a link that removes it, and one link that clears all."""
    query = context["request"].GET
    fields = filterset.form.fields
    pairs = [(key, value) for key in query for value in query.getlist(key) if key != "page"]
    chips, filtered = [], set()
    for name, field in fields.items():
        keys = {name} | {name + suffix for suffix in RANGE_SUFFIXES if name + suffix not in fields}
        values = [value for key, value in pairs if key in keys and value]
        if not values:
            continue
        filtered |= keys
        words = {str(key): str(text) for key, text in _choices_of(field)}
        chips.append(
            {
                "label": field.label or name.replace("_", " ").capitalize(),
                "value": ", ".join(words.get(value, value) for value in values),
                "remove_url": "?" + urlencode([pair for pair in pairs if pair[0] not in keys]),
            }
        )
    return {"chips": chips, "clear_url": "?" + urlencode([pair for pair in pairs if pair[0] not in filtered])}
