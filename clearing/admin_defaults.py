"""Defaults in Django's admin: for inspection. Sealed bids are not shown."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from clearing.models import (
    AuctionLot,
    Bid,
    CaseCall,
    CaseHedge,
    CaseMovement,
    CaseStep,
    DefaultCase,
    DefaultDrill,
    LotPosition,
    Porting,
    WaterfallUse,
)
from clearing.queries.defaults import unsealed_bids
from reference.admin_pages import FactAdmin
from reference.core.actor import SYSTEM


@admin.register(DefaultCase)
class DefaultCaseAdmin(FactAdmin):
    """Defaults of clearing members."""

    list_display = ["id", "member", "status", "reason", "proposed_by", "declared_by", "declared_at", "closed_at"]
    list_filter = ["status"]
    list_select_related = ["member"]


@admin.register(CaseStep)
class CaseStepAdmin(FactAdmin):
    """What was done in a default case."""

    list_display = ["id", "case", "action", "status", "summary", "done_by", "at"]


@admin.register(CaseHedge)
class CaseHedgeAdmin(FactAdmin):
    """Hedges of a defaulter's positions."""

    list_display = ["id", "case", "counterparty", "security", "quantity_units", "currency", "cost_minor", "at"]
    list_select_related = ["counterparty", "security", "currency"]


@admin.register(CaseCall)
class CaseCallAdmin(FactAdmin):
    """Calls that a default concerns."""

    list_display = ["id", "case", "call"]
    list_select_related = ["case", "call"]


@admin.register(CaseMovement)
class CaseMovementAdmin(FactAdmin):
    """Money that moved because of a default."""

    list_display = ["id", "case", "kind", "currency", "member", "amount_minor", "text", "at"]
    list_select_related = ["currency", "member"]


@admin.register(WaterfallUse)
class WaterfallUseAdmin(FactAdmin):
    """What each layer had and bore."""

    list_display = ["id", "case", "currency", "layer", "member", "available_minor", "used_minor"]
    list_select_related = ["currency", "member"]


@admin.register(AuctionLot)
class AuctionLotAdmin(FactAdmin):
    """Lots of a defaulter's positions."""

    list_display = ["id", "case", "number", "name", "currency", "worth_minor", "gross_minor", "status", "deadline"]
    list_select_related = ["currency"]


@admin.register(LotPosition)
class LotPositionAdmin(FactAdmin):
    """Positions of a lot."""

    list_display = ["id", "lot", "account", "security", "quantity_units", "cash_minor", "mark_minor"]
    list_select_related = ["account", "security"]


@admin.register(Bid)
class BidAdmin(FactAdmin):
    """Bids on lots that are closed; a sealed one is not shown, to nobody."""

    list_display = ["id", "lot", "member", "price_minor", "made_by", "at"]
    list_select_related = ["lot", "member"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Bid]:
        """Return the bids that may be read."""
        return unsealed_bids(actor=SYSTEM).order_by("-pk")


@admin.register(Porting)
class PortingAdmin(FactAdmin):
    """Clients of a defaulter that were offered to another member."""

    list_display = ["id", "case", "client", "to_member", "status", "offered_by", "answered_by", "answered_at"]
    list_select_related = ["client", "to_member"]


@admin.register(DefaultDrill)
class DefaultDrillAdmin(FactAdmin):
    """Defaults that were played through and rolled back."""

    list_display = ["id", "member", "played_by", "at"]
    list_select_related = ["member"]
