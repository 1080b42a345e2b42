"""The file of heads stands what a disk that fills up does to it."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from events.core.seals import GENESIS, Seal, SignedSeal, sign_seal
from events.services.heads import append_head, read_heads, read_last_head


@contextmanager
def full_at(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size: a write is then cut off, as by a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def make_heads(count: int) -> list[SignedSeal]:
    key, previous, made = Ed25519PrivateKey.generate(), GENESIS, []
    for number in range(1, count + 1):
        seal = Seal(number, number, number, bytes(32), previous, number)
        made.append(sign_seal(seal=seal, key=key))
        previous = seal.head
    return made


@pytest.mark.parametrize("rooms", [(100,), (100, 40), (40, 100), (1, 1, 1), (100, 5, 60)])
def test_what_a_full_disk_cut_off_is_told_and_made_up_for(tmp_path: Path, rooms: tuple[int, ...]) -> None:
    path = tmp_path / "heads.jsonl"
    first, second, third = make_heads(3)
    append_head(path=path, signed=first)
    for room in rooms:
        with full_at(path.stat().st_size + room), pytest.raises(OSError, match="cut off"):
            append_head(path=path, signed=second)
        assert read_heads(path=path) == [first]
        assert read_last_head(path=path) == first
    for signed in (second, third):
        append_head(path=path, signed=signed)
    assert read_heads(path=path) == [first, second, third]
    assert read_last_head(path=path) == third
