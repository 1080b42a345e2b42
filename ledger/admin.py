"""Accounts, balances and the journal in Django's admin: for inspection."""

from django.contrib import admin
from unfold.admin import TabularInline

from ledger.models import Account, Balance, JournalEntry, Posting
from reference.admin_pages import FactAdmin


@admin.register(Account)
class AccountAdmin(FactAdmin):
    """Accounts."""

    list_display = ["code", "participant", "kind", "name", "linked_cash", "limit_minor"]
    list_filter = ["kind"]
    list_select_related = ["participant", "linked_cash"]
    search_fields = ["code__startswith"]
    ordering = ["code"]


@admin.register(Balance)
class BalanceAdmin(FactAdmin):
    """What each account holds; moved by postings only."""

    list_display = ["account", "asset", "balance", "floor"]
    list_filter = ["asset__kind"]
    list_select_related = ["account", "asset"]
    search_fields = ["account__code__startswith", "asset__code__exact"]


class PostingInline(TabularInline):  # type: ignore[misc]
    """The lines of an entry."""

    model = Posting
    extra = 0
    fields = ["account", "asset", "amount"]
    can_delete = False
    show_change_link = False

    def has_add_permission(self, request: object, obj: object = None) -> bool:
        """Offer no addition."""
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:
        """Offer no change."""
        return False


@admin.register(JournalEntry)
class JournalEntryAdmin(FactAdmin):
    """Balanced sets of postings."""

    list_display = ["id", "source", "source_id", "business_date", "at", "recorded_at"]
    search_fields = ["source__exact", "source_id__exact"]
    inlines = [PostingInline]


@admin.register(Posting)
class PostingAdmin(FactAdmin):
    """The lines of the journal."""

    list_display = ["id", "entry", "account", "asset", "amount", "business_date"]
    list_select_related = ["entry", "account", "asset"]
    search_fields = ["account__code__exact", "asset__code__exact"]
