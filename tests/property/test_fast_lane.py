"""The fast lane of long files says the same of every row as the rules do of the report by itself."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.public_ids import new_public_id_array
from trades.core import fast_lane
from trades.core.fast_lane import FastLane
from trades.core.parsing import CsvLines, read_chunks
from trades.core.report import PRICE_SCALE, CaptureContext, Problem, ResolvedReport, SecurityTerms
from trades.services import prepare_lines as module
from trades.services.capture_trades import resolve_reports
from trades.services.copy_trades import trade_columns

HEADER = (
    "trade_id", "reporter", "buyer", "seller", "security", "quantity", "price", "currency", "trade_date",
    "settlement_date", "account", "counterparty_account", "cleared", "transaction_type", "trading_venue", "amount",
)  # fmt: skip

OPERATOR = CaptureContext(
    reporter_id=None,
    venue_id=9,
    participants={"ALPHA": 1, "BRAVO": 2, "CHARLIE": 3, "GONE": 4, "CCP": 8, "VENUE": 9},
    inactive=frozenset({4}),
    infrastructures=frozenset({8}),
    securities={
        "STOCK": SecurityTerms(11, "EUR", 21, 2, 1, PRICE_SCALE // 100, True),
        "BOND": SecurityTerms(12, "EUR", 21, 2, 1000, PRICE_SCALE, True),
        "YEN": SecurityTerms(13, "JPY", 22, 2, 1, PRICE_SCALE, True),
        "OLD": SecurityTerms(14, "EUR", 21, 2, 1, PRICE_SCALE // 100, False),
    },
    currencies={"EUR": 21, "JPY": 22},
    digits={"EUR": 2, "JPY": 0},
    accounts={(1, "HOUSE"): 101, (2, "HOUSE"): 102, (3, "HOUSE"): 103, (1, "FUND"): 104},
    settles=lambda _, day: day.weekday() < 5,
    settlement_day=lambda _currency, day, lag: date.fromordinal(day.toordinal() + lag),
    business_date=date(2008, 9, 8),
    names_reporter=True,
)
CONTEXTS = (OPERATOR, replace(OPERATOR, reporter_id=1, names_reporter=False))


def mostly(good: list[str], bad: list[str]) -> st.SearchStrategy[str]:
    """Draw good texts, and now and then a bad one, so that most rows can take the lane."""
    return st.integers(0, 19).flatmap(lambda number: st.sampled_from(bad if number == 0 else good))


ROWS = st.lists(
    st.tuples(
        mostly(["T-1", "T-2", "A b/c.:+_9"], ["", " T", "T\u00e4", "x" * 36, "T\ttab"]),
        mostly(["ALPHA", "BRAVO"], ["", "CHARLIE", "NOBODY"]),
        mostly(["ALPHA", "BRAVO"], ["CHARLIE", "GONE", "CCP", "NOBODY", ""]),
        mostly(["BRAVO", "ALPHA"], ["CHARLIE", "NOBODY"]),
        mostly(["STOCK", "BOND", "YEN"], ["OLD", "NONE"]),
        mostly(["1000", "2000", "3000"], ["1", "0", "-5", "007", "1.5", "1_0", "9" * 15, "9" * 19, "1e3", " 7"]),
        mostly(
            ["101.2", "0.01", "7", "33.333335"],
            ["0", "-1", "1.0000001", "9" * 12, "1e2", "NaN", "0.00000001", ".5", "5.", "+1", "1" * 40, "\u0661"],
        ),
        mostly(["EUR", "JPY"], ["USD", "eur"]),
        mostly(["2008-09-08", "2008-09-05"], ["2008-09-09", "2008-13-01", "20080908"]),
        mostly(["2008-09-10", "", "2008-09-11"], ["2008-09-01", "2008-09-13", "soon"]),
        mostly(["HOUSE", ""], ["FUND", "NONE", "x" * 21]),
        mostly(["HOUSE", "", "OTHER"], ["x" * 21]),
        mostly(["true", "false", ""], ["maybe", "TRUE", "1"]),
        mostly(["TRAD", ""], ["trad", "TRADE"]),
        mostly(["XNYS", ""], ["xnys", "X-1"]),
        mostly(["", "", "", "1012.00", "5000"], ["0", "-3", "1.005", "9" * 13, "x"]),
    ),
    max_size=60,
)


def read(rows: list[tuple[str, ...]], quote: str = "") -> Any:
    """Read rows as one chunk of a CSV file."""
    text = "\n".join(",".join(f"{quote}{field}{quote}" for field in row) for row in [HEADER, *rows])
    return next(read_chunks(blocks=[text.encode()], form="csv"), ([], []))[1]


@pytest.fixture(autouse=True, scope="module")
def few_lines_teach_the_lane() -> Any:
    """Let the lane be tried after every second row that was resolved by itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SHORT", 2)
        yield


