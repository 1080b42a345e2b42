"""Wake-up calls: each drains whatever is due, so a lost, doubled or late one changes nothing."""

from celery import shared_task
from django.conf import settings

from clearing.services import discharge_obligations, instruct_settlement, net_obligations, novate_trades
from clearing.services.carry_obligations import roll_failed_obligations
from reference.queries import business_clock


@shared_task(name="clearing.novate")
def novate() -> None:
    """Novate what is matched."""
    clock = business_clock()
    novate_trades.novate_trades(at=clock.at, business_date=clock.business_date)


@shared_task(name="clearing.net")
def net() -> None:
    """Net what settles by the business date; where netting is continuous, with what failed before."""
    clock = business_clock()
    if settings.CONTINUOUS_NETTING:
        roll_failed_obligations(at=clock.at, business_date=clock.business_date)
    net_obligations.net_obligations(at=clock.at, business_date=clock.business_date)


@shared_task(name="clearing.instruct")
def instruct() -> None:
    """Instruct settlement for every obligation that has no instruction."""
    clock = business_clock()
    instruct_settlement.instruct_settlement(at=clock.at)


@shared_task(name="clearing.discharge")
def discharge() -> None:
    """Discharge what has settled."""
    clock = business_clock()
    discharge_obligations.discharge_obligations(at=clock.at)
