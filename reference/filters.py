"""Filters that all lists share: codes that the directory resolves to ids, without a query."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django_filters.fields import IsoDateTimeField
from django_filters.rest_framework import BooleanFilter, FilterSet

from reference.core.proposal_lifecycle import ProposalStatus
from reference.models import ParticipantRole, Security, SecurityType
from reference.queries import directory

__all__ = [
    "BooleanFilter",
    "CurrencyFilter",
    "DateFilter",
    "FilterSet",
    "MomentFilter",
    "ParticipantFilter",
    "SecurityFilter",
]


class _CodeField(forms.CharField):
    """A code that cleans to an id; blank cleans to None."""

    unknown = "There is no such code."

    def clean(self, value: Any) -> int | None:
        """Return the id. Raises ValidationError where the directory has no such code."""
        text = super().clean(value)
        if not text:
            return None
        found = self.find(text.strip())
        if found is None:
            raise ValidationError(self.unknown, code=self.unknown_code)
        return found

    unknown_code = "unknown-code"

    def find(self, code: str) -> int | None:
        """Return the id of what has this code, None where nothing has."""
        raise NotImplementedError


class ParticipantCodeField(_CodeField):
    """A participant's code."""

    unknown = "No participant has this code."
    unknown_code = "unknown-participant"

    def find(self, code: str) -> int | None:
        """Return the participant's id."""
        return directory().participant_ids.get(code.upper())


class SecurityCodeField(_CodeField):
    """A security's ISIN or symbol."""

    unknown = "No security has this ISIN or symbol."
    unknown_code = "unknown-security"

    def find(self, code: str) -> int | None:
        """Return the security's id."""
        source = directory()
        upper = code.upper()
        found = source.securities_by_isin.get(upper) or source.securities_by_symbol.get(upper)
        return None if found is None else found.id


class CurrencyCodeField(_CodeField):
    """A currency's ISO 4217 code."""

    unknown = "No currency has this code."
    unknown_code = "unknown-currency"

    def find(self, code: str) -> int | None:
        """Return the currency's id."""
        found = directory().currencies_by_code.get(code.upper())
        return None if found is None else found.id


class _CodeFilter(django_filters.CharFilter):
    """Rows of which one of `field_names` is the id that a code stands for."""

    def __init__(self, *field_names: str, max_length: int = 24, **extra: Any) -> None:
        super().__init__(field_name=field_names[0], max_length=max_length, **extra)
        self.field_names = field_names

    def filter(self, qs: QuerySet[Any], value: int | None) -> QuerySet[Any]:
        """Keep the rows where any of the fields holds the id."""
        if value is None:
            return qs
        if self.method:
            return super().filter(qs, value)
        condition = Q()
        for name in self.field_names:
            condition |= Q(**{name: value})
        return qs.filter(condition)


class ParticipantFilter(_CodeFilter):
    """By a participant's code."""

    field_class = ParticipantCodeField


class SecurityFilter(_CodeFilter):
    """By a security's ISIN or symbol."""

    field_class = SecurityCodeField


class CurrencyFilter(_CodeFilter):
    """By a currency's code."""

    field_class = CurrencyCodeField


class DateFilter(django_filters.DateFilter):
    """By a date, written as a browser's date field writes it: 2008-09-15."""

    def __init__(self, field_name: str, lookup_expr: str = "exact", **extra: Any) -> None:
        extra.setdefault("input_formats", ["%Y-%m-%d"])
        extra.setdefault("widget", forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
        super().__init__(field_name=field_name, lookup_expr=lookup_expr, **extra)


class _MomentField(IsoDateTimeField):
    """A moment in UTC: ISO 8601 has offsets of up to a day, PostgreSQL reads none beyond 16 hours."""

    def clean(self, value: Any) -> datetime | None:
        """Return the moment. Raises ValidationError for what is none, or lies outside the years 1 to 9999."""
        moment = super().clean(value)
        try:
            return None if moment is None else moment.astimezone(UTC)
        except OverflowError:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from None


class MomentFilter(django_filters.IsoDateTimeFilter):
    """By a moment, written in ISO 8601: 2008-09-15T10:30:00+02:00."""

    field_class = _MomentField


class ParticipantListFilter(FilterSet):
    """Participants by role and code."""

    q = django_filters.CharFilter(
        field_name="code",
        lookup_expr="istartswith",
        max_length=12,
        label="Code",
        help_text="Beginning of the code.",
    )
    role = django_filters.ChoiceFilter(choices=ParticipantRole.choices, label="Role")
    active = BooleanFilter(field_name="active", label="Active")


class SecurityListFilter(FilterSet):
    """Securities by type, currency, ISIN and symbol."""

    q = django_filters.CharFilter(
        method="filter_code", max_length=24, label="Code", help_text="Beginning of the ISIN or the symbol."
    )
    security_type = django_filters.ChoiceFilter(choices=SecurityType.choices, label="Type")
    currency = CurrencyFilter("currency_id", label="Currency")
    active = BooleanFilter(field_name="active", label="Active")

    def filter_code(self, queryset: QuerySet[Security], name: str, value: str) -> QuerySet[Security]:
        """Keep securities whose ISIN or symbol begins with the value."""
        return queryset.filter(Q(code__istartswith=value) | Q(symbol__istartswith=value))


class CurrencyListFilter(FilterSet):
    """Currencies by code."""

    q = django_filters.CharFilter(
        field_name="code", lookup_expr="istartswith", max_length=3, label="Code", help_text="Beginning of the code."
    )


class ProposalFilter(FilterSet):
    """Proposals by state, kind, subject and who made them."""

    status = django_filters.MultipleChoiceFilter(
        choices=[(state.value, state.title()) for state in ProposalStatus], label="Status"
    )
    kind = django_filters.CharFilter(field_name="kind", max_length=32, label="Kind")
    subject = django_filters.CharFilter(field_name="subject", max_length=40, label="Subject")
    participant = ParticipantFilter("participant_id", label="Participant")
    proposed_by = django_filters.CharFilter(field_name="proposed_by", max_length=150, label="Proposed by")
