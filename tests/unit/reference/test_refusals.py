"""The base class of the named refusals."""

import pickle

import pytest

from reference.core.identifiers import IsinMalformed
from reference.refusals import Refusal, UnknownSecurity, all_refusals, default_message


def test_the_docstring_is_the_default_message() -> None:
    assert UnknownSecurity().message == "No security has this ISIN."
    assert str(UnknownSecurity("Not this one.")) == "Not this one."
    assert default_message(IsinMalformed).startswith("An ISIN is a country code")


def test_it_carries_pointer_and_extra_through_pickle() -> None:
    refusal = pickle.loads(pickle.dumps(UnknownSecurity(pointer="/isin", line=3)))
    assert (refusal.pointer, refusal.extra, refusal.message) == (
        "/isin",
        {"line": 3},
        "No security has this ISIN.",
    )


def test_every_refusal_is_listed_once_with_words_and_a_status() -> None:
    listed = all_refusals()
    assert listed["unknown-security"] is UnknownSecurity
    for code, kind in listed.items():
        assert kind.code == code
        assert 400 <= kind.status < 600
        assert default_message(kind).endswith(".")


def test_a_second_refusal_under_a_code_is_an_error() -> None:
    with pytest.raises(TypeError, match="same code"):
        type("Other", (Refusal,), {"code": "unknown-security"})
    with pytest.raises(TypeError, match="kebab-case"):
        type("Other", (Refusal,), {"code": "Not Kebab"})
