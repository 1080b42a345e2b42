"""Addresses of the audit log in the API."""

from django.urls import path

from events.api import views

urlpatterns = [path("audit", views.AuditList.as_view(), name="api-audit")]
