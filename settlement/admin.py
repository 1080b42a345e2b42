"""The CSD in Django's admin: the schedule is edited, all else is inspected."""

from django.contrib import admin

from reference.admin import KeptAdmin
from reference.admin_pages import FactAdmin
from settlement.models import Attempt, BusinessDay, Cycle, DayStep, Instruction, ScheduledStep


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
