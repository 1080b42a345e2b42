"""Derivatives in Django's admin: for inspection."""

from django.contrib import admin

from clearing.models import (
    BalanceMovement,
    Deleveraging,
    DerivativeAccount,
    DerivativeContract,
    DerivativeEvent,
    DerivativeTrade,
    FundingRound,
    Liquidation,
    MarkPrice,
    PositionChange,
)
from reference.admin_pages import FactAdmin


@admin.register(DerivativeContract)
class DerivativeContractAdmin(FactAdmin):
    """Contracts."""

    list_display = ["symbol", "kind", "currency", "expiry_date", "status", "initial_bp", "maintenance_bp"]
    list_filter = ["kind", "status"]
    list_select_related = ["currency"]


@admin.register(DerivativeAccount)
class DerivativeAccountAdmin(FactAdmin):
    """Margin accounts."""

    list_display = ["id", "participant", "currency", "purpose", "cash_account", "opened_at"]
    list_select_related = ["participant", "currency", "cash_account"]


@admin.register(DerivativeEvent)
class DerivativeEventAdmin(FactAdmin):
    """What moved the accounts, in its order."""

    list_display = ["sequence", "kind", "account", "client_id", "by", "at", "business_date"]
    list_filter = ["kind"]
    list_select_related = ["account"]


@admin.register(DerivativeTrade)
class DerivativeTradeAdmin(FactAdmin):
    """Trades."""

    list_display = ["id", "event", "contract", "cause", "buyer", "seller", "quantity_steps", "price_ticks",
                    "value_minor"]  # fmt: skip
    list_filter = ["cause"]
    list_select_related = ["event", "contract", "buyer", "seller"]


@admin.register(PositionChange)
class PositionChangeAdmin(FactAdmin):
    """What events did to positions."""

    list_display = ["id", "event", "account", "contract", "quantity_steps", "cost_minor"]
    list_select_related = ["event", "account", "contract"]


@admin.register(BalanceMovement)
class BalanceMovementAdmin(FactAdmin):
    """What events did to balances."""

    list_display = ["id", "event", "account", "kind", "amount_minor"]
    list_filter = ["kind"]
    list_select_related = ["event", "account"]


@admin.register(MarkPrice)
class MarkPriceAdmin(FactAdmin):
    """Mark prices."""

    list_display = ["id", "event", "contract", "price_ticks", "at"]
    list_select_related = ["event", "contract"]


@admin.register(FundingRound)
class FundingRoundAdmin(FactAdmin):
    """Funding rounds."""

    list_display = ["event", "contract", "funded_for", "mark_ticks", "index_ticks", "rate_ppm"]
    list_select_related = ["event", "contract"]


@admin.register(Liquidation)
class LiquidationAdmin(FactAdmin):
    """Liquidations."""

    list_display = ["event", "account", "outcome", "equity_minor", "maintenance_minor", "filled_minor", "fee_minor",
                    "covered_minor", "deleveraged_minor", "spread_minor"]  # fmt: skip
    list_filter = ["outcome"]
    list_select_related = ["event", "account"]


@admin.register(Deleveraging)
class DeleveragingAdmin(FactAdmin):
    """Who was deleveraged, and in which place."""

    list_display = ["id", "event", "contract", "account", "place", "quantity_steps", "loss_minor"]
    list_select_related = ["event", "event__event", "contract", "account"]
