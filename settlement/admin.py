"""The CSD in Django's admin: the schedule is edited, all else is inspected."""

from django.contrib import admin

from reference.admin import KeptAdmin
from reference.admin_pages import FactAdmin
from settlement.models import (
    Attempt,
    BusinessDay,
    BuyIn,
    CollateralHaircut,
    CollateralPledge,
    CorporateAction,
    CreditDraw,
    CreditLine,
    Cycle,
    DayOrder,
    DayStep,
    DryRun,
    Entitlement,
    Instruction,
    InstructionLink,
    LastTry,
    MarketClaim,
    Outage,
    PartialSettlement,
    PartyInstruction,
    PartyLink,
    Penalty,
    PenaltyPayment,
    PenaltyRate,
    PenaltyRun,
    ScheduledStep,
)


@admin.register(ScheduledStep)
class ScheduledStepAdmin(KeptAdmin):
    """The business day's schedule: times and which steps are active may change."""

    list_display = ["code", "name", "phase", "action", "day_offset", "time_of_day", "active"]
    list_filter = ["action", "active"]
    search_fields = ["code", "name"]


@admin.register(BusinessDay)
class BusinessDayAdmin(FactAdmin):
    """Business days and their reports."""

    list_display = ["business_date", "opened_at", "closed_at"]


@admin.register(DayStep)
class DayStepAdmin(FactAdmin):
    """The schedule against what happened."""

    list_display = ["business_day", "step", "planned_at", "done_at", "took_ms"]
    list_select_related = ["business_day", "step"]


@admin.register(Cycle)
class CycleAdmin(FactAdmin):
    """Settlement cycles."""

    list_display = ["business_date", "number", "name", "ran_at", "considered", "settled", "lack", "mony", "held",
                    "decided_in_ms", "took_ms"]  # fmt: skip


@admin.register(Instruction)
class InstructionAdmin(FactAdmin):
    """Settlement instructions."""

    list_display = ["id", "status", "reason", "deliverer_account", "receiver_account", "security",
                    "quantity_units", "cash_minor", "currency", "intended_date", "cycle"]  # fmt: skip
    list_filter = ["status", "reason", "source", "priority"]
    list_select_related = ["deliverer_account", "receiver_account", "security", "currency", "cycle"]
    search_fields = ["public_id__exact", "reference__exact"]
    raw_id_fields = ["cycle"]


@admin.register(Attempt)
class AttemptAdmin(FactAdmin):
    """Cycles that could not settle an instruction."""

    list_display = ["instruction", "cycle", "reason", "short_account", "short_asset", "shortfall"]
    list_filter = ["reason"]
    list_select_related = ["instruction", "cycle", "short_account", "short_asset"]


@admin.register(PenaltyRate)
class PenaltyRateAdmin(KeptAdmin):
    """The rates of cash penalties; a new rate is a new row with its first day."""

    list_display = ["category", "currency", "valid_from", "bp_per_day"]
    list_filter = ["category"]
    list_select_related = ["currency"]


@admin.register(PenaltyRun)
class PenaltyRunAdmin(FactAdmin):
    """Each computation of a day's penalties."""

    list_display = ["business_date", "version", "switched_off", "why", "at"]


@admin.register(Penalty)
class PenaltyAdmin(FactAdmin):
    """Penalties, those of replaced runs too."""

    list_display = ["fail_date", "kind", "failing", "suffering", "reason", "category", "amount_minor", "currency"]
    list_select_related = ["failing", "suffering", "currency"]


@admin.register(PenaltyPayment)
class PenaltyPaymentAdmin(FactAdmin):
    """A month's penalties, netted."""

    list_display = ["month", "payer", "payee", "amount_minor", "currency"]
    list_select_related = ["payer", "payee", "currency"]


@admin.register(PartyInstruction)
class PartyInstructionAdmin(FactAdmin):
    """What single parties have instructed."""

    list_display = ["reference", "status", "movement", "payment", "participant", "counterparty", "security",
                    "quantity_units", "cash_minor", "currency", "intended_date", "instruction"]  # fmt: skip
    list_filter = ["status", "movement", "payment", "partial"]
    list_select_related = ["participant", "counterparty", "security", "currency", "instruction"]
    search_fields = ["public_id__exact", "reference__exact"]
    raw_id_fields = ["instruction"]


