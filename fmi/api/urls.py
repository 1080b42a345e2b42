"""Every address of the API, version 1."""

from django.urls import include, path

from fmi.api import clearing_views, operations_views, order_views, views

urlpatterns = [
    path("modules", operations_views.ModuleList.as_view(), name="api-modules"),
    path("trades/<uuid:public_id>", views.TradeDetail.as_view(), name="api-trade"),
    path("orders/<uuid:public_id>", order_views.OrderDetail.as_view(), name="api-order"),
    path("settlement/instructions/<uuid:public_id>", views.InstructionDetail.as_view(), name="api-instruction"),
    path("", include("trades.api.urls")),
    path("", include("clearing.api.urls")),
    path("", include("settlement.api.urls")),
    path("", include("ledger.api.urls")),
    path("", include("events.api.urls")),
    path("", include("reference.api.urls")),
    # Last: any other word after clearing/ or settlement/ names a trade.
    path("clearing/<str:trade_id>", clearing_views.TradeClearingDetail.as_view(), name="api-trade-clearing"),
    path("settlement/<str:trade_id>", views.TradeSettlementDetail.as_view(), name="api-trade-settlement"),
]
