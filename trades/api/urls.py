"""Addresses of trades in the API; one trade with its whole life is on the top floor."""

from django.urls import path

from trades.api.views import trades as views

urlpatterns = [
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
]
