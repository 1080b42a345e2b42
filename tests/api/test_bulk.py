"""POST /api/v1/trades/bulk: NDJSON and CSV in, one item a line out, in order."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from events.models import AuditRecord
from tests.factories.market import Market
from trades.models import RefusedLine, Submission, Trade

BULK = "/api/v1/trades/bulk"
NDJSON = "application/x-ndjson"


def send(client: Client, body: bytes, content_type: str = NDJSON, **headers: str) -> tuple[Any, list[Any]]:
    response = client.post(BULK, body, content_type=content_type, headers=headers, CONTENT_TYPE=content_type)
    if response.status_code != 200:
        return response, []
    assert response["Content-Type"] == NDJSON
    return response, [json.loads(line) for line in response.getvalue().splitlines()]


def csv_of(*reports: dict[str, Any]) -> bytes:
    """Write reports as CSV with the columns of the first."""
    columns = list(reports[0])
    rows = [",".join(str(report.get(name, "")) for name in columns) for report in reports]
    return "\n".join([",".join(columns), *rows]).encode()


def test_ndjson_answers_each_line_in_order(alpha: Client, market: Market) -> None:
    lines = [
        json.dumps(market.report(trade_id="A")),
        "",
        json.dumps(market.report(trade_id="B", quantity=-1)),
        "not json",
        json.dumps(market.report(trade_id="A")),
        json.dumps(market.report(trade_id="A", quantity=7)),
        json.dumps(market.report(trade_id="C")),
    ]
    response, answers = send(alpha, "\n".join(lines).encode())
    assert [answer["line"] for answer in answers] == [1, 3, 4, 5, 6, 7]
    assert [answer["outcome"] for answer in answers] == [
        "ACCEPTED", "REFUSED", "REFUSED", "REPEATED", "REFUSED", "ACCEPTED",
    ]  # fmt: skip
    assert answers[1]["errors"][0] | {"detail": ""} == {
        "pointer": "/quantity", "code": "malformed-report", "detail": "",
    }  # fmt: skip
    assert answers[4]["errors"][0]["code"] == "trade-id-reused"
    assert answers[3]["id"] == answers[0]["id"]
    assert set(Trade.objects.values_list("trade_id", flat=True)) == {"A", "C"}
    submission = Submission.objects.get()
    assert response["Location"] == f"/api/v1/submissions/{submission.public_id}"
    assert len(submission.digest) == 64
    assert AuditRecord.objects.filter(action="submission.captured").count() == 1


def test_csv(alpha: Client, market: Market) -> None:
    body = csv_of(market.report(trade_id="A"), market.report(trade_id="B", price="zero"), market.report(trade_id="C"))
    _, answers = send(alpha, body, "text/csv; charset=utf-8")
    assert [(answer["line"], answer["outcome"]) for answer in answers] == [
        (2, "ACCEPTED"), (3, "REFUSED"), (4, "ACCEPTED"),
    ]  # fmt: skip
    assert answers[1]["errors"][0]["pointer"] == "/price"


def test_csv_with_a_missing_column_is_refused_whole(alpha: Client, market: Market) -> None:
    report = market.report()
    del report["price"]
    response, _ = send(alpha, csv_of(report), "text/csv")
    assert response.status_code == 422
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["type"] == "/problems/missing-column"
    assert response.json()["column"] == "price"
    assert not Trade.objects.exists()
    assert Submission.objects.get().problem


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "missing-column"),
        (b"\n\n", "missing-column"),
        (b"colour,trade_id,buyer,seller,security,quantity,price,currency,trade_date\n", "unknown-column"),
        (b"price,price,trade_id,buyer,seller,security,quantity,currency,trade_date\n", "unknown-column"),
        (b"\xff\xfe,price\n", "broken-encoding"),
        (b'"trade_id', "missing-column"),
    ],
)
def test_bad_csv_header(alpha: Client, market: Market, body: bytes, code: str) -> None:
    response, _ = send(alpha, body, "text/csv", accept=NDJSON)
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == code


def test_byte_order_mark_and_windows_line_ends(alpha: Client, market: Market) -> None:
    body = b"\xef\xbb\xbf" + csv_of(market.report()).replace(b"\n", b"\r\n")
    _, answers = send(alpha, body, "text/csv")
    assert [answer["outcome"] for answer in answers] == ["ACCEPTED"]


def test_broken_lines_are_refused_and_the_others_kept(alpha: Client, market: Market) -> None:
    good = json.dumps(market.report()).encode()
    lines = [b"\xff\xfe", b"\x00", b"[" * 60_000, b"x" * 200_000, b'{"a":"\\u0000"}', b'{"\\u0000":1}', good]
    _, answers = send(alpha, b"\n".join(lines))
    assert [answer["outcome"] for answer in answers] == ["REFUSED"] * 6 + ["ACCEPTED"]
    assert answers[0]["errors"][0]["code"] == "broken-encoding"
    assert all(len(line.content) <= 500 for line in RefusedLine.objects.all())


def test_empty_ndjson_is_nothing(alpha: Client, market: Market) -> None:
    response, answers = send(alpha, b"")
    assert (response.status_code, answers) == (200, [])
    assert Submission.objects.get().lines == 0


def test_auditor_may_not(auditor: Client, market: Market) -> None:
    response, _ = send(auditor, b"{}")
    assert response.status_code == 403
    assert not Submission.objects.exists()


def test_more_than_one_chunk(alpha: Client, market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trades.core.parsing.CHUNK_LINES", 100)
    lines = [json.dumps(market.report(trade_id=f"T{number}")) for number in range(350)]
    _, answers = send(alpha, "\n".join(lines).encode())
    assert [answer["line"] for answer in answers] == list(range(1, 351))
    assert Trade.objects.count() == 350


def test_a_client_that_leaves_keeps_what_was_answered(
    alpha: Client, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trades.core.parsing.CHUNK_LINES", 10)
    lines = [json.dumps(market.report(trade_id=f"T{number}")) for number in range(100)]
    response: Any = alpha.post(BULK, "\n".join(lines).encode(), content_type=NDJSON)
    stream = response._iterator
    next(stream)
    stream.close()
    submission = Submission.objects.get()
    assert submission.lines == Trade.objects.count() < 100
    assert submission.problem == "The input ended early."
    assert submission.finished_at is not None


def test_submission_is_readable_by_its_owner_only(alpha: Client, bravo: Client, market: Market) -> None:
    response, _ = send(alpha, b"bad\nworse\n" + json.dumps(market.report()).encode())
    url = response["Location"]
    document = alpha.get(url).json()
    assert (document["lines"], document["accepted"], document["refused"]) == (3, 1, 2)
    assert [row["line"] for row in alpha.get(f"{url}/refused-lines").json()["results"]] == [1, 2]
    assert bravo.get(url).status_code == 404
    assert bravo.get(f"{url}/refused-lines").status_code == 404
    assert bravo.get("/api/v1/submissions").json()["results"] == []
    assert len(alpha.get("/api/v1/submissions").json()["results"]) == 1
    identity = document["id"]
    assert len(alpha.get(f"/api/v1/trades?submission={identity}").json()["results"]) == 1


class TestCommand:
    """manage.py capture_trades does the same from a file."""

    def test_csv_as_a_participant(self, market: Market, tmp_path: Any, capsys: Any) -> None:
        path = tmp_path / "day.csv"
        path.write_bytes(csv_of(market.report(trade_id="A"), market.report(trade_id="B", quantity=0)))
        call_command("capture_trades", str(path), "--as", "alpha", "--json")
        summary = json.loads(capsys.readouterr().out)
        assert (summary["lines"], summary["accepted"], summary["refused"]) == (2, 1, 1)
        assert Trade.objects.get().reporter == market.alpha

    def test_ndjson_as_the_operator(self, market: Market, tmp_path: Any, capsys: Any) -> None:
        path = tmp_path / "day.ndjson"
        path.write_text(json.dumps(market.report()))
        call_command("capture_trades", str(path))
        assert Trade.objects.get().side == "BOTH"
        assert "1" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("name", "options"), [("missing.csv", []), ("day.txt", []), ("day.csv", ["--as", "nobody"]), ("day.csv", [])]
    )
    def test_refusals(self, market: Market, tmp_path: Any, name: str, options: list[str]) -> None:
        (tmp_path / "day.csv").write_text("price\n1\n")
        (tmp_path / "day.txt").write_text("x")
        with pytest.raises(CommandError):
            call_command("capture_trades", str(tmp_path / name), *options)
