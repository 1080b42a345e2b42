"""Capture: what is taken, repeated, refused; one or many, alone or at the same time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from events.models import AuditRecord, OutboxFact
from reference.core.actor import SYSTEM
from tests.factories.chain import Chain, make_chain
from trades.core import parsing
from trades.core.report import Problem, ResolvedReport
from trades.models import Match, RefusedLine, Submission, Trade, UnmatchedTrade
from trades.refusals.reports import BrokenEncoding, MissingColumn, UnknownColumn
from trades.services.capture_submission import LineOutcome, capture_submission, open_submission
from trades.services.capture_trades import CaptureOutcome, resolve_reports

HEADER = "trade_id,buyer,seller,security,quantity,price,currency,trade_date,transaction_type"


def line(trade_id: str, **changes: str) -> str:
    fields = {
        "trade_id": trade_id, "buyer": "ALPHA", "seller": "BRAVO", "security": "STOCK", "quantity": "100",
        "price": "10", "currency": "EUR", "trade_date": "2008-09-08", "transaction_type": "",
    } | changes  # fmt: skip
    return ",".join(fields.values())


def submit(
    chain: Chain, *lines: str, by: str | None = "ALPHA", form: str = "csv", again: bool = False
) -> list[LineOutcome]:
    actor = SYSTEM if by is None else chain.actor(by)
    head = [HEADER] if form == "csv" else []
    submission = open_submission(actor=actor, source="test.csv", at=chain.at, business_date=chain.day)
    blocks = ["\n".join([*head, *lines]).encode()]
    return [
        outcome
        for chunk in capture_submission(submission=submission, blocks=blocks, form=form, actor=actor, again=again)
        for outcome in chunk
    ]


def words(outcomes: list[LineOutcome]) -> list[tuple[int, str, str]]:
    return [
        (item.line, item.outcome.outcome, item.outcome.problems[0].code if item.outcome.problems else "")
        for item in outcomes
    ]


def test_one_side_waits_in_the_pool(chain: Chain) -> None:
    outcome = chain.capture("T-1", "ALPHA", "BRAVO", by="ALPHA")
    assert outcome.public_id is not None
    trade = Trade.objects.get(public_id=outcome.public_id)
    assert (trade.status, trade.side, trade.reporter_id) == ("NEW", "BUY", chain.ids["ALPHA"])
    assert (trade.buyer_account_id, trade.seller_account_id) == (chain.account("ALPHA").pk, None)
    assert (trade.amount_minor, trade.settlement_date.isoformat()) == (100_000, "2008-09-10")
    assert UnmatchedTrade.objects.get().trade_id == trade.pk
    assert list(OutboxFact.objects.values_list("name", "payload")) == [("TradesCaptured", {"count": 1})]
    record = AuditRecord.objects.get()
    assert (record.action, record.object_id, record.actor) == ("trade.captured", trade.pk, "alpha")


def test_both_sides_at_once_are_locked_in(chain: Chain) -> None:
    chain.capture("T-1", "ALPHA", "BRAVO")
    match = Match.objects.get()
    assert (match.buy_trade_id, match.rule, match.buy_trade.status) == (match.sell_trade_id, "LOCKED_IN", "MATCHED")
    assert (match.buyer_account_id, match.seller_account_id) == (chain.account("ALPHA").pk, chain.account("BRAVO").pk)
    assert not UnmatchedTrade.objects.exists()
    assert OutboxFact.objects.get().name == "TradesMatched"


def test_the_same_report_again_is_the_same_trade(chain: Chain) -> None:
    first = chain.capture("T-1", "ALPHA", "BRAVO", by="ALPHA")
    facts, records = OutboxFact.objects.count(), AuditRecord.objects.count()
    again = chain.capture("T-1", "ALPHA", "BRAVO", by="ALPHA", price="10.000")
    assert (again.outcome, again.public_id) == ("REPEATED", first.public_id)
    assert (OutboxFact.objects.count(), AuditRecord.objects.count()) == (facts, records)


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": 101}, {"price": "10.01"}, {"security": "SHARE"}, {"settlement_date": "2008-09-11"},
        {"cleared": False}, {"transaction_type": "TRAD"}, {"trading_venue": "XPAR"}, {"account": "FUND"},
        {"amount": "999.99"}, {"seller": "CHARLIE"}, {"buyer": "BRAVO", "seller": "ALPHA"},
    ],
)  # fmt: skip
def test_the_same_trade_id_with_other_content_is_refused(chain: Chain, changes: dict[str, object]) -> None:
    chain.capture("T-1", "ALPHA", "BRAVO", by="ALPHA")
    fields = {"buyer": "ALPHA", "seller": "BRAVO"} | changes
    again = chain.capture("T-1", by="ALPHA", **fields)  # type: ignore[arg-type]
    assert (again.outcome, again.problems[0].code) == ("REFUSED", "trade-id-reused")
    assert Trade.objects.get().quantity_units == 100


def test_another_reporter_may_use_the_same_trade_id(chain: Chain) -> None:
    chain.capture("T-1", "ALPHA", "BRAVO", by="ALPHA")
    assert chain.capture("T-1", "ALPHA", "BRAVO", by="BRAVO").outcome == "ACCEPTED"


def test_a_repeated_trade_that_went_on_is_still_the_same(chain: Chain) -> None:
    chain.trade("T-1", "ALPHA", "BRAVO")
    chain.clear()
    assert chain.capture("T-1-A", "ALPHA", "BRAVO", by="ALPHA").outcome == "REPEATED"
    assert chain.status("T-1-A") == "CLEARED"


def test_a_file_keeps_its_good_lines_and_numbers_its_bad_ones(chain: Chain) -> None:
    outcomes = submit(
        chain, line("T-1"), line("T-2", security="NOWHERE"), line("T-3", quantity="0"), line("T-1"),
        line("T-1", quantity="7"), line("T-6", buyer="CHARLIE"), "T-7,short", line("T-8"),
    )  # fmt: skip
    assert words(outcomes) == [
        (2, "ACCEPTED", ""),
        (3, "REFUSED", "unknown-security"),
        (4, "REFUSED", "malformed-report"),
        (5, "REPEATED", ""),
        (6, "REFUSED", "trade-id-reused"),
        (7, "REFUSED", "not-a-party"),
        (8, "REFUSED", "malformed-report"),
        (9, "ACCEPTED", ""),
    ]
    assert outcomes[3].outcome.public_id == outcomes[0].outcome.public_id
    submission = Submission.objects.get()
    assert (submission.lines, submission.accepted, submission.repeated, submission.refused) == (8, 2, 1, 5)
    assert len(submission.digest) == 64
    assert submission.finished_at is not None
    assert list(RefusedLine.objects.order_by("line").values_list("line", flat=True)) == [3, 4, 6, 7, 8]
    assert AuditRecord.objects.get().summary == "test.csv: 2 taken, 1 repeated, 5 refused of 8 lines"


def test_a_file_of_many_lines_takes_the_same_way(chain: Chain) -> None:
    lines = [line(f"T-{number}", transaction_type="TRAD") for number in range(70)]
    lines[3], lines[60] = line("T-3", price="NaN"), line("T-59", transaction_type="TRAD")
    outcomes = submit(chain, *lines)
    assert [item for item in words(outcomes) if item[1] != "ACCEPTED"] == [
        (5, "REFUSED", "price-out-of-range"),
        (62, "REPEATED", ""),
    ]
    assert Trade.objects.filter(status="NEW", submission__isnull=False).count() == UnmatchedTrade.objects.count() == 68
    again = submit(chain, *lines)
    assert {item[1] for item in words(again)} == {"REPEATED", "REFUSED"}
    assert Trade.objects.count() == 68


@pytest.mark.parametrize("count", [1, 60])
@pytest.mark.parametrize("trade_id", ["None", "null", "NULL", "N", "T 1", "T:1/2+3.4_5"])
def test_a_trade_id_may_be_any_word(chain: Chain, trade_id: str, count: int) -> None:
    outcomes = submit(chain, line(trade_id), *(line(f"X-{number}") for number in range(1, count)))
    assert {item.outcome.outcome for item in outcomes} == {"ACCEPTED"}
    assert Trade.objects.filter(trade_id=trade_id).exists()


@pytest.mark.parametrize("count", [1, 60])
def test_few_and_many_are_stored_alike(chain: Chain, count: int) -> None:
    """A handful goes in as JSON and a crowd by COPY; the row is the same to the last bit of its match key."""
    submit(chain, *(line(f"S-{number}") for number in range(count)), by="BRAVO")
    chain.capture("B", "ALPHA", "BRAVO", by="ALPHA")
    buy, sell = Trade.objects.get(trade_id="B"), Trade.objects.get(trade_id="S-0")
    assert buy.match_key == sell.match_key
    assert (buy.price, buy.amount_minor, buy.settlement_date) == (sell.price, sell.amount_minor, sell.settlement_date)


@pytest.mark.parametrize(
    "bad",
    [
        '{"trade_id":"T","currency":"E\\u0000R","buyer":"ALPHA","seller":"BRAVO","security":"STOCK","quantity":1,"price":1,"trade_date":"2008-09-08"}',
        '{"trade_id":"T","x\\u0000y":1}',
        '{"trade_id":"T","buyer":"\\u0000"',
        '{"trade_id":"T\\n"}',
        "\x00",
    ],
)
def test_a_nul_in_a_bad_line_is_told_and_stored_without_it(chain: Chain, bad: str) -> None:
    good = (
        '{"trade_id":"G","buyer":"ALPHA","seller":"BRAVO","security":"STOCK","quantity":1,"price":1,'
        '"currency":"EUR","trade_date":"2008-09-08"}'
    )
    outcomes = submit(chain, bad, good, form="ndjson")
    assert [item.outcome.outcome for item in outcomes] == ["REFUSED", "ACCEPTED"]
    refused = RefusedLine.objects.get()
    assert "\x00" not in refused.message + refused.pointer + refused.content


def test_a_date_outside_the_calendar_refuses_its_line_only(chain: Chain) -> None:
    outcomes = submit(chain, line("T-1", trade_date="1971-01-04"), line("T-2"))
    assert words(outcomes) == [(2, "REFUSED", "date-outside-calendar"), (3, "ACCEPTED", "")]


@pytest.mark.parametrize(
    ("head", "refusal"),
    [
        ("trade_id,buyer", MissingColumn),
        (HEADER + ",colour", UnknownColumn),
        ("trade_id\rbuyer", MissingColumn),
    ],
)
def test_a_header_that_cannot_be_used_is_refused_and_closes_the_submission(
    chain: Chain, head: str, refusal: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "HEADER", head)
    with pytest.raises(refusal):
        submit(chain, line("T-1"))
    submission = Submission.objects.get()
    assert submission.problem
    assert submission.finished_at is not None
    assert not Trade.objects.exists()


def test_a_header_that_is_no_text_is_refused(chain: Chain) -> None:
    actor = chain.actor("ALPHA")
    submission = open_submission(actor=actor, source="x", at=chain.at, business_date=chain.day)
    with pytest.raises(BrokenEncoding):
        list(capture_submission(submission=submission, blocks=[b"\xff\xfe\n"], form="csv", actor=actor))


def test_what_was_answered_before_the_input_broke_off_stands(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "CHUNK_LINES", 2)
    actor = chain.actor("ALPHA")

    def breaking() -> Iterator[bytes]:
        yield (HEADER + "\n" + "\n".join(line(f"T-{number}") for number in range(4)) + "\n").encode()
        raise ConnectionResetError("the client went away")

    submission = open_submission(actor=actor, source="x", at=chain.at, business_date=chain.day)
    answered: list[LineOutcome] = []
    chunks = capture_submission(submission=submission, blocks=breaking(), form="csv", actor=actor)
    with pytest.raises(ConnectionResetError):
        answered.extend(outcome for chunk in chunks for outcome in chunk)
    assert [item.outcome.outcome for item in answered] == ["ACCEPTED"] * 4
    assert Trade.objects.count() == 4
    assert Submission.objects.get().problem == "The input ended early."


def test_nothing_is_half_written_when_a_chunk_fails(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report that the database itself refuses takes its chunk with it, and nothing of the chunk stays."""
    from trades.services import capture_submission as module

    def resolve(**arguments: Any) -> list[ResolvedReport | list[Problem]]:
        return [
            row._replace(quantity_units=-1) if isinstance(row, ResolvedReport) and row.trade_id == "T-2" else row
            for row in resolve_reports(**arguments)
        ]

    monkeypatch.setattr(module, "resolve_reports", resolve)
    with pytest.raises(Exception, match="trade_positive"):
        submit(chain, line("T-1"), line("T-2"))
    assert not Trade.objects.exists()
    assert not UnmatchedTrade.objects.exists()


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.django_db(transaction=True)
def test_two_submissions_in_opposite_order_at_once_are_each_taken_once(again: bool) -> None:
    chain = make_chain()
    lines = [line(f"T-{number}") for number in range(3000)]
    counts: list[tuple[int, int, int]] = []
    barrier = threading.Barrier(2)

    def send(ordered: list[str]) -> None:
        try:
            with connection.cursor() as cursor:
                # Two that wait for each other are found while they still have much to write: they meet again and again.
                cursor.execute("SET deadlock_timeout = '5ms'")
            barrier.wait(timeout=20)
            outcomes = [item.outcome.outcome for item in submit(chain, *ordered, again=again)]
            counts.append((outcomes.count("ACCEPTED"), outcomes.count("REPEATED"), outcomes.count("REFUSED")))
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=(ordered,)) for ordered in (lines, lines[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(counts) == [(0, 3000, 0), (3000, 0, 0)]
    assert Trade.objects.count() == 3000


@pytest.mark.django_db(transaction=True)
def test_one_trade_id_from_many_threads_at_once_is_one_trade() -> None:
    chain = make_chain()
    outcomes: list[CaptureOutcome] = []
    barrier = threading.Barrier(6)

    def capture(quantity: int) -> None:
        try:
            barrier.wait(timeout=20)
            outcomes.append(chain.capture("T-1", "ALPHA", "BRAVO", by="ALPHA", quantity=quantity))
        finally:
            connection.close()

    threads = [threading.Thread(target=capture, args=(quantity,)) for quantity in (100, 100, 100, 100, 200, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(outcomes) == 6
    assert Trade.objects.count() == UnmatchedTrade.objects.count() == 1
    assert [outcome.outcome for outcome in outcomes].count("ACCEPTED") == 1
    ids = {outcome.public_id for outcome in outcomes if outcome.outcome != "REFUSED"}
    assert ids == {Trade.objects.get().public_id}
    same = 4 if Trade.objects.get().quantity_units == 100 else 2
    assert [outcome.outcome for outcome in outcomes].count("REPEATED") == same - 1
    assert OutboxFact.objects.count() == AuditRecord.objects.count() == 1


def test_a_file_after_single_reports_goes_through_no_table_line_by_line(chain: Chain) -> None:
    """What was planned for single reports, while the table was small, is not what a file of thousands runs by."""
    for number in range(10):
        chain.capture(f"S-{number}", "ALPHA", "BRAVO", by="ALPHA")
        if number == 0:
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE trades_trade, trades_unmatchedtrade")
    lines = [line(f"U-{number}") for number in range(1_000)]
    assert len(submit(chain, *lines)) == len(lines)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_get_xact_tuples_returned('trades_trade'::regclass)")
        (read,) = cursor.fetchone()
    assert read < 100 * len(lines)
