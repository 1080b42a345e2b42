"""The map: which work follows which fact, and which work each step of the business day does.

Reading this file tells the whole flow. Names are Celery task names; each task drains whatever is due.
"""

from collections.abc import Mapping

# fact -> tasks
FLOW: Mapping[str, tuple[str, ...]] = {
    "TradesCaptured": ("trades.match",),
    "TradesMatched": ("clearing.novate",),
    "TradesCancelled": (),
    "TradesNovated": (),
    "ObligationsNetted": ("clearing.instruct", "clearing.discharge"),
    "InstructionsCreated": (),
    "CycleSettled": ("clearing.discharge",),
    "ObligationsDischarged": (),
}

# action of a step of the business day -> tasks, in order (settlement/schedule.csv says when)
DAY: Mapping[str, tuple[str, ...]] = {
    "OPEN": (),
    "NET": ("clearing.net", "clearing.instruct"),
    "CYCLE": ("clearing.instruct", "settlement.run_cycle", "clearing.discharge"),
    "CLOSE": ("trades.cancel_aged", "settlement.cancel_aged"),
}

# what beat runs besides, so that nothing waits for a message that was lost
SWEEP: tuple[str, ...] = (
    "trades.match",
    "clearing.novate",
    "clearing.instruct",
    "clearing.discharge",
    "trades.allege",
)
