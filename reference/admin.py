"""Reference data in Django's admin: edited where it may change, shown where it is a fact."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from reference import admin_logins, admin_market_data  # noqa: F401 (register themselves)
from reference.admin_pages import AuditedAdmin
from reference.models import (
    ApiKey,
    Asset,
    BusinessClock,
    Calendar,
    Currency,
    DailyPrice,
    Holiday,
    Membership,
    Participant,
    Proposal,
    ReferenceVersion,
    Security,
    SignedRequest,
    StoredAnswer,
    TokenFamily,
)


class KeptAdmin(AuditedAdmin):
    """Rows that may change but never vanish: the database refuses to delete them."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Offer no deletion."""
        return False


class ReadOnlyAdmin(KeptAdmin):
    """Rows that the admin only shows."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Offer no addition."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Offer no change."""
        return False


class NamesAdmin(KeptAdmin):
    """Rows that are added here, and then change their names only: the rest takes two persons, on the pages."""

    names: tuple[str, ...] = ("name",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return all but the names of a row that is there."""
        if obj is None:
            return ()
        own = (*self.names, *(self.exclude or ()))
        columns = self.model._meta.fields  # noqa: SLF001 (Django documents it)
        return tuple(column.name for column in columns if column.editable and column.name not in own)


@admin.register(Calendar)
class CalendarAdmin(KeptAdmin):
    """Calendars."""

    list_display = ["code", "name", "financial_code"]
    search_fields = ["code", "name"]


@admin.register(Holiday)
class HolidayAdmin(AuditedAdmin):
    """Holidays; one that is announced late is added here."""

    list_display = ["date", "calendar", "name"]
    list_filter = ["calendar"]
    search_fields = ["name"]
    date_hierarchy = "date"


@admin.register(Asset)
class AssetAdmin(ReadOnlyAdmin):
    """All assets, for looking up; they are edited as currencies or securities."""

    list_display = ["code", "kind", "name", "digits"]
    list_filter = ["kind"]
    search_fields = ["code", "name"]


@admin.register(Currency)
class CurrencyAdmin(NamesAdmin):
    """Currencies and their matching tolerances."""

    list_display = [
        "code",
        "name",
        "calendar",
        "tolerance_band_minor",
        "tolerance_below_minor",
        "tolerance_above_minor",
    ]
    list_select_related = ["calendar"]
    search_fields = ["code", "name"]
    exclude = ["kind"]


@admin.register(Security)
class SecurityAdmin(NamesAdmin):
    """Securities."""

    names = ("name", "issuer_name")
    list_display = [
        "code",
        "symbol",
        "name",
        "security_type",
        "currency",
        "settlement_lag_days",
        "lot_size_units",
        "maturity_date",
        "liquid",
        "active",
    ]
    list_filter = ["security_type", "issuer_sector", "currency", "active", "liquid"]
    list_select_related = ["currency"]
    search_fields = ["code", "symbol", "name", "issuer_name"]
    exclude = ["kind", "digits"]


@admin.register(Participant)
class ParticipantAdmin(NamesAdmin):
    """Participants."""

    list_display = ["code", "name", "role", "clearing_member", "lei", "bic", "active"]
    list_filter = ["role", "active"]
    list_select_related = ["clearing_member"]
    search_fields = ["code", "name", "lei", "bic"]


@admin.register(DailyPrice)
class DailyPriceAdmin(ReadOnlyAdmin):
    """Daily prices: facts."""

    list_display = ["date", "security", "open", "high", "low", "close", "volume"]
    list_filter = ["security__security_type"]
    list_select_related = ["security"]
    search_fields = ["security__code", "security__symbol"]
    date_hierarchy = "date"


@admin.register(BusinessClock)
class BusinessClockAdmin(ReadOnlyAdmin):
    """The business clock; the day's schedule moves it."""

    list_display = ["business_date", "at", "ticked_at", "seconds_per_day", "running"]


@admin.register(Membership)
class MembershipAdmin(AuditedAdmin):
    """Which login acts for whom."""

    list_display = ["user", "role", "participant"]
    list_filter = ["role"]
    list_select_related = ["user", "participant"]
    search_fields = ["user__username", "participant__code"]


@admin.register(Proposal)
class ProposalAdmin(ReadOnlyAdmin):
    """Changes that wait for, or had, a second person: decided on the page of approvals and in the API."""

    list_display = ["kind", "subject", "summary", "status", "proposed_by", "proposed_at", "expires_at", "decided_by",
                    "decided_at"]  # fmt: skip
    list_filter = ["status", "kind"]
    search_fields = ["subject__startswith", "proposed_by__exact", "public_id__exact"]


@admin.register(StoredAnswer)
class StoredAnswerAdmin(ReadOnlyAdmin):
    """What POSTs with an Idempotency-Key were answered in the last day."""

    list_display = ["key", "client", "status", "created_at"]
    list_filter = ["status"]
    search_fields = ["key__exact", "client__exact"]
    fields = ["client", "key", "status", "headers", "created_at"]


@admin.register(SignedRequest)
class SignedRequestAdmin(ReadOnlyAdmin):
    """Nonces that keys have used in the last minutes."""

    list_display = ["nonce", "key", "created_at"]
    list_select_related = ["key"]
    search_fields = ["nonce__exact", "key__client_id__exact"]


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Keys of programs, without their secrets: made, rotated and revoked on the page of API keys."""

    list_display = ["client_id", "name", "owner", "created_at", "expires_at", "revoked_at", "last_used_at"]
    list_select_related = ["owner"]
    search_fields = ["client_id__exact", "name", "owner__username__exact"]


@admin.register(TokenFamily)
class TokenFamilyAdmin(ReadOnlyAdmin):
    """What tokens keys were given in the last days; no token is kept."""

    list_display = ["sid", "secret", "created_at", "expires_at", "revoked_at", "revoked_because"]
    list_filter = ["revoked_because"]
    search_fields = ["sid__exact", "secret__key__client_id__exact"]


@admin.register(ReferenceVersion)
class ReferenceVersionAdmin(ReadOnlyAdmin):
    """The stamp that tells processes to read the reference data again."""

    list_display = ["stamp"]