@admin.register(PartyLink)
class PartyLinkAdmin(FactAdmin):
    """Links as parties ask for them."""

    list_display = ["party_instruction", "kind", "other", "created_at", "resolved_at", "removed_at"]
    list_filter = ["kind"]
    list_select_related = ["party_instruction", "other"]
    raw_id_fields = ["party_instruction", "other"]


@admin.register(InstructionLink)
class InstructionLinkAdmin(FactAdmin):
    """Links in effect between matched instructions."""

    list_display = ["instruction", "kind", "other", "created_at", "removed_at"]
    list_filter = ["kind"]
    list_select_related = ["instruction", "other"]
    raw_id_fields = ["instruction", "other"]


@admin.register(CorporateAction)
class CorporateActionAdmin(FactAdmin):
    """Corporate actions."""

    list_display = ["id", "kind", "security", "terms", "ex_date", "record_date", "payment_date", "status"]
    list_filter = ["kind", "status"]
    list_select_related = ["security", "currency"]


@admin.register(Entitlement)
class EntitlementAdmin(FactAdmin):
    """Who is entitled to what."""

    list_display = ["action", "account", "holding_units", "amount"]
    list_select_related = ["action", "account"]


@admin.register(MarketClaim)
class MarketClaimAdmin(FactAdmin):
    """What deliverers owe receivers."""

    list_display = ["action", "instruction", "quantity_units", "amount", "business_date"]
    list_select_related = ["action", "instruction"]


@admin.register(CollateralHaircut)
class CollateralHaircutAdmin(KeptAdmin):
    """Collateral haircuts; a new haircut is a new row with its first day, 100 % where nothing is lent."""

    list_display = ["category", "valid_from", "percent"]
    list_filter = ["category"]


@admin.register(CreditLine)
class CreditLineAdmin(FactAdmin):
    """Credit lines; the page of credit changes them."""

    list_display = ["account", "currency", "limit_minor", "active"]
    list_select_related = ["account", "currency"]


@admin.register(CreditDraw)
class CreditDrawAdmin(FactAdmin):
    """Credits drawn by auto-collateralisation."""

    list_display = ["id", "line", "business_date", "at", "amount_minor", "status", "cycle"]
    list_filter = ["status"]
    list_select_related = ["line", "cycle"]


@admin.register(CollateralPledge)
class CollateralPledgeAdmin(FactAdmin):
    """What was pledged for each credit."""

    list_display = ["credit", "security", "units", "unit_value_minor"]
    list_select_related = ["credit", "security"]


@admin.register(DryRun)
class DryRunAdmin(FactAdmin):
    """Comparisons of the models of delivery versus payment."""

    list_display = ["business_date", "at", "by", "state", "progress_percent"]


@admin.register(BuyIn)
class BuyInAdmin(FactAdmin):
    """Fails ended by cash compensation."""

    list_display = ["business_date", "instruction", "failing", "suffering", "compensation_minor", "currency"]
    list_select_related = ["instruction", "failing", "suffering", "currency"]


@admin.register(PartialSettlement)
class PartialSettlementAdmin(FactAdmin):
    """Parts that settled before the rest."""

    list_display = ["instruction", "cycle", "settled_units", "settled_minor"]
    list_select_related = ["instruction", "cycle"]


@admin.register(Outage)
class OutageAdmin(FactAdmin):
    """Times in which no cycle ran; the day's page declares and ends them."""

    list_display = ["business_date", "reason", "began_at", "ended_at", "declared_by", "ended_by"]


@admin.register(DayOrder)
class DayOrderAdmin(FactAdmin):
    """Orders to move the day, and how far each came."""

    list_display = ["id", "business_date", "step", "ordered_by", "ended_at", "problem"]


@admin.register(LastTry)
class LastTryAdmin(FactAdmin):
    """What real-time settlement last tried."""

    list_display = ["business_date", "movements", "partials", "state"]
