"""The type of a problem document is the address of a page that explains it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from rest_framework.exceptions import APIException, MethodNotAllowed, UnsupportedMediaType

from fmi.problem_pages import GENERAL, problem_kinds
from fmi.problems import FRAMEWORK_CODES, handle_exception, refusal_document
from reference.refusals import Refusal, all_refusals

ROOT = Path(__file__).resolve().parents[3]
FLOORS = ("reference", "events", "ledger", "trades", "settlement", "clearing", "fmi")
# What a server that takes requests has imported, and nothing that only other tests have.
LISTED = """
import json
import fmi.asgi
from django.urls import get_resolver
from fmi.problem_pages import problem_kinds
get_resolver().url_patterns
print(json.dumps({code: kind.status for code, kind in problem_kinds().items()}))
"""


def test_every_type_has_its_page(client: Client) -> None:
    listed = client.get("/problems/").content.decode()
    for code, kind in problem_kinds().items():
        page = client.get(f"/problems/{code}")
        assert page.status_code == 200
        assert f"/problems/{code}" in listed
        assert kind.title in page.content.decode()
        assert kind.paragraphs[0]


def test_an_unknown_type_has_none(client: Client) -> None:
    assert client.get("/problems/no-such-code").status_code == 404


def test_general_types_cover_what_the_handler_answers() -> None:
    assert set(FRAMEWORK_CODES.values()) <= set(GENERAL)
    source = ast.parse((ROOT / "fmi/problems.py").read_text())
    for node in ast.walk(source):
        if isinstance(node, ast.keyword) and node.arg == "code":
            for constant in ast.walk(node.value):
                if isinstance(constant, ast.Constant):
                    assert constant.value in GENERAL


def _refusals_written() -> dict[str, str]:
    """Return the code of every subclass of Refusal in the source, by place and name."""
    classes: dict[str, tuple[set[str], str | None]] = {}
    for path in (one for floor in FLOORS for one in (ROOT / floor).rglob("*.py")):
        text = path.read_text()
        for node in ast.walk(ast.parse(text)) if "Refus" in text else ():
            if isinstance(node, ast.ClassDef):
                codes = [
                    part.value.value
                    for part in node.body
                    if isinstance(part, ast.Assign | ast.AnnAssign)
                    and isinstance(part.value, ast.Constant)
                    and "code" in ast.unparse(part).partition("=")[0].partition(":")[0].split()
                ]
                bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
                classes[f"{path.relative_to(ROOT)}:{node.name}"] = (bases, str(codes[0]) if codes else None)
    refusals, grown = {"Refusal"}, True
    while grown:
        grown = False
        for place, (bases, _) in classes.items():
            name = place.rpartition(":")[2]
            if bases & refusals and name not in refusals:
                refusals.add(name)
                grown = True
    return {place: code for place, (bases, code) in classes.items() if bases & refusals and code is not None}


def test_a_server_has_a_page_for_every_refusal_that_is_written() -> None:
    """A refusal of a module that only a command imports would have none."""
    answer = subprocess.run([sys.executable, "-c", LISTED], capture_output=True, text=True, check=True, cwd=ROOT)
    listed: dict[str, int] = json.loads(answer.stdout.splitlines()[-1])
    written = _refusals_written()
    assert len(written) > 300
    assert {place: code for place, code in written.items() if code not in listed} == {}
    # One code is one rule: no two classes share it, not even two that are never imported together.
    assert [code for code, count in Counter(written.values()).items() if count > 1] == []


def _kinds_of(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds_of(below)


def test_the_type_of_what_the_framework_answers_is_one_of_those_with_a_page() -> None:
    """Also of an error that is nobody's: a subclass has the type of what it is a kind of."""
    kinds = problem_kinds()
    for kind in set(_kinds_of(APIException)):
        own = type("OfSomeLibrary", (kind,), {})
        for error in (_made(kind), _made(own)):
            answer = handle_exception(error, {})
            assert answer is not None
            document = answer.data
            assert document["type"] == f"/problems/{document['code']}"
            assert document["title"] == kinds[document["code"]].title
            assert document["status"] == GENERAL[document["code"]][0] == answer.status_code


def _made(kind: type[Any]) -> APIException:
    """Return an error of this kind; two take what was asked for."""
    error: APIException = kind("PATCH") if issubclass(kind, MethodNotAllowed | UnsupportedMediaType) else kind()
    return error


def test_the_type_of_a_refusal_is_one_of_those_with_a_page() -> None:
    kinds = problem_kinds()
    refusals: list[type[Refusal]] = [Refusal, *all_refusals().values()]
    for kind in refusals:
        document = refusal_document(kind("Words."))
        assert document["type"] == f"/problems/{kind.code}"
        assert document["title"] == kinds[kind.code].title
        assert document["status"] == kinds[kind.code].status == kind.status


def test_no_two_types_have_one_title() -> None:
    titles = Counter(kind.title for kind in problem_kinds().values())
    assert [title for title, count in titles.items() if count > 1] == []


def test_a_code_has_one_status() -> None:
    for code in set(GENERAL) & set(all_refusals()):
        assert all_refusals()[code].status == GENERAL[code][0]


@pytest.mark.django_db
def test_an_address_that_is_not_there_answers_in_the_form_that_was_asked(client: Client) -> None:
    document = client.get("/api/v1/nothing", headers={"accept": "application/json"})
    assert document.status_code in (302, 401, 404)
    page = client.get("/nothing")
    assert page.status_code == 404
    assert "There is no such page" in page.content.decode()
