"""Novation and multilateral netting, with a worked example computed by hand."""

from __future__ import annotations

from datetime import date

from clearing.models import NettingRun, Novation, Obligation, ObligationKind
from events.models import OutboxFact
from ledger.models import Account
from reference.queries import directory
from settlement.models import Instruction
from tests.factories.chain import WEDNESDAY, Chain
from trades.models import Match

THURSDAY = date(2008, 9, 11)


def book(chain: Chain) -> None:
    """Six trades in two securities, two dates and two currencies, one of them on a client's account.

    STOCK, settling 10 September, EUR (units @ price -> amount in cents):
      1. ALPHA   buys 100 from BRAVO   @ 10.00 -> 100,000
      2. BRAVO   buys 100 from CHARLIE @ 10.50 -> 105,000
      3. CHARLIE buys  60 from ALPHA   @ 11.00 ->  66,000
      4. ALPHA for its FUND buys 40 from CHARLIE @ 10.25 -> 41,000
    STOCK, settling 11 September:
      5. ALPHA   buys  10 from BRAVO   @ 10.00 ->  10,000
    DOLLAR, settling 10 September, USD:
      6. BRAVO   buys   5 from ALPHA   @ 20.00 ->  10,000
    """
    chain.trade("1", "ALPHA", "BRAVO", quantity=100, price="10.00")
    chain.trade("2", "BRAVO", "CHARLIE", quantity=100, price="10.50")
    chain.trade("3", "CHARLIE", "ALPHA", quantity=60, price="11.00")
    chain.capture("4-A", "ALPHA", "CHARLIE", by="ALPHA", quantity=40, price="10.25", account="FUND")
    chain.capture("4-C", "ALPHA", "CHARLIE", by="CHARLIE", quantity=40, price="10.25")
    chain.trade("5", "ALPHA", "BRAVO", quantity=10, price="10.00", settlement_date="2008-09-11")
    chain.trade("6", "BRAVO", "ALPHA", security="DOLLAR", currency="USD", quantity=5, price="20.00")
    assert chain.match() == 6
    assert chain.novate() == 6


def nets() -> dict[tuple[str, str, date], tuple[int, int, int]]:
    """Return (account, security, date) -> (units received, minor units received, trades)."""
    source = directory()
    accounts = dict(Account.objects.values_list("pk", "code"))
    return {
        (accounts[row.account_id], source.securities[row.security_id].symbol, row.settlement_date): (
            row.quantity_units, row.cash_minor, row.trades,
        )
        for row in Obligation.objects.filter(kind=ObligationKind.NET)
    }  # fmt: skip


def test_the_worked_example(chain: Chain) -> None:
    book(chain)
    chain.move_to(WEDNESDAY)
    assert chain.net() == 6
    assert nets() == {
        # bought 100, sold 60: +40; paid 1,000.00, received 660.00: -340.00
        ("ALPHA-SEC-HOUSE", "STOCK", WEDNESDAY): (40, -34_000, 2),
        # the client's own: +40 for 410.00
        ("ALPHA-SEC-FUND", "STOCK", WEDNESDAY): (40, -41_000, 1),
        # sold 100, bought 100: nothing to deliver; received 1,000.00, paid 1,050.00
        ("BRAVO-SEC-HOUSE", "STOCK", WEDNESDAY): (0, -5_000, 2),
        # sold 100 and 40, bought 60: -80; received 1,050.00 and 410.00, paid 660.00
        ("CHARLIE-SEC-HOUSE", "STOCK", WEDNESDAY): (-80, 80_000, 3),
        ("BRAVO-SEC-HOUSE", "DOLLAR", WEDNESDAY): (5, -10_000, 1),
        ("ALPHA-SEC-HOUSE", "DOLLAR", WEDNESDAY): (-5, 10_000, 1),
    }
    run = NettingRun.objects.get()
    assert (run.settlement_date, run.contracts, run.obligations) == (WEDNESDAY, 5, 6)
    # Each trade's value on both its sides: 2 x (100,000 + 105,000 + 66,000 + 41,000); 2 x 10,000.
    assert run.gross_minor == {"EUR": 624_000, "USD": 20_000}
    assert run.net_minor == {"EUR": 34_000 + 41_000 + 5_000 + 80_000, "USD": 20_000}
    later = Novation.objects.get(netting_run=None)
    assert later.settlement_date == THURSDAY
    assert set(Obligation.objects.values_list("counterparty_account", flat=True)) == {chain.account("CCP").pk}


def test_every_contract_is_netted_once_and_late_ones_in_a_run_of_their_own(chain: Chain) -> None:
    book(chain)
    chain.move_to(WEDNESDAY)
    assert [chain.net(), chain.net()] == [6, 0]
    chain.trade("late", "DELTA", "ALPHA", quantity=7, settlement_date="2008-09-10", trade_date="2008-09-08")
    chain.clear()
    assert chain.net() == 2
    chain.move_to(THURSDAY)
    assert chain.net() == 2
    assert list(NettingRun.objects.order_by("id").values_list("settlement_date", "contracts")) == [
        (WEDNESDAY, 5),
        (WEDNESDAY, 1),
        (THURSDAY, 1),
    ]
    assert not Novation.objects.filter(netting_run=None).exists()


def test_what_several_dates_left_open_is_netted_date_by_date(chain: Chain) -> None:
    book(chain)
    chain.move_to(THURSDAY)
    assert chain.net() == 8
    assert NettingRun.objects.count() == 2
    assert nets()["ALPHA-SEC-HOUSE", "STOCK", THURSDAY] == (10, -10_000, 1)


