"""The CCP in Django's admin: for inspection."""

from django.contrib import admin

from clearing.models import NettingRun, Novation, Obligation
from reference.admin_pages import FactAdmin


@admin.register(NettingRun)
class NettingRunAdmin(FactAdmin):
    """Netting runs."""

    list_display = ["id", "business_date", "settlement_date", "ran_at", "contracts", "obligations"]


@admin.register(Novation)
class NovationAdmin(FactAdmin):
    """Matches that became two contracts against the CCP."""

    list_display = ["match", "settlement_date", "novated_at", "netting_run", "cancelled_at"]
    list_select_related = ["match", "netting_run"]


@admin.register(Obligation)
class ObligationAdmin(FactAdmin):
    """What accounts owe and are owed."""

    list_display = ["id", "kind", "account", "counterparty_account", "security", "quantity_units", "cash_minor",
                    "currency", "settlement_date", "discharged_at", "cancelled_at"]  # fmt: skip
    list_filter = ["kind", ("discharged_at", admin.EmptyFieldListFilter)]
    list_select_related = ["account", "counterparty_account", "security", "currency"]
