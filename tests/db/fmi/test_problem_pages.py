"""The type of a problem document is the address of a page that explains it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from django.test import Client

from fmi.problem_pages import GENERAL, problem_kinds
from fmi.problems import FRAMEWORK_CODES
from reference.refusals import all_refusals

ROOT = Path(__file__).resolve().parents[3]


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
