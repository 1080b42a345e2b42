"""Capture a file of trade reports: what POST /api/v1/trades/bulk does, from the command line."""

from __future__ import annotations

import gzip
import json
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from reference.core.actor import Actor, Role
from reference.queries import business_clock, directory
from reference.refusals import Refusal
from trades.models import Submission
from trades.services.capture_submission import capture_submission, open_submission

FORMS = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson"}
BLOCK_BYTES = 256 * 1024
SHOWN_REFUSALS = 10
COUNTS = ("lines", "accepted", "repeated", "refused")


class Command(BaseCommand):
    """Capture a CSV or NDJSON file, line by line."""

    help = "Capture a file of trade reports (.csv, .ndjson or .jsonl, also .gz); good lines are kept."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the file, who reports, and how the outcome is printed."""
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--as",
            dest="reporter",
            default="operator",
            help="Code of the participant that reports; operator (the default) reports both sides.",
        )
        parser.add_argument("--json", action="store_true", help="Print the outcome as JSON only.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Capture the file and print what became of its lines."""
        path: Path = options["file"]
        suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
        form = FORMS.get(suffix.lower())
        if form is None:
            raise CommandError(f"{path.name} is neither .csv nor .ndjson nor .jsonl.")
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        try:
            submission = capture_file(
                path=path, form=form, actor=find_actor(code=options["reporter"]), quiet=options["json"]
            )
        except Refusal as refusal:
            raise CommandError(f"{refusal.message} ({refusal.code})") from refusal
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error}") from error
        if options["json"]:
            counts = {name: getattr(submission, name) for name in COUNTS}
            self.stdout.write(json.dumps({"id": str(submission.public_id), **counts, "digest": submission.digest}))
        else:
            print_outcome(submission=submission)


def find_actor(*, code: str) -> Actor:
    """Return the operator or a participant as the actor. Raises UnknownParticipant."""
    if code.lower() == "operator":
        return Actor(name="command line", role=Role.OPERATOR)
    participant = directory().participant(code=code.upper())
    return Actor(name="command line", role=Role.PARTICIPANT, participant_id=participant.id)


def capture_file(*, path: Path, form: str, actor: Actor, quiet: bool) -> Submission:
    """Capture a file with a progress bar over its bytes; return the finished submission."""
    clock = business_clock()
    submission = open_submission(actor=actor, source=path.name, at=clock.at, business_date=clock.business_date)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with path.open("rb") as file, Progress(*columns, disable=quiet, transient=True) as progress:
        bar = progress.add_task(path.name, total=path.stat().st_size)
        content: IO[bytes] = gzip.GzipFile(fileobj=file) if path.suffix == ".gz" else file  # type: ignore[assignment]
        for _ in capture_submission(submission=submission, blocks=read_blocks(content=content), form=form, actor=actor):
            progress.update(bar, completed=file.tell())
    submission.refresh_from_db()
    return submission


def read_blocks(*, content: IO[bytes]) -> Iterator[bytes]:
    """Read a file block by block."""
    while block := content.read(BLOCK_BYTES):
        yield block


def print_outcome(*, submission: Submission) -> None:
    """Print the counts, and the first lines that were refused."""
    console = Console()
    console.print(", ".join(f"{getattr(submission, name):,} {name}" for name in COUNTS))
    if not submission.refused:
        return
    table = Table("Line", "Code", "Field", "Reason", title="First refused lines")
    for line in submission.refused_lines.order_by("line")[:SHOWN_REFUSALS]:
        table.add_row(str(line.line), line.code, line.pointer, line.message)
    console.print(table)
