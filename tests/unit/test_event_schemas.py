"""Every event has its published schema, and a change that readers would notice is refused."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from jsonschema import Draft202012Validator

from events.contracts import Fact
from events.core.schemas import find_breaks, schema_of
from events.queries import schemas
from events.queries.schemas import (
    committed_schemas,
    event_schemas,
    find_problems,
    find_rewrites,
    write_schemas,
)


@dataclass(frozen=True)
class Told(Fact):
    """Something was told."""

    count: int


@dataclass(frozen=True)
class ToldMore(Fact):
    """Something was told."""

    count: int
    reason: str | None = None


@dataclass(frozen=True)
class ToldOtherwise(Fact):
    """Something was told."""

    count: str
    demanded: int


@dataclass(frozen=True)
class ToldAnew(Fact):
    """Something was told."""

    VERSION = 2

    count: str


@dataclass(frozen=True)
class ToldElsewhere(Fact):
    """Something was told."""

    KEY = "derivatives"

    count: int


@dataclass(frozen=True)
class Leg:
    """A part of a thing."""

    amount: int


@dataclass(frozen=True)
class ToldInParts(Fact):
    """Something was told."""

    legs: tuple[Leg, ...]


for contract in (ToldMore, ToldOtherwise, ToldAnew, ToldElsewhere):
    contract.__name__ = "Told"


def test_every_contract_is_published_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("check_event_schemas")
    assert "Every event has its schema." in capsys.readouterr().out
    names = {entry.name for entry in event_schemas() if entry.current}
    assert names == set(schemas.contracts())
    assert {"TradesCaptured", "MemberDefaulted", "Share"} <= names
    for entry in event_schemas():
        Draft202012Validator.check_schema(entry.schema)
        assert entry.description
        assert entry.schema["$id"] == f"urn:mini-fmi:{entry.name}:{entry.version}"


def test_a_published_version_only_takes_an_optional_field_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_problems(folder=tmp_path, known={"Told": Told}) == [
        "Told.1.json is missing: write it by `manage.py check_event_schemas --write`"
    ]
    assert write_schemas(folder=tmp_path, known={"Told": Told}) == ["Told.1.json"]
    assert find_problems(folder=tmp_path, known={"Told": Told}) == []
    first = json.loads((tmp_path / "Told.1.json").read_text())
    # What readers do not survive is neither accepted nor written.
    (problem,) = find_problems(folder=tmp_path, known={"Told": ToldOtherwise})
    assert "the field count was {'type': 'integer'} and is {'type': 'string'}" in problem
    assert "the field demanded is demanded, and facts recorded before do not have it" in problem
    assert problem.endswith("Raise its VERSION")
    assert write_schemas(folder=tmp_path, known={"Told": ToldOtherwise}) == []
    # What they survive is written, once somebody says so.
    assert find_breaks(published=first, current=schema_of(contract=ToldMore)) == []
    assert "out of date" in find_problems(folder=tmp_path, known={"Told": ToldMore})[0]
    assert write_schemas(folder=tmp_path, known={"Told": ToldMore}) == ["Told.1.json"]
    # Back again, a field is gone; and one that may be missing now.
    assert find_breaks(published=schema_of(contract=ToldMore), current=first) == ["the field reason is gone"]
    loose = first | {"required": []}
    assert find_breaks(published=first, current=loose) == ["the field count may be missing now"]
    # A new version stands beside the old one, which may not go.
    assert write_schemas(folder=tmp_path, known={"Told": ToldAnew}) == ["Told.2.json"]
    assert find_problems(folder=tmp_path, known={"Told": ToldAnew}) == []
    (tmp_path / "Told.1.json").unlink()
    assert find_problems(folder=tmp_path, known={"Told": ToldAnew}) == [
        "Told.1.json is gone: facts of that version are still read"
    ]
    monkeypatch.setattr(schemas.find_problems, "__kwdefaults__", {"folder": tmp_path, "known": None})
    with pytest.raises(CommandError, match="TradesCaptured"):
        call_command("check_event_schemas")


def test_a_contract_that_vanished_or_is_ordered_otherwise_is_refused(tmp_path: Path) -> None:
    write_schemas(folder=tmp_path, known={"Told": Told})
    (problem,) = find_problems(folder=tmp_path, known={})
    assert problem.startswith("Told.1.json has no contract")
    (problem,) = find_problems(folder=tmp_path, known={"Told": ToldElsewhere})
    assert "it was ordered by fmi and is by derivatives" in problem
    write_schemas(folder=tmp_path, known={"Told": ToldAnew})
    assert find_problems(folder=tmp_path, known={"Told": Told}) == [
        "Told.2.json is of a later version than its contract, 1"
    ]


def test_a_type_within_a_contract_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="Leg would have no schema"):
        schema_of(contract=ToldInParts)
    assert find_problems(folder=tmp_path, known={"ToldInParts": ToldInParts}) == [
        "ToldInParts is not plain: Leg would have no schema"
    ]


def test_a_promise_that_was_rewritten_is_found_in_the_repository(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        owner = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", tmp_path, *owner, *words], check=True, capture_output=True)

    assert committed_schemas(revision="HEAD", folder=tmp_path) is None
    write_schemas(folder=tmp_path, known={"Told": Told})
    git("init")
    git("add", ".")
    git("commit", "--no-verify", "-m", "Told")
    committed = committed_schemas(revision="HEAD", folder=tmp_path)
    assert committed is not None
    assert find_rewrites(committed=committed, folder=tmp_path) == []
    (tmp_path / "Told.1.json").unlink()
    assert find_rewrites(committed=committed, folder=tmp_path) == ["Told.1.json was published and is gone"]
    write_schemas(folder=tmp_path, known={"Told": ToldOtherwise})
    assert find_problems(folder=tmp_path, known={"Told": ToldOtherwise}) == []
    (problem,) = find_rewrites(committed=committed, folder=tmp_path)
    assert problem.startswith("Told.1.json was published otherwise: the field count was")
    with pytest.raises(ValueError, match="nowhere"):
        committed_schemas(revision="nowhere", folder=tmp_path)
