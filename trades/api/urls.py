"""Addresses of trades in the API; one trade with its whole life is on the top floor."""

from django.urls import path

from reference.api.crud import static_paths
from trades.api.static_data import CLIENTS, TRADERS
from trades.api.views import best_execution, compliance, executions, orders, positions, venues
from trades.api.views import trades as views

urlpatterns = [
    *static_paths(noun=CLIENTS),
    *static_paths(noun=TRADERS),
    path("best-execution", best_execution.BestExecution.as_view(), name="api-best-execution"),
    path("execution/<uuid:public_id>", executions.OrderExecution.as_view(), name="api-order-execution"),
    path("orders", orders.OrderList.as_view(), name="api-orders"),
    path("orders/bulk", orders.OrderBulk.as_view(), name="api-orders-bulk"),
    path("orders/<uuid:public_id>/cancel", orders.OrderCancel.as_view(), name="api-order-cancel"),
    path("orders/<uuid:public_id>/replace", orders.OrderReplace.as_view(), name="api-order-replace"),
    path("positions", positions.PositionList.as_view(), name="api-positions"),
    path("positions/history", positions.PositionHistory.as_view(), name="api-positions-history"),
    path("position-limits", positions.PositionLimitList.as_view(), name="api-position-limits"),
    path(
        "position-limits/<int:pk>/retire",
        positions.PositionLimitRetirement.as_view(),
        name="api-position-limit-retire",
    ),
    path("position-alerts", positions.PositionAlertList.as_view(), name="api-position-alerts"),
    path(
        "position-alerts/<int:pk>/acknowledge",
        positions.PositionAlertAcknowledgement.as_view(),
        name="api-position-alert-acknowledge",
    ),
    path("trades", views.TradeList.as_view(), name="api-trades"),
    path("trades/bulk", views.TradeBulk.as_view(), name="api-trades-bulk"),
    path("trades/<uuid:public_id>/cancel", views.TradeCancel.as_view(), name="api-trade-cancel"),
    path("submissions", views.SubmissionList.as_view(), name="api-submissions"),
    path("submissions/<uuid:public_id>", views.SubmissionDetail.as_view(), name="api-submission"),
    path(
        "submissions/<uuid:public_id>/refused-lines",
        views.RefusedLineList.as_view(),
        name="api-submission-refused-lines",
    ),
    path("venues", venues.VenueList.as_view(), name="api-venues"),
    path("venues/<str:mic>", venues.VenueDetail.as_view(), name="api-venue"),
    path("venues/<str:mic>/books/<str:isin>", venues.VenueBookDetail.as_view(), name="api-venue-book"),
    path(
        "venues/<str:mic>/books/<str:isin>/executions",
        venues.VenueExecutionList.as_view(),
        name="api-venue-executions",
    ),
    path("trades/<uuid:public_id>/enrichment", compliance.TradeEnrichmentDetail.as_view(), name="api-trade-enrichment"),
    path("compliance/alerts", compliance.AlertList.as_view(), name="api-compliance-alerts"),
    path("compliance/alerts/<int:pk>", compliance.AlertDetail.as_view(), name="api-compliance-alert"),
    path("compliance/rules", compliance.RuleList.as_view(), name="api-compliance-rules"),
    path("compliance/rules/<str:code>", compliance.RuleDetail.as_view(), name="api-compliance-rule"),
    path("compliance/restricted", compliance.RestrictedList.as_view(), name="api-compliance-restricted"),
    path("compliance/restricted/<int:pk>/end", compliance.RestrictionEnd.as_view(), name="api-restriction-end"),
]
