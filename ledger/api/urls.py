"""Addresses of the ledger in the API."""

from django.urls import path

from ledger.api import views
from ledger.api.static_data import ACCOUNTS
from reference.api.crud import static_paths

urlpatterns = [
    path("accounts", views.AccountList.as_view(), name="api-accounts"),
    path("accounts/<str:key>", views.AccountDetail.as_view(), name="api-account"),
    path("accounts/<str:key>/statement", views.Statement.as_view(), name="api-statement"),
    path("positions/<str:key>", views.Positions.as_view(), name="api-positions"),
    path("trial-balance", views.TrialBalance.as_view(), name="api-trial-balance"),
    *static_paths(noun=ACCOUNTS),
]
