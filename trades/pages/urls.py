"""Addresses of the pages of orders, venues, market and what stands around them."""

from django.urls import URLPattern, path

from trades.pages import (
    best_execution,
    clients,
    compliance,
    compliance_new,
    order_acts,
    order_entry,
    orders,
    positions,
    static_data,
    venues,
)

urlpatterns: list[URLPattern] = [
    path("orders/", orders.orders, name="orders"),
    path("orders/new/", order_entry.enter, name="order-new"),
    path("orders/<uuid:public_id>/cancel/", order_acts.cancel, name="order-cancel"),
    path("orders/<uuid:public_id>/replace/", order_acts.replace, name="order-replace"),
    path("best-execution/", best_execution.best_execution, name="best-execution"),
    path("positions/", positions.positions, name="positions"),
    path("positions/limits/", positions.limits, name="position-limits"),
    path("positions/limits/set/", positions.limit_set, name="position-limit-set"),
    path("positions/limits/<int:pk>/retire/", positions.limit_retire, name="position-limit-retire"),
    path("positions/alerts/acknowledge/", positions.alerts_acknowledge, name="position-alerts-acknowledge"),
    path("positions/alerts/<int:pk>/acknowledge/", positions.alert_acknowledge, name="position-alert-acknowledge"),
    path("positions/<str:account>/<str:isin>/", positions.position, name="position"),
    path("venues/", venues.venues, name="venues"),
    path("venues/<str:mic>/", venues.venue, name="venue"),
    path("venues/<str:mic>/<str:isin>/", venues.book, name="venue-book"),
    path("clients/", clients.clients, name="clients"),
    path("clients/<str:code>/", clients.client, name="client"),
    path("static-data/", static_data.static_data, name="static-data"),
    path("static-data/<slug:plural>/", static_data.static_list, name="static-list"),
    path("static-data/<slug:plural>/new/", static_data.static_new, name="static-new"),
    path("static-data/<slug:plural>/<str:key>/", static_data.static_detail, name="static-detail"),
    path("static-data/<slug:plural>/<str:key>/leave/", static_data.static_leave, name="static-leave"),
    path("compliance/", compliance.alerts, name="compliance"),
    path("compliance/alerts/<int:pk>/", compliance.step_alert, name="compliance-alert"),
    path("compliance/rules/", compliance.rules, name="compliance-rules"),
    path("compliance/rules/new/", compliance_new.rule_new, name="compliance-rule-new"),
    path("compliance/rules/<str:code>/", compliance.rule, name="compliance-rule"),
    path("compliance/restricted/", compliance.restricted, name="restricted"),
    path("compliance/restricted/<int:pk>/end/", compliance.end_restricted, name="restricted-end"),
]
