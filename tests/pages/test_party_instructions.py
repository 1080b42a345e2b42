"""The pages of single parties' instructions: the lists, the entry form, one instruction and what is done to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.pages.reading import get_csv, get_text, text_of

if TYPE_CHECKING:
    from django.test import Client

    from settlement.models import Instruction, PartyInstruction
    from tests.factories.chain import Chain

FORM = {
    "reference": "BUY-1", "movement": "RECE", "payment": "APMT", "account": "HOUSE", "counterparty": "BRAVO",
    "security": "STOCK", "quantity": "10", "amount": "100.00", "currency": "EUR", "intended_date": "2008-09-11",
    "priority": "4", "partial": "NPAR", "partial_minimum": "", "trade_date": "", "common_reference": "",
    "counterparty_account": "", "link_kind": "WITH", "link_reference": "",
}  # fmt: skip
OTHER = FORM | {"reference": "SELL-1", "movement": "DELI", "counterparty": "ALPHA"}


def post(client: Client, form: dict[str, str], **changes: str) -> str:
    return text_of(client.post("/instructions/new/", form | changes, follow=True))


def match(chain: Chain) -> None:
    from settlement.services.match_instructions import match_instructions

    match_instructions(at=chain.at, business_date=chain.day)


def party(reference: str) -> PartyInstruction:
    from settlement.models import PartyInstruction

    return PartyInstruction.objects.get(reference=reference)


@pytest.fixture
def pair(alpha: Client, bravo: Client, chain: Chain) -> Instruction:
    """One delivery that both sides entered on the page, matched."""
    post(alpha, FORM)
    post(bravo, OTHER)
    match(chain)
    instruction = party("BUY-1").instruction
    assert instruction is not None
    return instruction


def test_entered_alleged_answered_and_matched(alpha: Client, bravo: Client, chain: Chain) -> None:
    from settlement.services.allege_instructions import allege_instructions

    text = post(alpha, FORM)
    assert "ALPHA receives 10 STOCK against 100.00 EUR Unmatched" in text
    match(chain)
    chain.move_to(chain.day, 11)
    allege_instructions(at=chain.at, business_date=chain.day)
    assert "Alleged" in get_text(alpha, "/party-instructions/")
    assert "BUY-1" not in get_text(bravo, "/party-instructions/?view=alleged")
    page = bravo.get("/party-instructions/?view=alleged")
    assert "Others have instructed these with you" in text_of(page)
    assert page.context["rows"][0][1].startswith("/instructions/new/?movement=DELI&payment=APMT&counterparty=ALPHA")
    filled = bravo.get(page.context["rows"][0][1])
    assert filled.context["values"]["amount"] == "100.00"
    post(bravo, OTHER)
    match(chain)
    assert "it settles as instruction" in get_text(alpha, f"/party-instructions/{party('BUY-1').public_id}/")
    assert get_csv(alpha, "/party-instructions/?view=all&format=csv")[0]["reference"] == "BUY-1"
    assert "reference" not in bravo.get("/party-instructions/?view=alleged&format=csv").getvalue().decode().split(",")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"counterparty": "NOBODY"}, "No participant has the code 'NOBODY'."),
        ({"partial": "PARQ", "partial_minimum": "11"}, "The least part must lie between 1 and the quantity, 10."),
        ({"link_reference": "NONE"}, "You have no instruction 'NONE'."),
        ({"intended_date": "2008-09-13"}, "2008-09-13 is a weekend or a holiday."),
        ({"quantity": "ten"}, "A valid integer is required."),
        ({"movement": "UP"}, '"UP" is not a valid choice.'),
    ],
)
def test_the_form_says_what_is_wrong_and_keeps_what_was_filled_in(
    alpha: Client, chain: Chain, changes: dict[str, str], message: str
) -> None:
    from settlement.models import PartyInstruction

    response = alpha.post("/instructions/new/", FORM | changes)
    assert response.status_code == 422
    assert message in text_of(response)
    assert 'value="BUY-1"' in response.content.decode()
    assert not PartyInstruction.objects.exists()


def test_operator_enters_for_whom_it_names_and_auditor_not_at_all(operator: Client, auditor: Client) -> None:
    assert "Name the participant for whom you instruct." in text_of(operator.post("/instructions/new/", FORM))
    assert "ALPHA receives 10 STOCK" in post(operator, FORM, participant="ALPHA")
    assert auditor.get("/instructions/new/").status_code == 403
    assert "Enter an instruction" not in get_text(auditor, "/party-instructions/")


def test_hold_amend_link_and_cancel_while_unmatched(alpha: Client, bravo: Client, chain: Chain) -> None:
    post(alpha, FORM)
    post(alpha, FORM, reference="BUY-2", quantity="7", link_reference="BUY-1", link_kind="AFTER")
    address = f"/party-instructions/{party('BUY-2').public_id}/"
    text = get_text(alpha, address)
    assert "After BUY-1 waits until both are matched" in text

    def act(action: str, **form: Any) -> str:
        return text_of(alpha.post(f"{address}{action}/", form, follow=True))

    assert "on hold" in act("hold")
    assert "Your hold is released." in act("release")
    assert "priority 4, now 2" in act("amend", priority="2", partial="PART")
    assert "The link contradicts one that stands" in act("link", kind="WITH", reference="BUY-1")
    assert "Your link with BUY-1 is gone." in act("unlink", reference="BUY-1")
    assert bravo.post(f"{address}cancel/").status_code == 404
    assert "The instruction is cancelled." in act("cancel", reason="a mistake")
    assert "a mistake" in get_text(alpha, address)


def test_both_parties_cancel_on_the_page(alpha: Client, bravo: Client, pair: Instruction) -> None:
    address = f"/instructions/{pair.public_id}/"
    text = text_of(alpha.post(f"{address}cancel/", follow=True))
    assert "Your wish is noted." in text
    assert "The receiver wants it cancelled; it waits for the other side." in text
    other = get_text(bravo, address)
    assert "The receiver wants it cancelled. It is as soon as the other side asks too." in other
    assert "The instruction is cancelled." in text_of(bravo.post(f"{address}cancel/", follow=True))
    assert "MACH CANC" in get_text(alpha, address)


def test_amend_and_link_what_is_matched(
    alpha: Client, bravo: Client, operator: Client, chain: Chain, pair: Any
) -> None:
    address = f"/instructions/{pair.public_id}/"
    text = text_of(alpha.post(f"{address}amend/", {"priority": "1", "partial": "PARQ", "partial_minimum": "x"},
                              follow=True))  # fmt: skip
    assert "The least part that may settle is more than nothing" in text
    text = text_of(alpha.post(f"{address}amend/", {"priority": "1", "partial": "NPAR"}, follow=True))
    assert "The instruction is amended." in text
    post(alpha, FORM, reference="BUY-2", quantity="7")
    text = text_of(alpha.post(f"{address}link/", {"kind": "WITH", "reference": "BUY-2"}, follow=True))
    assert "held by the receiver" in text
    assert "Together with BUY-2 waits until both are matched" in text
    post(bravo, OTHER, reference="SELL-2", quantity="7")
    match(chain)
    second = party("BUY-2").instruction
    assert second is not None
    assert "Together with SELL-2" in get_text(bravo, address)
    assert "Take it away" not in get_text(bravo, address), "the link is the other party's"
    text = text_of(operator.post(f"{address}unlink/", {"reference": str(second.public_id)}, follow=True))
    assert "Together with" not in text
    assert "Instructed by ALPHA" in text


def test_a_payment_is_shown_without_a_security(alpha: Client, bravo: Client, chain: Chain) -> None:
    payment = {"payment": "PFOD", "security": "", "quantity": ""}
    post(alpha, FORM, movement="DBIT", **payment)
    post(bravo, OTHER, movement="CRDT", **payment)
    match(chain)
    assert "payment only" in get_text(alpha, "/instructions/")
    assert get_csv(alpha, "/instructions/?q=SELL-1&format=csv")[0]["isin"] == ""
    row = party("BUY-1").instruction
    assert row is not None
    assert "ALPHA pays BRAVO 100.00 EUR" in get_text(alpha, f"/instructions/{row.public_id}/")


def test_others_see_nothing(delta: Client, pair: Instruction) -> None:
    assert delta.get(f"/instructions/{pair.public_id}/").status_code == 404
    assert delta.get(f"/party-instructions/{party('BUY-1').public_id}/").status_code == 404
    for action in ("cancel", "amend", "link", "unlink"):
        assert delta.post(f"/instructions/{pair.public_id}/{action}/").status_code == 404
