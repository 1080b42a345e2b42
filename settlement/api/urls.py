"""Addresses of settlement in the API; one instruction with its whole life is on the top floor."""

from django.urls import path

from settlement.api.views import (
    comparisons,
    corporate_actions,
    credit,
    cycles,
    day,
    instruction_actions,
    instructions,
    party_instructions,
    penalties,
)

urlpatterns = [
    path("settlement/instructions", instructions.InstructionList.as_view(), name="api-instructions"),
    path(
        "settlement/instructions/<uuid:public_id>/hold",
        instruction_actions.InstructionHold.as_view(),
        name="api-instruction-hold",
    ),
    path(
        "settlement/instructions/<uuid:public_id>/release",
        instruction_actions.InstructionRelease.as_view(),
        name="api-instruction-release",
    ),
    path(
        "settlement/instructions/<uuid:public_id>/cancel",
        instruction_actions.InstructionCancel.as_view(),
        name="api-instruction-cancel",
    ),
    path(
        "settlement/instructions/<uuid:public_id>/links",
        instruction_actions.InstructionLinks.as_view(),
        name="api-instruction-links",
    ),
    path(
        "settlement/party-instructions",
        party_instructions.PartyInstructionList.as_view(),
        name="api-party-instructions",
    ),
    path(
        "settlement/party-instructions/<uuid:public_id>",
        party_instructions.PartyInstructionDetail.as_view(),
        name="api-party-instruction",
    ),
    path(
        "settlement/party-instructions/<uuid:public_id>/hold",
        party_instructions.PartyInstructionHold.as_view(),
        name="api-party-instruction-hold",
    ),
    path(
        "settlement/party-instructions/<uuid:public_id>/release",
        party_instructions.PartyInstructionRelease.as_view(),
        name="api-party-instruction-release",
    ),
    path(
        "settlement/party-instructions/<uuid:public_id>/cancel",
        party_instructions.PartyInstructionCancel.as_view(),
        name="api-party-instruction-cancel",
    ),
    path(
        "settlement/party-instructions/<uuid:public_id>/links",
        party_instructions.PartyInstructionLinks.as_view(),
        name="api-party-instruction-links",
    ),
    path("settlement/allegements", party_instructions.AllegementList.as_view(), name="api-allegements"),
    path("settlement/exchanges", party_instructions.ExchangeList.as_view(), name="api-exchanges"),
    path("settlement/comparisons", comparisons.ComparisonList.as_view(), name="api-comparisons"),
    path("settlement/comparisons/<int:pk>", comparisons.ComparisonDetail.as_view(), name="api-comparison"),
    path("settlement/credit", credit.CreditList.as_view(), name="api-credit"),
    path("settlement/credit-lines", credit.CreditLineList.as_view(), name="api-credit-lines"),
    path("settlement/cycles", cycles.CycleList.as_view(), name="api-cycles"),
    path("business-day", day.BusinessDayDetail.as_view(), name="api-business-day"),
    path("business-day/step", day.BusinessDayStep.as_view(), name="api-business-day-step"),
    path("business-day/pause", day.BusinessDayPause.as_view(), name="api-business-day-pause"),
    path("business-day/resume", day.BusinessDayResume.as_view(), name="api-business-day-resume"),
    path("business-day/outage", day.OutageDeclaration.as_view(), name="api-outage"),
    path("business-day/outage/end", day.OutageEnd.as_view(), name="api-outage-end"),
    path("settlement/corporate-actions", corporate_actions.CorporateActionList.as_view(), name="api-corporate-actions"),
    path(
        "settlement/corporate-actions/<int:pk>",
        corporate_actions.CorporateActionDetail.as_view(),
        name="api-corporate-action",
    ),
    path(
        "settlement/corporate-actions/<int:pk>/cancel",
        corporate_actions.CorporateActionCancel.as_view(),
        name="api-corporate-action-cancel",
    ),
    path(
        "settlement/corporate-actions/<int:pk>/entitlements",
        corporate_actions.EntitlementList.as_view(),
        name="api-entitlements",
    ),
    path(
        "settlement/corporate-actions/<int:pk>/claims",
        corporate_actions.MarketClaimList.as_view(),
        name="api-market-claims",
    ),
    path("settlement/penalties", penalties.PenaltyList.as_view(), name="api-penalties"),
    path("settlement/penalties/correct", penalties.PenaltyCorrection.as_view(), name="api-penalties-correct"),
    path("settlement/penalty-statement", penalties.PenaltyStatement.as_view(), name="api-penalty-statement"),
]
