"""Addresses of reference data in the API."""

from django.urls import path

from reference.api import key_views, market_views, proposals, static_data, token_views, views
from reference.api.crud import static_paths

urlpatterns = [
    path("auth/token", token_views.TokenIssue.as_view(), name="api-auth-token"),
    path("auth/refresh", token_views.TokenRefresh.as_view(), name="api-auth-refresh"),
    path("auth/revoke", token_views.TokenRevoke.as_view(), name="api-auth-revoke"),
    path("keys", key_views.KeyList.as_view(), name="api-keys"),
    path("keys/<str:client_id>", key_views.KeyDetail.as_view(), name="api-key"),
    path("keys/<str:client_id>/rotate", key_views.KeyRotate.as_view(), name="api-key-rotate"),
    path("keys/<str:client_id>/revoke", key_views.KeyRevoke.as_view(), name="api-key-revoke"),
    path("login-waits", key_views.LoginWaitList.as_view(), name="api-login-waits"),
    path("login-waits/end", key_views.LoginUnlock.as_view(), name="api-login-waits-end"),
    path("market-data/quotes", market_views.QuoteList.as_view(), name="api-market-quotes"),
    path("market-data/quotes/latest", market_views.LastQuoteList.as_view(), name="api-market-last-quotes"),
    path("market-data/prices", market_views.DailyPriceList.as_view(), name="api-market-prices"),
    path("market-data/exchange-rates", market_views.ExchangeRateList.as_view(), name="api-market-exchange-rates"),
    path("participants", views.ParticipantList.as_view(), name="api-participants"),
    path("participants/<str:key>", views.ParticipantDetail.as_view(), name="api-participant"),
    path("securities", views.SecurityList.as_view(), name="api-securities"),
    path("securities/<str:code>", views.SecurityDetail.as_view(), name="api-security"),
    *static_paths(noun=static_data.PARTICIPANTS),
    *static_paths(noun=static_data.BROKERS),
    *static_paths(noun=static_data.INSTRUMENTS),
    *static_paths(noun=static_data.CURRENCIES),
    path("proposals", proposals.ProposalList.as_view(), name="api-proposals"),
    path("proposals/<uuid:public_id>", proposals.ProposalDetail.as_view(), name="api-proposal"),
    path("proposals/<uuid:public_id>/approve", proposals.ProposalApprove.as_view(), name="api-proposal-approve"),
    path("proposals/<uuid:public_id>/reject", proposals.ProposalReject.as_view(), name="api-proposal-reject"),
    path("proposals/<uuid:public_id>/withdraw", proposals.ProposalWithdraw.as_view(), name="api-proposal-withdraw"),
]
