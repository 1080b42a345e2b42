"""The file of signed heads outside the database: one line a seal, appended and flushed to the disk, never rewritten.

Put it where whoever may write to the database may not: on another machine, on storage that is written once.
"""

import errno
import json
import os
from itertools import pairwise
from pathlib import Path

from events.core.seals import SignedSeal, read_head_line, write_seal

TAIL_BYTES = 4_096


class HeadsUnreadable(ValueError):
    """A line of the file of heads is none."""


def read_heads(*, path: Path) -> list[SignedSeal]:
    """Return the heads in the order of the file, none where there is no file. Raises HeadsUnreadable.

    A line that the next one begins with was cut off by a crash and then written again whole.
    """
    try:
        lines = path.read_text().split("\n")
    except FileNotFoundError:
        return []
    return _parse_lines(lines=lines, path=path)


def read_last_head(*, path: Path) -> SignedSeal | None:
    """Return the last head in the file without reading all of it, None where there is none. Raises HeadsUnreadable."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            tail = file.read().decode(errors="replace")
    except FileNotFoundError:
        return None
    lines = tail.split("\n")
    heads = _parse_lines(lines=lines[1:] if size > TAIL_BYTES else lines, path=path)
    return heads[-1] if heads else None


def append_head(*, path: Path, signed: SignedSeal) -> None:
    """Append one head, and return only when the disk has it. Raises OSError.

    What a full disk cut off stays without an end; the whole line is written again after it (read_heads).
    """
    is_new = not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(write_seal(signed=signed)) + "\n"
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = "\n" + line
        data = line.encode()
        if os.write(descriptor, data) != len(data):
            raise OSError(errno.ENOSPC, "the head was cut off", str(path))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if is_new:
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _parse_lines(*, lines: list[str], path: Path) -> list[SignedSeal]:
    """Return the heads of lines; what stands after the last line's end was cut off and is no line yet.

    Of a line that was cut off more than once a shorter piece may follow a longer one, or nothing but the end of a line.
    """
    heads = []
    for line, following in pairwise(lines):
        if not line or following.startswith(line):
            continue
        try:
            heads.append(read_head_line(line=line))
        except ValueError as error:
            if line.startswith(following) and line[0] == "{" and line[-1] != "}":
                continue
            raise HeadsUnreadable(f"{path} has a line that is no head: {error}") from error
    return heads
