"""The journal: posted once, balanced, never below a limit; statement, trial balance, balances as of a date."""

from __future__ import annotations

import threading
from datetime import date

import numpy as np
import pytest
from django.db import connection

from ledger.models import Account, Balance, JournalEntry, Posting
from ledger.queries import positions_as_of, positions_of, statement_of, trial_balance
from ledger.refusals import BalanceBelowLimit, EntryNotBalanced, UnknownAccount
from ledger.services import open_accounts, post_entries
from tests.factories.chain import MONDAY, Chain, make_chain, total_by_asset

TUESDAY = date(2008, 9, 9)


def post(chain: Chain, source_id: int, *lines: tuple[int, str, int], source: str = "TEST") -> int:
    """Post one entry of (account id, asset, amount) lines."""
    return post_entries(
        source=source,
        business_date=chain.day,
        at=chain.at,
        source_ids=np.full(len(lines), source_id, dtype=np.int64),
        accounts=np.array([line[0] for line in lines], dtype=np.int64),
        assets=np.array([chain.assets[line[1]] for line in lines], dtype=np.int64),
        amounts=np.array([line[2] for line in lines], dtype=np.int64),
    )


def move(chain: Chain, source_id: int, giver: str, receiver: str, amount: int, asset: str = "EUR") -> int:
    one, two = chain.account(giver, asset).pk, chain.account(receiver, asset).pk
    return post(chain, source_id, (one, asset, -amount), (two, asset, amount))


def test_an_entry_moves_balances_once_however_often_it_is_posted(chain: Chain) -> None:
    chain.give("ALPHA", "EUR", 1_000)
    assert [move(chain, 1, "ALPHA", "BRAVO", 400) for _ in range(3)] == [1, 0, 0]
    assert (chain.balance("ALPHA", "EUR"), chain.balance("BRAVO", "EUR")) == (600, 400)
    assert JournalEntry.objects.filter(source="TEST").count() == 1


def test_the_same_number_of_another_source_is_another_entry(chain: Chain) -> None:
    chain.give("ALPHA", "EUR", 1_000)
    one, two = chain.account("ALPHA", "EUR").pk, chain.account("BRAVO", "EUR").pk
    for source in ("TEST", "OTHER"):
        assert post(chain, 1, (one, "EUR", -1), (two, "EUR", 1), source=source) == 1


def test_of_a_set_only_the_new_entries_are_posted(chain: Chain) -> None:
    chain.give("ALPHA", "EUR", 1_000)
    move(chain, 1, "ALPHA", "BRAVO", 100)
    one, two = chain.account("ALPHA", "EUR").pk, chain.account("BRAVO", "EUR").pk
    count = post_entries(
        source="TEST",
        business_date=chain.day,
        at=chain.at,
        source_ids=np.array([1, 1, 2, 2], dtype=np.int64),
        accounts=np.array([one, two, one, two], dtype=np.int64),
        assets=np.full(4, chain.assets["EUR"], dtype=np.int64),
        amounts=np.array([-999, 999, -7, 7], dtype=np.int64),
    )
    assert count == 1
    assert chain.balance("BRAVO", "EUR") == 107


def test_an_entry_that_does_not_balance_is_refused_whole(chain: Chain) -> None:
    chain.give("ALPHA", "EUR", 1_000)
    one, two = chain.account("ALPHA", "EUR").pk, chain.account("BRAVO", "EUR").pk
    with pytest.raises(EntryNotBalanced):
        post(chain, 1, (one, "EUR", -100), (two, "EUR", 99))
    with pytest.raises(EntryNotBalanced):
        # In sum it balances, asset by asset it does not.
        post(chain, 2, (one, "EUR", -100), (two, "USD", 100))
    assert chain.balance("ALPHA", "EUR") == 1_000
    assert not JournalEntry.objects.filter(source="TEST").exists()


def test_nothing_ends_below_its_limit_and_the_refusal_leaves_no_trace(chain: Chain) -> None:
    chain.give("ALPHA", "EUR", 1_000)
    with pytest.raises(BalanceBelowLimit):
        move(chain, 1, "ALPHA", "BRAVO", 1_001)
    assert move(chain, 1, "ALPHA", "BRAVO", 1_000) == 1
    assert chain.balance("ALPHA", "EUR") == 0


def test_within_one_statement_only_the_end_counts(chain: Chain) -> None:
    """BRAVO pays on what it receives in the same statement."""
    chain.give("ALPHA", "EUR", 100)
    accounts = [chain.account(code, "EUR").pk for code in ("BRAVO", "CHARLIE", "ALPHA", "BRAVO")]
    count = post_entries(
        source="TEST",
        business_date=chain.day,
        at=chain.at,
        source_ids=np.array([1, 1, 2, 2], dtype=np.int64),
        accounts=np.array(accounts, dtype=np.int64),
        assets=np.full(4, chain.assets["EUR"], dtype=np.int64),
        amounts=np.array([-100, 100, -100, 100], dtype=np.int64),
    )
    assert count == 2
    assert [chain.balance(code, "EUR") for code in ("ALPHA", "BRAVO", "CHARLIE")] == [0, 0, 100]


