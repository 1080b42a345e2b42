"""The router's process killed again and again while orders come: each is filled once, and nothing is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest
from django.db import connection

from tests.factories.processes import ROOT, environment_of_workers

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

KILLS = 6
BROKER = 6
ROUTER = """
import django
django.setup()
from django.conf import settings
from reference.queries import business_clock
from trades.services.orders.route_orders import route_orders
while True:
    clock = business_clock()
    route_orders(at=clock.at, business_date=clock.business_date, seed=settings.VENUE_SEED)
"""


def test_a_router_that_is_killed_fills_each_order_once() -> None:
    """Venues lose every fifth call besides."""
    from tests.factories.routing import assert_consistent, make_desk
    from trades.models import Fill, Order, VenueExecution

    seed = int(os.environ.get("CHAOS_SEED") or random.randrange(10**6))
    print(f"CHAOS_SEED={seed}")
    draw = random.Random(seed)
    desk = make_desk(success_ppm=800_000)
    for mic, price in (("XAAA", "9.98"), ("XBBB", "9.99")):
        desk.offer(mic, 10**6, price)
    database = str(connection.settings_dict["NAME"])
    environment = os.environ | environment_of_workers(database_name=database, broker_database=BROKER)
    killed = 0
    for _ in range(KILLS):
        router = subprocess.Popen([sys.executable, "-c", ROUTER], cwd=ROOT, env=environment, start_new_session=True)
        try:
            filled = Order.objects.filter(status="FILLED").count()
            for _ in range(30):
                desk.order(draw.randrange(1, 50))
            give_up_at = time.monotonic() + 60
            # It is killed in the midst: once it has begun to fill, or a moment after.
            while Order.objects.filter(status="FILLED").count() == filled and time.monotonic() < give_up_at:
                assert router.poll() is None, "the router ended by itself"
                time.sleep(draw.random() * 0.01)
            time.sleep(draw.random() * 0.05)
        finally:
            os.killpg(router.pid, signal.SIGKILL)
            router.wait()
        killed += Order.objects.filter(status__in=["VALIDATED", "ROUTING", "PARTIALLY_FILLED"]).exists()
    desk.route(minutes=1)
    desk.route(minutes=3)
    assert set(Order.objects.values_list("status", flat=True)) == {"FILLED"}
    assert Order.objects.count() == 30 * KILLS
    total = sum(Order.objects.values_list("quantity_units", flat=True))
    assert sum(Fill.objects.values_list("quantity_units", flat=True)) == total
    assert sum(VenueExecution.objects.values_list("quantity_units", flat=True)) == total
    print(f"{killed} of {KILLS} kills left work behind")
    assert_consistent()
