"""The map: which work follows which fact, and which work each step of the business day does.

Reading this file tells the whole flow. Names are Celery task names; each task drains whatever is due.
"""

from collections.abc import Mapping

# fact -> tasks
FLOW: Mapping[str, tuple[str, ...]] = {
    "TradesCaptured": ("trades.match", "trades.enrich"),
    "TradesMatched": ("clearing.novate", "trades.enrich"),
    "TradesCancelled": ("clearing.follow_orders", "clearing.follow_settling"),
    "TradesEnriched": (),
    "TradesNovated": ("clearing.follow_orders", "clearing.allocate"),
    "OrdersPlaced": ("trades.route", "trades.enrich_orders"),
    "VenuesTraded": ("trades.record_fills",),
    "OrdersFilled": (),
    "OrdersEnded": ("clearing.follow_orders", "clearing.follow_settling"),
    "ObligationsNetted": ("clearing.instruct", "clearing.discharge"),
    "PartyInstructionsEntered": ("settlement.match",),
    "InstructionsCreated": ("clearing.follow_settling", "settlement.settle_now"),
    "InstructionsReleased": ("settlement.settle_now",),
    "ComparisonOrdered": ("settlement.compare",),
    "OutageEnded": ("settlement.settle_now",),
    "CycleSettled": ("clearing.discharge", "settlement.settle_now"),
    "ObligationsDischarged": ("clearing.follow_settling",),
    "MemberDefaulted": (),
    "MarginCalculated": (),
    "MarginRefused": (),
    "MarginCalled": (),
    "MarginCallPaid": (),
    "CallOverdue": (),
    "FundSized": (),
    "FundThin": (),
    "MarkPricesSet": ("clearing.liquidate", "clearing.fund_positions"),
    "AccountsLiquidated": (),
}

# Done once nothing else follows, so that what settles at once is decided over all that came at the same moment.
LAST: tuple[str, ...] = ("settlement.settle_now",)

# action of a step of the business day -> tasks, in order (settlement/schedule.csv says when)
DAY: Mapping[str, tuple[str, ...]] = {
    "OPEN": (),
    "NET": ("clearing.net", "clearing.instruct", "clearing.intraday"),
    "CYCLE": (
        "clearing.instruct",
        "settlement.match",
        "settlement.pay_corporate_actions",
        "settlement.repay_overnight",
        "settlement.run_cycle",
        "clearing.discharge",
    ),
    "REIMBURSE": ("settlement.reimburse", "settlement.settle_now"),
    "PENALISE": ("settlement.penalise",),
    "CLOSE": (
        "trades.end_sessions",
        "trades.route",
        "trades.cancel_aged",
        "settlement.cancel_aged",
        "settlement.record_corporate_actions",
        "clearing.allocate_closing",
        "trades.close_positions",
        "clearing.evening",
    ),
}

# what beat runs besides, so that nothing waits for a message that was lost
SWEEP: tuple[str, ...] = (
    "trades.end_sessions",
    "trades.route",
    "trades.record_fills",
    "trades.match",
    "trades.enrich",
    "trades.enrich_orders",
    "clearing.novate",
    "clearing.allocate",
    "trades.watch_positions",
    "clearing.instruct",
    "clearing.discharge",
    "clearing.follow_orders",
    "clearing.follow_settling",
    "clearing.collect",
    "clearing.liquidate",
    "clearing.fund_positions",
    "trades.allege",
    "settlement.match",
    "settlement.allege",
    "settlement.settle_now",
    "settlement.compare",
    "reference.publish_quotes",
    "reference.expire_proposals",
    "reference.keep_keys",
    "reference.expire_answers",
)
