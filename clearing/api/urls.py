"""Addresses of clearing in the API."""

from django.urls import path

from clearing.api.views import netting

urlpatterns = [
    path("clearing/exposures", netting.ExposureReport.as_view(), name="api-exposures"),
    path("clearing/netting-runs", netting.NettingRunList.as_view(), name="api-netting-runs"),
    path("clearing/obligations", netting.ObligationList.as_view(), name="api-obligations"),
]
