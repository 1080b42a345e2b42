"""Addresses of clearing in the API."""

from django.urls import path

from clearing.api import views

urlpatterns = [
    path("clearing/exposures", views.ExposureReport.as_view(), name="api-exposures"),
    path("clearing/netting-runs", views.NettingRunList.as_view(), name="api-netting-runs"),
    path("clearing/obligations", views.ObligationList.as_view(), name="api-obligations"),
]
