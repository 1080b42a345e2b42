"""Addresses of the pages. The names are what the navigation and the templates link to."""

from django.urls import path

from clearing import pages as clearing
from events import pages as events
from fmi import pages as top
from ledger import pages as ledger
from settlement import pages as settlement
from trades import pages as trades

urlpatterns = [
    path("", top.home, name="home"),
    path("clock/", top.clock, name="clock"),
    path("trades/", trades.trades, name="trades"),
    path("trades/<uuid:public_id>/", top.trade, name="trade"),
    path("trades/<uuid:public_id>/cancel/", trades.cancel, name="trade-cancel"),
    path("unmatched/", trades.unmatched, name="unmatched"),
    path("netting/", clearing.netting, name="netting"),
    path("netting/exposures/", clearing.exposures, name="exposures"),
    path("cycles/", settlement.cycles, name="cycles"),
    path("cycles/<int:pk>/", settlement.cycle, name="cycle"),
    path("instructions/", settlement.instructions, name="instructions"),
    path("instructions/<uuid:public_id>/", top.instruction, name="instruction"),
    path("instructions/<uuid:public_id>/hold/", settlement.hold, name="instruction-hold"),
    path("instructions/<uuid:public_id>/release/", settlement.release, name="instruction-release"),
    path("ledger/", ledger.ledger, name="ledger"),
    path("ledger/trial-balance/", ledger.trial, name="trial-balance"),
    path("ledger/accounts/<str:code>/", ledger.account, name="account"),
    path("things/<slug:kind>/<int:key>/", top.thing, name="thing"),
    path("audit/", events.audit, name="audit"),
    path("upload/", trades.upload, name="upload"),
    path("upload/template.csv", trades.upload_template, name="upload-template"),
    path("submissions/<uuid:public_id>/", trades.submission, name="submission"),
]
