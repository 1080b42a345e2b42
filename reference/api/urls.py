"""Addresses of reference data in the API."""

from django.urls import path

from reference.api import market_views, proposals, static_data, views
from reference.api.crud import static_paths

urlpatterns = [
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