def test_an_account_that_does_not_exist_is_refused(chain: Chain) -> None:
    with pytest.raises(UnknownAccount):
        post(chain, 1, (999_999, "EUR", -1), (chain.account("ALPHA", "EUR").pk, "EUR", 1))


def test_lines_of_nothing_are_left_out(chain: Chain) -> None:
    one, two = chain.account("ALPHA", "EUR").pk, chain.account("BRAVO", "EUR").pk
    assert post(chain, 1, (one, "EUR", 0), (two, "EUR", 0)) == 0
    assert not JournalEntry.objects.filter(source="TEST").exists()


def test_issuance_accounts_go_below_zero_so_that_every_asset_sums_to_zero(chain: Chain) -> None:
    chain.give("ALPHA", "EUR", 500)
    chain.give("ALPHA", "STOCK", 7)
    assert set(total_by_asset().values()) == {0}
    assert Balance.objects.get(account=chain.account("BANK", "EUR", "ISSUANCE")).balance == -500


def test_accounts_are_opened_once_and_linked(chain: Chain) -> None:
    before = Account.objects.count()
    opened = open_accounts(participants=[(chain.ids["ALPHA"], "ALPHA")])
    assert Account.objects.count() == before
    account = opened[chain.ids["ALPHA"]]
    assert account == chain.account("ALPHA")
    assert account.linked_cash == chain.account("ALPHA", "EUR")
    fund = chain.account("ALPHA", "STOCK", "FUND")
    assert (fund.code, fund.is_client, fund.linked_cash) == (
        "ALPHA-SEC-FUND", True, chain.account("ALPHA", "EUR", "FUND"),
    )  # fmt: skip


def test_the_statement_runs_and_is_carried_forward(chain: Chain) -> None:
    chain.give("ALPHA", "EUR", 1_000)
    move(chain, 1, "ALPHA", "BRAVO", 300)
    chain.move_to(TUESDAY)
    move(chain, 2, "ALPHA", "BRAVO", 200)
    chain.give("ALPHA", "USD", 9)
    account = chain.account("ALPHA", "EUR")
    assert [(row.amount, row.running) for row in statement_of(account_id=account.pk)] == [
        (1_000, 1_000), (-300, 700), (-200, 500), (9, 9),
    ]  # fmt: skip
    euro = chain.assets["EUR"]
    later = statement_of(account_id=account.pk, asset_id=euro, date_from=TUESDAY)
    assert [(row.amount, row.running) for row in later] == [(-200, 500)]
    earlier = statement_of(account_id=account.pk, date_to=MONDAY)
    assert [row.running for row in earlier] == [1_000, 700]


def test_balances_as_of_a_date_come_from_the_journal(chain: Chain) -> None:
    chain.give("ALPHA", "EUR", 1_000)
    chain.move_to(TUESDAY)
    move(chain, 1, "ALPHA", "BRAVO", 1_000)
    alpha, bravo = chain.ids["ALPHA"], chain.ids["BRAVO"]
    assert [row["balance"] for row in positions_as_of(participant_id=alpha, business_date=MONDAY)] == [1_000]
    assert positions_as_of(participant_id=alpha, business_date=TUESDAY) == []
    assert positions_as_of(participant_id=bravo, business_date=MONDAY) == []
    assert not positions_of(participant_id=alpha).exists()
    assert [row.balance for row in positions_of(participant_id=bravo)] == [1_000]


def test_the_trial_balance_shows_held_and_issued_alike(chain: Chain) -> None:
    chain.give("ALPHA", "EUR", 1_000)
    chain.give("BRAVO", "EUR", 500)
    chain.move_to(TUESDAY)
    chain.give("BRAVO", "STOCK", 7)
    rows = {row["code"]: (row["held"], row["issued"], row["accounts"]) for row in trial_balance()}
    assert rows == {"EUR": (1_500, 1_500, 3), chain.isins["STOCK"]: (7, 7, 2)}
    assert [row["code"] for row in trial_balance(business_date=MONDAY)] == ["EUR"]


@pytest.mark.django_db(transaction=True)
def test_many_at_once_cannot_spend_the_same_money_twice() -> None:
    chain = make_chain()
    chain.give("ALPHA", "EUR", 500)
    refused: list[int] = []

    def spend(number: int) -> None:
        try:
            move(chain, number, "ALPHA", "BRAVO", 100)
        except BalanceBelowLimit:
            refused.append(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=spend, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(refused) == 3
    assert (chain.balance("ALPHA", "EUR"), chain.balance("BRAVO", "EUR")) == (0, 500)
    assert Posting.objects.filter(entry__source="TEST").count() == 10
