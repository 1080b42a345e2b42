"""What the documentation says is what the code says, wherever a machine can compare them."""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
from django.core.management import get_commands

from fmi.demo.orders import CLIENTS
from fmi.flow import DAY, FLOW, SWEEP
from fmi.invariants import INVARIANTS
from reference.files import DATA
from settlement.core.lifecycle import TRANSITIONS as INSTRUCTION_TRANSITIONS
from trades.api.order_examples import TICKET
from trades.core.alert_lifecycle import ALERT_TRANSITIONS
from trades.core.lifecycle import TRANSITIONS as TRADE_TRANSITIONS
from trades.core.order_lifecycle import ORDER_TRANSITIONS
from trades.core.slice_lifecycle import SLICE_TRANSITIONS

ROOT = Path(__file__).resolve().parents[2]
APPS = ("clearing", "events", "fmi", "ledger", "reference", "settlement", "trades")
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/README.md")]
)
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text()
CODE_SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
FILE_ENDS = (".py", ".md", ".csv", ".html", ".css", ".js", ".gz", ".yml", ".toml", ".txt", ".sql", "/")


def state_diagram(transitions: Mapping[str, frozenset[str]]) -> str:
    """Derive the diagram of a machine from its transition table."""
    reached = {after for afters in transitions.values() for after in afters}
    lines = ["stateDiagram-v2"]
    lines += [f"    [*] --> {state}" for state in transitions if state not in reached]
    lines += [
        f"    {state} --> {after}" for state in transitions for after in transitions if after in transitions[state]
    ]
    lines += [f"    {state} --> [*]" for state in transitions if not transitions[state]]
    return "\n".join(lines)


def rows(text: str) -> list[list[str]]:
    """Return the cells of all table rows."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def named(cell: str) -> tuple[str, ...]:
    """Return what a cell names in code."""
    return tuple(CODE_SPAN.findall(cell))


def heading_anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    ("title", "transitions"),
    [
        ("trade", TRADE_TRANSITIONS),
        ("instruction", INSTRUCTION_TRANSITIONS),
        ("order", ORDER_TRANSITIONS),
        ("slice", SLICE_TRANSITIONS),
        ("alert", ALERT_TRANSITIONS),
    ],
)
def test_the_state_diagrams_are_those_of_the_transition_tables(
    title: str, transitions: Mapping[str, frozenset[str]]
) -> None:
    found = re.search(rf"<!-- {title} lifecycle: .*? -->\n```mermaid\n(.*?)\n```", ARCHITECTURE, re.DOTALL)
    assert found is not None
    assert found[1] == state_diagram(transitions)


def test_the_tables_of_facts_and_of_the_day_are_the_flow() -> None:
    cells = rows(ARCHITECTURE)
    facts = {row[0].strip("`"): named(row[2]) for row in cells if len(row) == 3 and row[0].strip("`") in FLOW}
    assert facts == dict(FLOW)
    actions = {row[0].strip("`"): named(row[1]) for row in cells if len(row) == 2 and row[0].strip("`") in DAY}
    assert actions == dict(DAY)
    sweep = next(line for line in ARCHITECTURE.splitlines() if line.startswith("Sweep,"))
    assert named(sweep) == SWEEP


def test_the_table_of_tasks_names_every_task_of_the_flow() -> None:
    tasks = {row[0].strip("`") for row in rows(ARCHITECTURE)}
    wanted = {task for group in (*FLOW.values(), *DAY.values(), SWEEP) for task in group}
    assert wanted <= tasks


def test_the_table_of_invariants_is_what_is_checked() -> None:
    section = ARCHITECTURE.split("## What always holds")[1].split("\n## ")[0]
    table = [row[0] for row in rows(section)][1:]
    assert table == list(INVARIANTS)


def test_the_table_of_floors_is_the_contract() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    table = rows(ARCHITECTURE.split("## Floors")[1].split("\n## ")[0])[1:]
    assert [set(named(row[1])) for row in table] == [set(layer.split(" | ")) for layer in contract["layers"]]


def test_the_schedule_on_its_page_is_the_one_that_is_loaded() -> None:
    with (ROOT / "settlement/schedule.csv").open(newline="") as file:
        steps = list(csv.DictReader(file))
    table = [row for row in rows((ROOT / "docs/engines/business-day.md").read_text()) if len(row) == 5][1:]
    day = {"-1": "evening before", "0": "business date"}
    assert table == [
        [f"`{step['code']}`", step["name"], f"`{step['action']}`", day[step["day_offset"]], step["time_of_day"]]
        for step in steps
    ]


def test_every_decision_is_listed() -> None:
    index = (ROOT / "docs/adr/README.md").read_text()
    numbered = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))
    assert [path.name for path in numbered] == [link for link in LINK.findall(index) if link[:1].isdigit()]
    assert [int(path.name[:4]) for path in numbered] == list(range(1, len(numbered) + 1))


@pytest.mark.parametrize("app", APPS)
def test_every_app_says_what_enters_and_what_leaves(app: str) -> None:
    text = (ROOT / app / "README.md").read_text()
    assert "**Enters:**" in text
    assert "**Leaves:**" in text
    assert len(text.splitlines()) <= 60, "one screen"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(FENCE.sub("", page.read_text())):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in heading_anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = page.read_text()
    commands = [span for span in CODE_SPAN.findall(text) if span.startswith("make ")]
    commands += [line for fence in FENCE.findall(text) for line in fence.splitlines() if line.startswith("make ")]
    assert {command.split()[1] for command in commands} <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_is_named_exists(page: Path) -> None:
    """A path with a slash is a file of the project; one without may be a room, or a file beside the page."""
    spans = CODE_SPAN.findall(FENCE.sub("", page.read_text()))
    named_paths = [
        span for span in spans if "/" in span and span.endswith(FILE_ENDS) and re.fullmatch(r"[\w./-]+", span)
    ]
    for path in named_paths:
        if path.startswith(("/", "var/", "core/", "api/", "services/", "queries/")):
            continue  # An address, a directory made at run time, or a room that every app has.
        assert (ROOT / path).exists() or (page.parent / path).exists(), path


def test_every_management_command_that_is_named_exists() -> None:
    commands = get_commands()
    for page in PAGES:
        for name in re.findall(r"manage\.py ([a-z_0-9]+)", page.read_text()):
            assert name in commands, f"{page.name}: {name}"


def test_the_commands_name_what_the_shipped_market_has() -> None:
    """A reader who pastes them after `make run` asks for what is there."""
    known = {
        name: {row[column] for row in csv.DictReader((DATA / file).open(newline=""))}
        for name, file, column in (("BUYER", "participants.csv", "code"), ("ISIN", "stocks.csv", "isin"))
    } | {"CLIENT": {client.code for client in CLIENTS}}  # fmt: skip
    known["SELLER"] = known["BUYER"]
    blocks = "\n".join(found for page in PAGES for found in FENCE.findall(page.read_text()) if found[3:5] == "sh")
    named = [(name, code) for name, code in re.findall(r"\$\{(\w+):-([^}]+)\}", blocks) if name in known]
    for kind, code in re.findall(r"/(clients|participants)/([A-Z][A-Z0-9-]+)", blocks):
        named.append(("CLIENT" if kind == "clients" else "BUYER", code))
    named += [("CLIENT", TICKET["client"]), ("ISIN", TICKET["security"])]
    assert {name for name, _ in named} == set(known)
    assert [(name, code) for name, code in named if code not in known[name]] == []