def test_novation_twice_changes_nothing(chain: Chain) -> None:
    chain.trade("1", "ALPHA", "BRAVO")
    chain.match()
    assert [chain.novate(), chain.novate()] == [1, 0]
    assert (chain.status("1-A"), chain.status("1-B")) == ("CLEARED", "CLEARED")
    assert OutboxFact.objects.filter(name="TradesNovated").count() == 1


def test_a_trade_not_to_be_cleared_goes_gross_between_its_parties(chain: Chain) -> None:
    chain.trade("1", "ALPHA", "BRAVO", cleared=False)
    chain.match()
    assert [chain.novate(), chain.novate()] == [0, 0]
    assert chain.status("1-A") == "MATCHED"
    obligation = Obligation.objects.get()
    assert (obligation.kind, obligation.match, obligation.quantity_units, obligation.cash_minor) == (
        "GROSS", Match.objects.get(), -100, 100_000,
    )  # fmt: skip
    assert obligation.account == chain.account("BRAVO")
    assert obligation.counterparty_account == chain.account("ALPHA")


def test_instructions_carry_what_the_obligations_say(chain: Chain) -> None:
    book(chain)
    chain.trade("gross", "DELTA", "ALPHA", cleared=False, quantity=3)
    chain.clear()
    chain.move_to(WEDNESDAY)
    chain.net()
    assert [chain.instruct(), chain.instruct()] == [7, 0]
    accounts = dict(Account.objects.values_list("pk", "code"))
    found = {
        (accounts[row.deliverer_account_id], accounts[row.receiver_account_id], row.quantity_units, row.cash_minor)
        for row in Instruction.objects.all()
    }
    assert found == {
        ("CCP-SEC-HOUSE", "ALPHA-SEC-HOUSE", 40, 34_000),
        ("CCP-SEC-HOUSE", "ALPHA-SEC-FUND", 40, 41_000),
        # No securities move: BRAVO pays the CCP, which stands as the side that is paid.
        ("CCP-SEC-HOUSE", "BRAVO-SEC-HOUSE", 0, 5_000),
        ("CHARLIE-SEC-HOUSE", "CCP-SEC-HOUSE", 80, 80_000),
        ("CCP-SEC-HOUSE", "BRAVO-SEC-HOUSE", 5, 10_000),
        ("ALPHA-SEC-HOUSE", "CCP-SEC-HOUSE", 5, 10_000),
        ("ALPHA-SEC-HOUSE", "DELTA-SEC-HOUSE", 3, 3_000),
    }


def test_who_sold_dear_and_bought_cheap_is_paid_without_delivering(chain: Chain) -> None:
    chain.trade("1", "ALPHA", "BRAVO", price="10")
    chain.trade("2", "BRAVO", "ALPHA", price="9")
    chain.clear()
    chain.move_to(WEDNESDAY)
    chain.net()
    assert nets() == {
        ("ALPHA-SEC-HOUSE", "STOCK", WEDNESDAY): (0, -10_000, 2),
        ("BRAVO-SEC-HOUSE", "STOCK", WEDNESDAY): (0, 10_000, 2),
    }
    chain.give("ALPHA", "EUR", 10_000)
    chain.instruct()
    cycle = chain.cycle()
    assert cycle is not None
    assert cycle.settled == 2
    chain.discharge()
    assert chain.status("1-A") == "SETTLED"
    assert (chain.balance("ALPHA", "EUR"), chain.balance("BRAVO", "EUR")) == (0, 10_000)


def test_what_nets_to_nothing_settles_without_an_instruction(chain: Chain) -> None:
    chain.trade("1", "ALPHA", "BRAVO")
    chain.trade("2", "BRAVO", "ALPHA")
    chain.clear()
    chain.move_to(WEDNESDAY)
    chain.net()
    assert chain.instruct() == 0
    assert [chain.discharge(), chain.discharge()] == [2, 0]
    assert {chain.status(name) for name in ("1-A", "1-B", "2-A", "2-B")} == {"SETTLED"}


def test_a_trade_is_settled_only_when_both_its_sides_are(chain: Chain) -> None:
    """BRAVO delivers, but the CCP cannot be paid by ALPHA, who has no money: BRAVO waits with the CCP."""
    chain.trade("1", "ALPHA", "BRAVO", price="10")
    chain.give("BRAVO", "STOCK", 100)
    chain.give("CCP", "EUR", 100_000)
    chain.clear()
    chain.move_to(WEDNESDAY)
    chain.settle()
    sold, bought = (Obligation.objects.get(account=chain.account(code)) for code in ("BRAVO", "ALPHA"))
    assert (sold.discharged_at is not None, bought.discharged_at) == (True, None)
    assert (chain.status("1-A"), chain.status("1-B")) == ("CLEARED", "CLEARED")
    chain.give("ALPHA", "EUR", 100_000)
    chain.cycle()
    chain.discharge()
    assert (chain.status("1-A"), chain.status("1-B")) == ("SETTLED", "SETTLED")


def test_nothing_due_is_no_run(chain: Chain) -> None:
    assert (chain.net(), chain.instruct(), chain.discharge(), chain.novate()) == (0, 0, 0, 0)
    assert not NettingRun.objects.exists()
    assert not OutboxFact.objects.exists()
