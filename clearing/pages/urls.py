"""Addresses of the pages of clearing and risk."""

from django.urls import path

from clearing.pages import efficiency, netting

urlpatterns = [
    path("netting/", netting.netting, name="netting"),
    path("netting/exposures/", netting.exposures, name="exposures"),
    path("netting/efficiency/", efficiency.efficiency, name="netting-efficiency"),
]
