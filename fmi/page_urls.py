"""Addresses of the pages. The names are what the navigation and the templates link to."""

from django.urls import include, path

from fmi import operations_page, order_pages
from fmi import pages as top
from ledger import pages as ledger
from settlement.pages import buy_ins as settlement_buy_ins
from settlement.pages import compare as settlement_compare
from settlement.pages import corporate_actions as settlement_corporate
from settlement.pages import credit as settlement_credit
from settlement.pages import cycle as settlement_cycle
from settlement.pages import cycles as settlement_day
from settlement.pages import instructions as settlement_instructions
from settlement.pages import party_entry as settlement_entry
from settlement.pages import party_instructions as settlement_parties
from settlement.pages import penalties as settlement_penalties
from trades.pages import trades

urlpatterns = [
    path("", top.home, name="home"),
    path("clock/", top.clock, name="clock"),
    path("operations/", operations_page.operations, name="operations"),
    path("trades/", trades.trades, name="trades"),
    path("trades/<uuid:public_id>/", top.trade, name="trade"),
    path("trades/<uuid:public_id>/cancel/", trades.cancel, name="trade-cancel"),
    path("unmatched/", trades.unmatched, name="unmatched"),
    path("orders/<uuid:public_id>/", order_pages.order, name="order"),
    path("", include("trades.pages.urls")),
    path("", include("reference.pages.urls")),
    path("", include("clearing.pages.urls")),
    path("cycles/", settlement_day.cycles, name="cycles"),
    path("cycles/step/", settlement_day.step, name="day-step"),
    path("cycles/pause/", settlement_day.pause, name="clock-pause"),
    path("cycles/resume/", settlement_day.resume, name="clock-resume"),
    path("cycles/outage/", settlement_day.outage, name="outage"),
    path("cycles/outage/end/", settlement_day.outage_end, name="outage-end"),
    path("cycles/compare/", settlement_compare.compare, name="compare"),
    path("cycles/compare/order/", settlement_compare.order, name="compare-order"),
    path("cycles/<int:pk>/", settlement_cycle.cycle, name="cycle"),
    path("instructions/", settlement_instructions.instructions, name="instructions"),
    path("instructions/<uuid:public_id>/", top.instruction, name="instruction"),
    path("instructions/<uuid:public_id>/hold/", settlement_instructions.hold, name="instruction-hold"),
    path("instructions/<uuid:public_id>/release/", settlement_instructions.release, name="instruction-release"),
    path("instructions/<uuid:public_id>/cancel/", settlement_instructions.cancel, name="instruction-cancel"),
    path("instructions/<uuid:public_id>/amend/", settlement_instructions.amend, name="instruction-amend"),
    path("instructions/<uuid:public_id>/link/", settlement_instructions.link, name="instruction-link"),
    path("instructions/<uuid:public_id>/unlink/", settlement_instructions.unlink, name="instruction-unlink"),
    path("instructions/new/", settlement_entry.enter, name="instruction-enter"),
    path("party-instructions/", settlement_parties.party_instructions, name="party-instructions"),
    path("party-instructions/<uuid:public_id>/", settlement_parties.party_instruction, name="party-instruction"),
    path("party-instructions/<uuid:public_id>/hold/", settlement_parties.hold, name="party-instruction-hold"),
    path("party-instructions/<uuid:public_id>/release/", settlement_parties.release, name="party-instruction-release"),
    path("party-instructions/<uuid:public_id>/cancel/", settlement_parties.cancel, name="party-instruction-cancel"),
    path("party-instructions/<uuid:public_id>/amend/", settlement_parties.amend, name="party-instruction-amend"),
    path("party-instructions/<uuid:public_id>/link/", settlement_parties.link, name="party-instruction-link"),
    path("party-instructions/<uuid:public_id>/unlink/", settlement_parties.unlink, name="party-instruction-unlink"),
    path("credit/", settlement_credit.credit, name="credit"),
    path("credit/<int:pk>/change/", settlement_credit.change, name="credit-change"),
    path("penalties/", settlement_penalties.penalties, name="penalties"),
    path("penalties/correct/", settlement_penalties.correct, name="penalties-correct"),
    path("buy-ins/", settlement_buy_ins.buy_ins, name="buy-ins"),
    path("buy-ins/run/", settlement_buy_ins.run, name="buy-ins-run"),
    path("corporate-actions/", settlement_corporate.corporate_actions, name="corporate-actions"),
    path("corporate-actions/new/", settlement_corporate.announce, name="corporate-action-announce"),
    path("corporate-actions/<int:pk>/", settlement_corporate.corporate_action, name="corporate-action"),
    path("corporate-actions/<int:pk>/cancel/", settlement_corporate.cancel, name="corporate-action-cancel"),
    path("ledger/", ledger.ledger, name="ledger"),
    path("ledger/trial-balance/", ledger.trial, name="trial-balance"),
    path("ledger/accounts/<str:code>/", ledger.account, name="account"),
    path("things/<slug:kind>/<int:key>/", top.thing, name="thing"),
    path("", include("events.pages.urls")),
    path("upload/", trades.upload, name="upload"),
    path("upload/template.csv", trades.upload_template, name="upload-template"),
    path("submissions/<uuid:public_id>/", trades.submission, name="submission"),
]
