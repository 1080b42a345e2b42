"""The CCP in Django's admin: for inspection."""

from django.contrib import admin

import clearing.admin_defaults  # Registers its pages.
import clearing.admin_derivatives  # Registers its pages.
import clearing.admin_margin  # noqa: F401  # Registers its pages.
from clearing.models import (
    BacktestDay,
    CallPayment,
    CarriedContract,
    CollateralMovement,
    FactorExposure,
    FundContribution,
    FundParameters,
    FundSizing,
    MarginCall,
    Membership,
    NettingRun,
    Novation,
    Obligation,
    StressLoss,
    StressScenario,
    StressShock,
)
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


@admin.register(CarriedContract)
class CarriedContractAdmin(FactAdmin):
    """Positions that enter netting without a trade."""

    list_display = ["id", "cause", "cause_id", "account", "security", "quantity_units", "cash_minor", "currency",
                    "settlement_date", "netting_run"]  # fmt: skip
    list_filter = ["cause"]
    list_select_related = ["account", "security", "currency", "netting_run"]


@admin.register(Membership)
class MembershipAdmin(FactAdmin):
    """Clearing members and the CCP's accounts in their names."""

    ordering = ["member__code"]
    list_display = ["member", "group_name", "status", "im_cash", "im_securities", "fund_cash", "joined_on"]
    list_filter = ["status"]
    list_select_related = ["member", "im_cash", "im_securities", "fund_cash"]


@admin.register(CollateralMovement)
class CollateralMovementAdmin(FactAdmin):
    """What went into collateral and out of it."""

    list_display = ["id", "member", "currency", "asset", "amount", "kind", "replaces", "ordered_by", "at"]
    list_filter = ["kind"]
    list_select_related = ["member", "currency", "asset", "replaces"]


@admin.register(MarginCall)
class MarginCallAdmin(FactAdmin):
    """What members are called for."""

    list_display = ["id", "member", "currency", "kind", "amount_minor", "paid_minor", "status", "called_at", "deadline",
                    "paid_at", "run"]  # fmt: skip
    list_filter = ["kind", "status"]
    list_select_related = ["member", "currency", "run"]


@admin.register(CallPayment)
class CallPaymentAdmin(FactAdmin):
    """Payments of margin calls."""

    list_display = ["id", "call", "amount_minor", "business_date", "at"]
    list_select_related = ["call"]


@admin.register(BacktestDay)
class BacktestDayAdmin(FactAdmin):
    """Margins against what portfolios then made or lost."""

    list_display = ["business_date", "horizon_days", "account", "currency", "margin_minor", "pnl_minor", "breach"]
    list_filter = ["breach", "horizon_days"]
    list_select_related = ["account", "currency"]


@admin.register(StressScenario)
class StressScenarioAdmin(FactAdmin):
    """Stress scenarios."""

    list_display = ["code", "name", "kind", "from_date", "to_date"]
    list_filter = ["kind"]


@admin.register(StressShock)
class StressShockAdmin(FactAdmin):
    """Assumed moves of scenarios."""

    list_display = ["scenario", "factor", "security", "move_bp"]
    list_select_related = ["scenario", "security"]


@admin.register(FactorExposure)
class FactorExposureAdmin(FactAdmin):
    """Which factor a security follows in stress."""

    list_display = ["security", "factor", "sensitivity_percent"]
    list_filter = ["factor"]
    list_select_related = ["security"]


@admin.register(StressLoss)
class StressLossAdmin(FactAdmin):
    """What members would lose beyond margin."""

    list_display = ["run", "scenario", "member", "currency", "loss_minor", "margin_minor", "uncovered_minor"]
    list_select_related = ["run", "scenario", "member", "currency"]


@admin.register(FundParameters)
class FundParametersAdmin(FactAdmin):
    """How the default fund is sized."""

    list_display = ["valid_from", "lookback_days", "buffer_percent", "least_minor", "least_contribution_minor",
                    "thin_percent"]  # fmt: skip


@admin.register(FundSizing)
class FundSizingAdmin(FactAdmin):
    """Sizes of the default fund."""

    list_display = ["business_date", "currency", "reason", "cover_two_minor", "largest_minor", "own_resources_minor",
                    "size_minor"]  # fmt: skip
    list_filter = ["reason"]
    list_select_related = ["currency"]


@admin.register(FundContribution)
class FundContributionAdmin(FactAdmin):
    """Contributions to the default fund."""

    list_display = ["sizing", "member", "contribution_minor", "held_minor", "called_minor", "returned_minor"]
    list_select_related = ["sizing", "member"]
