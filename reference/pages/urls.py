"""Addresses of the pages of reference data."""

from django.urls import path

from reference.pages import approvals, keys, market, stream

urlpatterns = [
    path("approvals/", approvals.approvals, name="approvals"),
    path("approvals/<uuid:public_id>/<slug:step>/", approvals.decide, name="approval-step"),
    path("keys/", keys.keys, name="keys"),
    path("keys/new/", keys.new_key, name="key-new"),
    path("keys/unlock/", keys.unlock, name="login-unlock"),
    path("keys/<str:client_id>/rotate/", keys.rotate, name="key-rotate"),
    path("keys/<str:client_id>/revoke/", keys.revoke, name="key-revoke"),
    path("market/", market.market, name="market"),
    path("market/upload/", market.market_upload, name="market-upload"),
    path("market/<str:isin>/", market.market_security, name="market-security"),
    path("stream/quotes", stream.stream_quotes, name="stream-quotes"),
]
