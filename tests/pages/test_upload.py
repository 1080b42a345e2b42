"""Uploads and what became of their lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.files.uploadedfile import SimpleUploadedFile

from tests.pages.reading import get_csv, get_text, text_of

if TYPE_CHECKING:
    from django.test import Client

    from tests.factories.chain import Chain

HEAD = "trade_id,buyer,seller,security,quantity,price,currency,trade_date\n"
GOOD = "F1,ALPHA,BRAVO,STOCK,10,10,EUR,2008-09-10\n"
BAD = "F2,ALPHA,BRAVO,NOTHING,10,10,EUR,2008-09-10\n"


def send(client: Client, content: str | bytes, name: str = "reports.csv") -> str:
    data = content.encode() if isinstance(content, str) else content
    return text_of(client.post("/upload/", {"file": SimpleUploadedFile(name, data)}, follow=True))


def test_good_lines_are_taken_and_bad_ones_refused_with_number_and_reason(alpha: Client) -> None:
    text = send(alpha, HEAD + GOOD + BAD)
    assert "Lines read 2" in text
    assert "Taken as new trades 1" in text
    assert "Refused 1" in text
    assert "3 unknown-security /security There is no security with ISIN or symbol 'NOTHING'." in text


def test_refused_lines_are_written_as_csv(alpha: Client) -> None:
    from trades.models import Submission

    send(alpha, HEAD + BAD)
    submission = Submission.objects.latest("id")
    rows = get_csv(alpha, f"/submissions/{submission.public_id}/?format=csv")
    assert [(row["line"], row["code"]) for row in rows] == [("2", "unknown-security")]
    assert rows[0]["content"].startswith("F2,")


def test_a_missing_column_is_named(alpha: Client) -> None:
    text = send(alpha, "trade_id,buyer\nF1,ALPHA\n")
    assert "The column 'seller' is missing." in text
    assert "The reading ended early" in text


def test_the_same_file_twice_is_the_same_trades(alpha: Client) -> None:
    send(alpha, HEAD + GOOD)
    assert "Repeated 1" in send(alpha, HEAD + GOOD)


def test_json_lines_are_taken_too(alpha: Client) -> None:
    line = (
        '{"trade_id":"J1","buyer":"ALPHA","seller":"BRAVO","security":"STOCK","quantity":5,"price":"10",'
        '"currency":"EUR","trade_date":"2008-09-10"}\n'
    )
    assert "Taken as new trades 1" in send(alpha, line, "reports.ndjson")


def test_another_kind_of_file_is_refused(alpha: Client) -> None:
    assert "Choose a file whose name ends in .csv, .ndjson or .jsonl." in send(alpha, "x", "reports.xls")


def test_broken_encoding_is_a_refusal(alpha: Client) -> None:
    assert "broken-encoding" in send(alpha, HEAD.encode() + b"F1,\xff\xfe,B,S,1,1,EUR,2008-09-10\n")


def test_uploaded_trades_are_listed_by_their_submission(alpha: Client) -> None:
    from trades.models import Submission

    send(alpha, HEAD + GOOD)
    submission = Submission.objects.latest("id")
    rows = get_csv(alpha, f"/trades/?submission={submission.public_id}&format=csv")
    assert [row["trade_id"] for row in rows] == ["F1"]


def test_template_can_be_sent_back_as_it_is(alpha: Client) -> None:
    content = alpha.get("/upload/template.csv").content
    assert content.startswith(b"trade_id,buyer,seller,security,quantity,price,currency,trade_date")


def test_past_submissions_are_listed_to_their_reporter(alpha: Client, bravo: Client, operator: Client) -> None:
    send(alpha, HEAD + GOOD)
    assert "reports.csv" in get_text(alpha, "/upload/")
    assert "reports.csv" in get_text(operator, "/upload/")
    assert "reports.csv" not in get_text(bravo, "/upload/")


def test_another_participants_submission_is_not_found(alpha: Client, bravo: Client) -> None:
    from trades.models import Submission

    send(alpha, HEAD + GOOD)
    assert bravo.get(f"/submissions/{Submission.objects.latest('id').public_id}/").status_code == 404


def test_the_auditor_may_not_upload(auditor: Client, chain: Chain) -> None:
    assert "An auditor reads everything and changes nothing." in get_text(auditor, "/upload/")
    response = auditor.post("/upload/", {"file": SimpleUploadedFile("a.csv", b"x")})
    assert response.status_code == 403


def test_content_that_a_spreadsheet_would_run_is_quoted(alpha: Client) -> None:
    from trades.models import Submission

    send(alpha, HEAD + "=1+1,ALPHA,BRAVO,STOCK,10,10,EUR,2008-09-10\n")
    submission = Submission.objects.latest("id")
    rows = get_csv(alpha, f"/submissions/{submission.public_id}/?format=csv")
    assert rows[0]["content"].startswith("'=1+1")
