"""The registry of event schemas: files under events/schemas/, one for each version ever published."""

from __future__ import annotations

import json
import pkgutil
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from io import BytesIO
from pathlib import Path
from shutil import which
from subprocess import run
from typing import Any

from django.apps import apps

from events.contracts import Fact, Share
from events.core.schemas import Contract, find_breaks, schema_of
from reference.refusals import Refusal

FOLDER = Path(__file__).resolve().parent.parent / "schemas"


class UnknownSchema(Refusal):
    """There is no event schema of this name and version."""

    code = "unknown-schema"
    status = 404


@dataclass(frozen=True)
class EventSchema:
    """A published version of what an event carries. current: facts are recorded in this version now."""

    name: str
    version: int
    current: bool
    schema: dict[str, Any]

    @property
    def description(self) -> str:
        """Return what it says of itself."""
        return str(self.schema.get("description", ""))

    @property
    def fields(self) -> list[tuple[str, dict[str, Any], bool]]:
        """Return its fields: name, shape, whether it must be there."""
        return [(name, shape, name in self.schema["required"]) for name, shape in self.schema["properties"].items()]


def contracts() -> dict[str, Contract]:
    """Return every contract by name: all facts that any app announces, and the participant's share."""
    for config in apps.get_app_configs():
        if any(module.name == "contracts" for module in pkgutil.iter_modules([config.path])):
            import_module(f"{config.name}.contracts")
    facts = {contract.__name__: contract for contract in Fact.__subclasses__() if _is_announced(contract)}
    return {**dict(sorted(facts.items())), Share.__name__: Share}


def _is_announced(contract: type[Fact]) -> bool:
    """Tell whether a contract is an app's own: a test may define further ones."""
    return contract.__module__.endswith(".contracts")


@lru_cache(maxsize=1)
def event_schemas() -> tuple[EventSchema, ...]:
    """Return every published schema, by name and version."""
    now = {name: contract.VERSION for name, contract in contracts().items()}
    found = [
        EventSchema(name=name, version=version, current=now.get(name) == version, schema=json.loads(path.read_text()))
        for path, name, version in _files(FOLDER)
    ]
    return tuple(sorted(found, key=lambda entry: (entry.name, entry.version)))


def event_schema(*, name: str, version: int) -> EventSchema:
    """Return one published schema. Raises UnknownSchema."""
    for entry in event_schemas():
        if (entry.name, entry.version) == (name, version):
            return entry
    raise UnknownSchema


def find_problems(*, folder: Path = FOLDER, known: dict[str, Contract] | None = None) -> list[str]:
    """Return what is wrong with the published schemas, in words; empty where every contract is published as it is."""
    problems = []
    known = contracts() if known is None else known
    for path, name, version in _files(folder):
        if name not in known:
            problems.append(
                f"{path.name} has no contract: its readers still wait for it, and facts of it are still read"
            )
        elif version > known[name].VERSION:
            problems.append(f"{path.name} is of a later version than its contract, {known[name].VERSION}")
    for name, contract in known.items():
        try:
            current = schema_of(contract=contract)
        except TypeError as problem:
            problems.append(str(problem))
            continue
        for version in range(1, contract.VERSION):
            if not (folder / f"{name}.{version}.json").exists():
                problems.append(f"{name}.{version}.json is gone: facts of that version are still read")
        path = folder / f"{name}.{contract.VERSION}.json"
        if not path.exists():
            problems.append(f"{path.name} is missing: write it by `manage.py check_event_schemas --write`")
            continue
        published = json.loads(path.read_text())
        breaks = find_breaks(published=published, current=current)
        if breaks:
            problems.append(f"{name} version {contract.VERSION} has changed: {'; '.join(breaks)}. Raise its VERSION")
        elif published != current:
            problems.append(f"{path.name} is out of date: write it by `manage.py check_event_schemas --write`")
    return problems


def find_rewrites(*, committed: Mapping[str, dict[str, Any]], folder: Path = FOLDER) -> list[str]:
    """Return which promises of the committed files the files of now do not keep, in words."""
    problems = []
    for file_name, published in sorted(committed.items()):
        path = folder / file_name
        if not path.exists():
            problems.append(f"{file_name} was published and is gone")
            continue
        breaks = find_breaks(published=published, current=json.loads(path.read_text()))
        if breaks:
            problems.append(f"{file_name} was published otherwise: {'; '.join(breaks)}. Raise its contract's VERSION")
    return problems


def committed_schemas(*, revision: str, folder: Path = FOLDER) -> dict[str, dict[str, Any]] | None:
    """Return the files of a revision of the repository, by name; None where there is no repository or no git.

    Raises ValueError where the repository has no such revision.
    """
    git = which("git")
    if git is None or run([git, "-C", folder, "rev-parse", "HEAD"], capture_output=True, check=False).returncode:
        return None
    told = run([git, "-C", folder, "archive", "--format=tar", revision, "."], capture_output=True, check=False)
    if told.returncode:
        raise ValueError(told.stderr.decode(errors="replace").strip())
    with tarfile.open(fileobj=BytesIO(told.stdout)) as archive:
        found = {member.name: archive.extractfile(member) for member in archive if member.name.endswith(".json")}
        return {name.removeprefix("./"): json.load(file) for name, file in found.items() if file is not None}


def write_schemas(*, folder: Path = FOLDER, known: dict[str, Contract] | None = None) -> list[str]:
    """Write the schemas that are missing or have changed in a way that readers survive; return their files' names."""
    written = []
    for name, contract in (contracts() if known is None else known).items():
        current = schema_of(contract=contract)
        path = folder / f"{name}.{contract.VERSION}.json"
        published = json.loads(path.read_text()) if path.exists() else None
        if published == current or (published is not None and find_breaks(published=published, current=current)):
            continue
        path.write_text(json.dumps(current, indent=2, ensure_ascii=False) + "\n")
        written.append(path.name)
    return written


def _files(folder: Path) -> Iterator[tuple[Path, str, int]]:
    for path in sorted(folder.glob("*.json")):
        name, _, version = path.stem.rpartition(".")
        yield path, name, int(version)