@settings(max_examples=300, deadline=None)
@given(rows=ROWS, context=st.sampled_from(CONTEXTS), quote=st.sampled_from(["", '"']))
def test_the_fast_lane_and_the_rules_agree(rows: list[tuple[str, ...]], context: CaptureContext, quote: str) -> None:
    check_agreement(read(rows, quote), context)


@settings(max_examples=100, deadline=None)
@given(rows=ROWS)
def test_texts_whose_keys_collide_are_told_apart(rows: list[tuple[str, ...]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fast_lane, "match_keys", lambda *, fields: np.zeros(len(fields), dtype=np.int64))
        check_agreement(read(rows), OPERATOR)


def check_agreement(lines: Any, context: CaptureContext) -> None:
    """Compare what the lane and the rules say of every line."""
    if not isinstance(lines, CsvLines):
        return
    fresh = replace(context)
    expected = resolve_reports(reports=[line.report for line in lines], context=fresh)
    chunk = module.prepare_lines(lines=lines, lane=FastLane(context=replace(context)))
    good = [row for row in expected if isinstance(row, ResolvedReport)]
    assert len(chunk.outcomes) == len(expected)
    assert list(chunk.lines) == [place for place, row in enumerate(expected) if isinstance(row, ResolvedReport)]
    assert [list(outcome.problems) for outcome in chunk.outcomes] == [
        [] if isinstance(row, ResolvedReport) else row for row in expected
    ]
    if not good:
        return
    wanted: dict[str, Any] = trade_columns(rows=good, public_ids=new_public_id_array(count=len(good)))
    found: dict[str, Any] = chunk.columns
    assert found.keys() == wanted.keys()
    for name in wanted.keys() - {"public_id"}:
        left, right = (getattr(columns[name], "values", columns[name]) for columns in (found, wanted))
        assert np.ma.allequal(left, right), name
        assert np.array_equal(np.ma.getmaskarray(left), np.ma.getmaskarray(right)), name


def test_most_rows_take_the_lane() -> None:
    row = ("T-1", "ALPHA", "ALPHA", "BRAVO", "STOCK", "10", "1.5", "EUR", "2008-09-08", "", "", "", "", "", "", "")
    lane = FastLane(context=replace(OPERATOR))
    lines = read([(f"T-{number}", *row[1:]) for number in range(100)])
    taken = []
    original = lane.take
    lane.take = lambda **given: taken.append(original(**given)) or taken[-1]  # type: ignore[method-assign,func-returns-value]
    chunk = module.prepare_lines(lines=lines, lane=lane)
    assert len(chunk.lines) == 100
    assert max(int(plain.sum()) for plain, _ in taken) == 98


def test_problems_are_problems() -> None:
    chunk = module.prepare_lines(
        lines=read([("T-1", "", "ALPHA", "NOBODY", "STOCK", "1", "1", "EUR", "2008-09-08", *[""] * 7)] * 3),
        lane=FastLane(context=replace(OPERATOR)),
    )
    assert all(isinstance(problem, Problem) for outcome in chunk.outcomes for problem in outcome.problems)
    assert not chunk.columns
