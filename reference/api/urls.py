"""Addresses of reference data in the API."""

from django.urls import path

from reference.api import views

urlpatterns = [
    path("participants", views.ParticipantList.as_view(), name="api-participants"),
    path("participants/<str:key>", views.ParticipantDetail.as_view(), name="api-participant"),
    path("securities", views.SecurityList.as_view(), name="api-securities"),
    path("securities/<str:code>", views.SecurityDetail.as_view(), name="api-security"),
]
