"""Netting runs, obligations and exposures."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from tests.pages.reading import get_csv, get_text

if TYPE_CHECKING:
    from django.test import Client

    from tests.factories.chain import Chain


def price_stock(chain: Chain, close: str, day: date) -> None:
    from tests.factories.reference import DailyPriceFactory

    for symbol in ("STOCK", "SHARE"):
        DailyPriceFactory.create(
            security_id=chain.assets[symbol], date=day, close=Decimal(close), open=Decimal(close),
            high=Decimal(close), low=Decimal(close),
        )  # fmt: skip


def test_runs_show_value_before_and_after(operator: Client) -> None:
    text = get_text(operator, "/netting/")
    assert "Wed 10 Sep 2008" in text
    # 100, 50 and 30 units at 10.00, each on both sides of the CCP; BRAVO's buy and sale of STOCK offset.
    assert "EUR 3.60 k 2.60 k 27.8 %" in text


def test_obligations_are_filtered_and_written_as_csv(operator: Client) -> None:
    rows = get_csv(operator, "/netting/?status=OPEN&kind=NET&format=csv")
    assert {(row["participant"], row["quantity"]) for row in rows} == {("CHARLIE", "30"), ("DELTA", "-30")}


def test_participant_sees_its_own_part_of_a_run(delta: Client) -> None:
    text = get_text(delta, "/netting/")
    assert "EUR 300 300 0.0 %" in text
    assert "CHARLIE" not in text


def test_exposure_values_open_positions_at_the_last_close(operator: Client, chain: Chain) -> None:
    price_stock(chain, "12", date(2008, 9, 9))
    rows = {row["member"]: row for row in get_csv(operator, "/netting/exposures/?format=csv")}
    # CHARLIE buys 30 SHARE (netted) and sells 20 STOCK (not netted), both agreed at 10.00, worth 12.00.
    assert rows["CHARLIE"]["netted_to_receive_minor"] == "36000"
    assert rows["CHARLIE"]["netted_cash_minor"] == "-30000"
    assert rows["CHARLIE"]["unnetted_to_deliver_minor"] == "24000"
    assert rows["CHARLIE"]["mark_minor"] == str(36000 - 30000 - 24000 + 20000)
    assert sum(int(row["mark_minor"]) for row in rows.values()) == 0


def test_exposure_ignores_later_prices_and_names_missing_ones(operator: Client, chain: Chain) -> None:
    price_stock(chain, "12", date(2008, 9, 12))
    text = get_text(operator, "/netting/exposures/")
    assert "Not everything has a price" in text
    assert "SHARE, STOCK" in text


def test_participant_sees_its_own_exposure_only(delta: Client, chain: Chain) -> None:
    price_stock(chain, "12", date(2008, 9, 9))
    assert [row["member"] for row in get_csv(delta, "/netting/exposures/?format=csv")] == ["DELTA"]
