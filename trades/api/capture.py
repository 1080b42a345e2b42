"""Reading reports from request bodies and answering what became of them."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import Any, NoReturn

import msgspec
from django.conf import settings
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request

from trades.core.parsing import convert_report, read_report
from trades.core.report import Problem, TradeReport
from trades.refusals.reports import BrokenEncoding, MalformedReport, ReportRefused, TradeIdReused
from trades.services.capture_submission import LineOutcome

JSON_TYPE = "application/json"
FORM_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
BULK_FORMS = {"application/x-ndjson": "ndjson", "application/jsonl": "ndjson", "text/csv": "csv"}
BLOCK_BYTES = 256 * 1024


def media_type_of(request: Request) -> str:
    """Return the body's media type in lower case, without its parameters."""
    return str(request.content_type or "").partition(";")[0].strip().lower()


def report_of(*, request: Request) -> TradeReport:
    """Read one report from a JSON body or a form.

    Raises MalformedReport, BrokenEncoding, ReportRefused (a field is wrong), UnsupportedMediaType.
    """
    media_type = media_type_of(request)
    if media_type == JSON_TYPE:
        body = request.body
        report = read_report(data=body)
        if isinstance(report, Problem) and not is_utf8(body):
            raise BrokenEncoding("The body is not valid UTF-8.")
    elif media_type in FORM_TYPES:
        fields = {name: value for name, value in request.POST.items() if name != "csrfmiddlewaretoken"}
        report = convert_report(fields=fields)
    elif not media_type and not request.body:
        raise MalformedReport("The body is empty.")
    else:
        raise UnsupportedMediaType(media_type)
    if not isinstance(report, Problem):
        return report
    if report.pointer:
        refuse(problems=[report])
    raise MalformedReport(report.message)


def is_utf8(body: bytes) -> bool:
    """Tell whether bytes are UTF-8 text."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def refuse(*, problems: Sequence[Problem]) -> NoReturn:
    """Raise what a report with these problems is refused with: ReportRefused, or TradeIdReused."""
    if problems[0].code == TradeIdReused.code:
        raise TradeIdReused(problems[0].message, pointer=problems[0].pointer)
    summary = " ".join(problem.message for problem in problems[:3])
    raise ReportRefused(summary, errors=errors_of(problems=problems))


def errors_of(*, problems: Sequence[Problem]) -> list[dict[str, str]]:
    """Write problems as the `errors` of a problem document."""
    return [{"pointer": problem.pointer, "code": problem.code, "detail": problem.message} for problem in problems]


def blocks_of(*, request: Any) -> Iterator[bytes]:
    """Read a body block by block; it is never whole in memory."""
    while block := request.read(BLOCK_BYTES):
        yield block


def keep_body(*, blocks: Iterator[bytes], digest: Any) -> Iterator[bytes]:
    """Read a body to its end and return its blocks once more; the digest has taken all of it in. Large ones on disk."""
    kept = SpooledTemporaryFile(max_size=settings.FILE_UPLOAD_MAX_MEMORY_SIZE)  # noqa: SIM115 (closed once read)
    for block in blocks:
        digest.update(block)
        kept.write(block)
    kept.seek(0)
    return _read_again(kept=kept)


def _read_again(*, kept: SpooledTemporaryFile[bytes]) -> Iterator[bytes]:
    with kept:
        yield from iter(partial(kept.read, BLOCK_BYTES), b"")


def answer_lines(outcomes: Sequence[LineOutcome]) -> bytes:
    """Write outcomes as NDJSON, one line each."""
    lines = []
    for line, outcome in outcomes:
        if outcome.problems:
            document: dict[str, Any] = {"line": line, "outcome": outcome.outcome}
            if outcome.public_id is not None:
                document["id"] = str(outcome.public_id)
            document["errors"] = errors_of(problems=outcome.problems)
            lines.append(msgspec.json.encode(document).decode())
        else:
            lines.append(f'{{"line":{line},"outcome":"{outcome.outcome}","id":"{outcome.public_id}"}}')
    return "\n".join([*lines, ""]).encode()


def answer_stream(*, first: Sequence[LineOutcome] | None, rest: Iterator[Sequence[LineOutcome]]) -> Iterator[bytes]:
    """Write the outcomes chunk by chunk as the capture goes on; a client that leaves ends the capture."""
    try:
        if first is not None:
            yield answer_lines(first)
            for outcomes in rest:
                yield answer_lines(outcomes)
    finally:
        close(rest)


def close(parts: object) -> None:
    """End a generator, so that what it holds is let go now and not when it is collected."""
    if isinstance(parts, Generator):
        parts.close()
