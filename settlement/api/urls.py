"""Addresses of settlement in the API; one instruction with its whole life is on the top floor."""

from django.urls import path

from settlement.api import views

urlpatterns = [
    path("settlement/instructions", views.InstructionList.as_view(), name="api-instructions"),
    path(
        "settlement/instructions/<uuid:public_id>/hold",
        views.InstructionHold.as_view(),
        name="api-instruction-hold",
    ),
    path(
        "settlement/instructions/<uuid:public_id>/release",
        views.InstructionRelease.as_view(),
        name="api-instruction-release",
    ),
    path("settlement/cycles", views.CycleList.as_view(), name="api-cycles"),
    path("business-day", views.BusinessDayDetail.as_view(), name="api-business-day"),
]
