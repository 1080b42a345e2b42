"""Every trigger and constraint of derivatives' tables, attacked with raw SQL over a market that was liquidated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction

from tests.factories.chain import make_chain
from tests.factories.derivatives import BTC, clear_store, make_derivatives

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django import DjangoDbBlocker

pytestmark = pytest.mark.django_db

APPEND_ONLY = {
    "clearing_derivativeaccount": "participant_id", "clearing_derivativeevent": "kind",
    "clearing_derivativetrade": "price_ticks", "clearing_positionchange": "cost_minor",
    "clearing_balancemovement": "amount_minor", "clearing_markprice": "price_ticks",
    "clearing_fundinground": "rate_ppm", "clearing_liquidation": "fee_minor", "clearing_deleveraging": "place",
}  # fmt: skip
CONTRACT = "clearing_derivativecontract"
IMMUTABLE = (
    "symbol", "kind", "underlying_id", "currency_id", "expiry_date", "price_digits", "quantity_digits",
    "value_multiplier", "value_divisor", "initial_bp", "maintenance_bp", "position_limit_steps", "largest_price_ticks",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _played(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Trade, fall, liquidate and deleverage in a transaction around the file; each attack is a savepoint in it."""
    with django_db_blocker.unblock(), transaction.atomic():
        market = make_derivatives(
            make_chain(), money={"ALPHA": 10_000_00, "BRAVO": 100_000_00}, insurance_minor=1_000_00
        )
        market.mark(BTC, "50000")
        market.trade("ALPHA", "BUY", "1", "50000", with_="BRAVO", client_id="A-1")
        market.mark(BTC, "38000")
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        yield
        transaction.set_rollback(True)
    clear_store()
    from reference.queries import forget_directory

    forget_directory()


def refused(statement: str, words: str) -> None:
    """Run a statement; the database must refuse it, naming the rule."""
    with pytest.raises(DatabaseError) as error, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert words in str(error.value), error.value


def copied(table: str, where: str = "true", **changes: str) -> str:
    """Return the INSERT of a row like one that is there, some columns changed."""
    model: Any = next(model for model in apps.get_models() if model._meta.db_table == table)
    own_key = model._meta.pk.column == "id"
    columns = [
        str(field.column)
        for field in model._meta.concrete_fields
        if not (own_key and field.column == "id") and field.column != "recorded_at"
    ]
    values = [changes.get(column, f'"{column}"') for column in columns]
    names = ", ".join(f'"{column}"' for column in columns)
    return f"INSERT INTO {table} ({names}) SELECT {', '.join(values)} FROM {table} WHERE {where} ORDER BY 1 LIMIT 1"


def test_every_table_of_the_attacks_has_rows_but_funding() -> None:
    with connection.cursor() as cursor:
        for table in (*APPEND_ONLY, CONTRACT):
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert (cursor.fetchone()[0] > 0) == (table != "clearing_fundinground"), table


@pytest.mark.parametrize("table", sorted(APPEND_ONLY))
def test_history_is_neither_changed_nor_deleted_nor_truncated(table: str) -> None:
    column = APPEND_ONLY[table]
    refused(f"UPDATE {table} SET {column} = {column}", "append-only")
    refused(f"DELETE FROM {table}", "append-only")
    refused(f"TRUNCATE {table} CASCADE", "never truncated")


@pytest.mark.parametrize("column", IMMUTABLE)
def test_the_terms_of_a_contract_never_change(column: str) -> None:
    refused(f"UPDATE {CONTRACT} SET {column} = {column}", "never change")


EVENT = "sequence = (SELECT max(sequence) FROM clearing_derivativeevent)"
NEXT = "(SELECT max(sequence) + 1 FROM clearing_derivativeevent)"
ATTACKS = {
    "a contract is never deleted": (f"DELETE FROM {CONTRACT}", "never deleted"),
    "a perpetual never expires": (
        f"UPDATE {CONTRACT} SET status = 'EXPIRED', expired_at = now() WHERE kind = 'PERPETUAL'",
        "derivativecontract_only_futures_expire",
    ),
    "expired without a time": (
        f"UPDATE {CONTRACT} SET status = 'EXPIRED' WHERE kind = 'FUTURE'", "derivativecontract_only_futures_expire",
    ),
    "a perpetual with an expiry": (
        copied(CONTRACT, symbol="'X-PERP'", expiry_date="'2008-12-19'"), "derivativecontract_kind",
    ),
    "a symbol of no shape": (copied(CONTRACT, symbol="'X'"), "derivativecontract_kind"),
    "maintenance above initial": (
        copied(CONTRACT, symbol="'X-PERP'", maintenance_bp="initial_bp + 1"), "derivativecontract_margins",
    ),
    "no margin at all": (
        copied(CONTRACT, symbol="'X-PERP'", maintenance_bp="0"), "derivativecontract_margins",
    ),
    "a divisor that is no power of ten": (
        copied(CONTRACT, symbol="'X-PERP'", value_divisor="7"), "derivativecontract_scales",
    ),
    "worth beyond what the script can count": (
        copied(CONTRACT, symbol="'X-PERP'", value_multiplier="1000000"), "derivativecontract_worth_within_range",
    ),
    "a limit beyond what the script can share": (
        copied(CONTRACT, symbol="'X-PERP'", position_limit_steps="90000001"), "derivativecontract_limits",
    ),
    "a symbol twice": (copied(CONTRACT), "derivativecontract_symbol"),
    "two accounts of one participant and currency": (
        copied("clearing_derivativeaccount", "purpose = 'PARTICIPANT'"), "derivativeaccount_once_a_currency",
    ),
    "two insurance funds": (
        copied("clearing_derivativeaccount", "purpose = 'PARTICIPANT'", purpose="'INSURANCE'"), "derivativeaccount_o",
    ),
    "an event twice": (copied("clearing_derivativeevent", nonce="gen_random_uuid()"), "derivativeevent_pkey"),
    "a nonce twice": (copied("clearing_derivativeevent", sequence=NEXT), "derivativeevent_nonce"),
    "a client id twice": (
        copied("clearing_derivativeevent", "client_id <> ''", sequence=NEXT, nonce="gen_random_uuid()"),
        "derivativeevent_asked_once",
    ),
    "a mark price asked for twice": (
        "; ".join(
            [copied("clearing_derivativeevent", "kind = 'MARK'", sequence=NEXT, nonce="gen_random_uuid()",
                    client_id="'key-1'")] * 2
        ),
        "derivativeevent_marked_once",
    ),
    "a client's id of no account but of a mark price": (
        copied("clearing_derivativeevent", "kind = 'MARK'", sequence=NEXT, nonce="gen_random_uuid()",
               kind="'DEPOSIT'", client_id="'key-1'"),
        "derivativeevent_client_has_account",
    ),
    "an event of no kind": (
        copied("clearing_derivativeevent", sequence=NEXT, nonce="gen_random_uuid()", kind="'GIFT'"),
        "derivativeevent_kind",
    ),
    "event number zero": (
        copied("clearing_derivativeevent", sequence="0", nonce="gen_random_uuid()"), "derivativeevent_counted_from_one",
    ),
    "an event of nobody's account": (
        copied("clearing_derivativeevent", sequence=NEXT, nonce="gen_random_uuid()", account_id="999999999",
               client_id="''"),
        "refers to no row of clearing_derivativeaccount",
    ),
    "a trade with oneself": (
        copied("clearing_derivativetrade", seller_id="buyer_id"), "derivativetrade_two_accounts",
    ),
    "a trade of nothing": (
        copied("clearing_derivativetrade", quantity_steps="0", event_id="1"), "derivativetrade_quantity_positive",
    ),
    "a trade for less than nothing": (
        copied("clearing_derivativetrade", "cause = 'TRADE'", value_minor="-1", event_id="1"),
        "derivativetrade_price_positive",
    ),
    "a trade of no event": (
        copied("clearing_derivativetrade", event_id="999999999"), "refers to no row of clearing_derivativeevent",
    ),
    "a position out of nothing": (
        copied("clearing_positionchange", event_id="1"), "do not sum to zero per contract",
    ),
    "a position changed twice by one event": (copied("clearing_positionchange"), "positionchange_once"),
    "a fee that nobody receives": (
        copied("clearing_balancemovement", "kind = 'COVER'", event_id="1"), "does not sum to zero",
    ),
    "a deposit that takes": (
        copied("clearing_balancemovement", "kind = 'DEPOSIT'", amount_minor="-1", kind="'DEPOSIT'", event_id="5"),
        "balancemovement_sign",
    ),
    "a movement of nothing": (
        copied("clearing_balancemovement", "kind = 'REALISED'", amount_minor="0", event_id="1"), "balancemovement_sign",
    ),
    "a mark price of nothing": (
        copied("clearing_markprice", price_ticks="0", event_id="1"), "markprice_positive",
    ),
    "a liquidation at the margin itself": (
        copied("clearing_liquidation", event_id="1", equity_minor="maintenance_minor"),
        "liquidation_",
    ),
    "a fee beyond the equity": (
        copied("clearing_liquidation", event_id="1", fee_minor="1"), "liquidation_fee_capped",
    ),
    "a debt that is left": (
        copied("clearing_liquidation", event_id="1", equity_after_minor="-1"), "liquidation_leaves_no_debt",
    ),
    "a fund that pays for who has equity": (
        copied("clearing_liquidation", event_id="1", equity_minor="1"), "liquidation_others_pay_only_for_debt",
    ),
    "a place in the queue twice": (
        copied("clearing_deleveraging", account_id="(SELECT min(id) FROM clearing_derivativeaccount)"),
        "deleveraging_place",
    ),
}  # fmt: skip


@pytest.mark.parametrize("attack", sorted(ATTACKS))
def test_what_must_never_be_true_is_refused(attack: str) -> None:
    statement, words = ATTACKS[attack]
    refused(statement, words)


def test_a_funding_twice_is_refused() -> None:
    insert = (
        "INSERT INTO clearing_fundinground (event_id, contract_id, funded_for, mark_ticks, index_ticks, rate_ppm)"
        f" SELECT {{event}}, id, '2008-09-08 08:00+02', 1, 1, 0 FROM {CONTRACT} ORDER BY id LIMIT 1"
    )
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(insert.format(event=1))
        refused(insert.format(event=2), "fundinground_once")
        refused(insert.format(event=3).replace(", 0 FROM", ", 200000 FROM"), "fundinground_")
        transaction.set_rollback(True)
