"""Every constraint and trigger of reference data, attacked with raw SQL."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, connection, transaction

from reference.models import Participant, Security

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("loaded_once")]

NEW_ASSET = "INSERT INTO reference_asset (code, kind, name, digits) VALUES "
PARTICIPANT = (
    "INSERT INTO reference_participant (code, name, lei, bic, role, active, clearing_member_id)"
    " VALUES (%(code)s, 'x', %(lei)s, %(bic)s, %(role)s, true, %(member)s)"
)
GOOD = {
    "code": "NEWONE",
    "lei": "99990000000000000098",
    "bic": "NEWODEF0",
    "role": "CLEARING_MEMBER",
    "member": None,
}


def attack(sql: str, params: Any = None) -> str:
    """Run the statement in a savepoint and return the database's words."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, params)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except DatabaseError as error:
        return str(error)
    pytest.fail(f"The database let it pass: {sql}")


def one_id(code: str) -> int:
    return Participant.objects.values_list("id", flat=True).get(code=code)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"code": "lower"}, "participant_code_shape"),
        ({"code": "ALDERBK"}, "reference_participant_code_key"),
        ({"lei": "9999000000000000009"}, "participant_lei_shape"),
        ({"lei": "9999000000000000009A"}, "participant_lei_shape"),
        ({"bic": "NEWODEF"}, "participant_bic_shape"),
        ({"bic": "NEWO12F0"}, "participant_bic_shape"),
        ({"role": "KING", "member": 1}, "participant_role_known"),
        ({"role": "BANK"}, "participant_clears_somewhere"),
        ({"role": "CCP"}, "participant_one_ccp"),
        ({"role": "CSD"}, "participant_one_csd"),
        ({"role": "CENTRAL_BANK"}, "participant_one_central_bank"),
    ],
)
def test_a_wrong_participant(change: dict[str, Any], constraint: str) -> None:
    assert constraint in attack(PARTICIPANT, GOOD | change)


def test_a_login_keeps_its_name_for_ever() -> None:
    user = User.objects.create(username="nora")
    assert "never changes" in attack("UPDATE auth_user SET username = 'another' WHERE id = %s", [user.pk])
    assert "never deleted" in attack("DELETE FROM auth_user WHERE id = %s", [user.pk])
    assert "never truncated" in attack("TRUNCATE auth_user CASCADE")
    user.is_active = False
    user.save()


def test_the_good_participant_is_good() -> None:
    with connection.cursor() as cursor:
        cursor.execute(PARTICIPANT, GOOD)


def test_a_clearing_member_does_not_clear_through_another() -> None:
    assert "participant_clears_somewhere" in attack(PARTICIPANT, GOOD | {"member": one_id("ALDERBK")})


def test_a_broker_clears_through_a_clearing_member_only() -> None:
    words = attack(PARTICIPANT, GOOD | {"role": "BROKER", "member": one_id("LARKBRK")})
    assert "clears through one that is not a clearing member" in words


def test_a_clearing_member_with_clients_stays_one() -> None:
    words = attack(
        "UPDATE reference_participant SET role = 'BANK', clearing_member_id = %s WHERE code = 'CASTELLO'",
        [one_id("ALDERBK")],
    )
    assert "must stay a clearing member" in words


@pytest.mark.parametrize(
    "table", ["reference_participant", "reference_asset", "reference_currency", "reference_security"]
)
def test_rows_never_vanish(table: str) -> None:
    assert "never deleted" in attack(f"DELETE FROM {table}")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL fmi.allow_truncate = 'off'")
    assert "never truncated" in attack(f"TRUNCATE {table} CASCADE")


def test_truncate_works_where_the_session_says_so() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL fmi.allow_truncate = 'on'")
        cursor.execute("TRUNCATE reference_dailyprice, reference_security CASCADE")
    assert not Security.objects.exists()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE reference_participant SET id = id + 1000 WHERE code = 'FMICB'",
        "UPDATE reference_asset SET id = id + 1000 WHERE code = 'US0378331005'",
        "UPDATE reference_security SET asset_ptr_id = asset_ptr_id + 1000",
        "UPDATE reference_currency SET asset_ptr_id = asset_ptr_id + 1000",
        "UPDATE reference_asset SET kind = 'CASH', code = 'XXX' WHERE code = 'US0378331005'",
    ],
)
def test_identities_are_fixed(sql: str) -> None:
    assert "Cannot update rows" in attack(sql)


@pytest.mark.parametrize(
    ("sql", "constraint"),
    [
        (NEW_ASSET + "('CHF', 'GOLD', 'x', 2)", "asset_"),
        (NEW_ASSET + "('chf', 'CASH', 'x', 2)", "asset_code_shape"),
        (NEW_ASSET + "('EUR', 'SECURITY', 'x', 0)", "asset_code_shape"),
        (NEW_ASSET + "('CHF', 'CASH', 'x', 9)", "asset_digits_range"),
        ("UPDATE reference_asset SET digits = 2 WHERE code = 'US0378331005'", "asset_digits_range"),
        ("UPDATE reference_asset SET code = 'US0378331O0X' WHERE code = 'US0378331005'", "asset_code_shape"),
        ("UPDATE reference_currency SET tolerance_below_minor = -1", "currency_tolerance_not_negative"),
        ("UPDATE reference_security SET security_type = 'HOUSE'", "security_type_known"),
        ("UPDATE reference_security SET quotation = 'GUESS'", "security_quotation_known"),
        ("UPDATE reference_security SET settlement_lag_days = -1", "security_lag_range"),
        ("UPDATE reference_security SET lot_size_units = 0", "security_lot_positive"),
        ("UPDATE reference_security SET price_digits = 7", "security_price_digits_range"),
        (
            "UPDATE reference_security SET security_type = 'FUND' WHERE security_type = 'BOND'",
            "security_only_bonds_mature",
        ),
        ("UPDATE reference_security SET symbol = 'SAME'", "symbol"),
        ("UPDATE reference_calendar SET code = 'low'", "calendar_code_shape"),
        ("UPDATE reference_holiday SET date = '2008-09-13' WHERE date = '2008-05-01'", "is_a_weekday"),
        (
            "INSERT INTO reference_holiday (calendar_id, date, name)"
            " SELECT calendar_id, date, name FROM reference_holiday LIMIT 1",
            "holiday_calendar_date_unique",
        ),
        ("UPDATE reference_dailyprice SET low = high + 1", "dailyprice_"),
        ("UPDATE reference_dailyprice SET high = low, open = low + 1", "dailyprice_high_is_highest"),
        ("UPDATE reference_dailyprice SET low = close + 1, open = close + 1, high = close + 2", "is_lowest"),
        ("UPDATE reference_dailyprice SET low = 0", "dailyprice_positive"),
        ("UPDATE reference_dailyprice SET volume = -1", "dailyprice_volume_not_negative"),
        (
            "INSERT INTO reference_dailyprice"
            " (security_id, date, open, high, low, close, volume, adjusted_close)"
            " SELECT security_id, date, open, high, low, close, volume, adjusted_close"
            " FROM reference_dailyprice LIMIT 1",
            "dailyprice_security_date_unique",
        ),
        (
            "INSERT INTO reference_businessclock (id, business_date, at, seconds_per_day, running)"
            " VALUES (2, '2008-09-08', now(), 60, false)",
            "businessclock_single_row",
        ),
        ("UPDATE reference_businessclock SET seconds_per_day = 0", "businessclock_day_takes_time"),
        ("INSERT INTO reference_referenceversion (id, stamp) VALUES (2, gen_random_uuid())", "single_row"),
    ],
)  # fmt: skip
def test_the_constraint_holds(sql: str, constraint: str) -> None:
    assert constraint in attack(sql)


def test_a_currency_cannot_hang_on_a_securitys_asset() -> None:
    words = attack(
        "INSERT INTO reference_currency SELECT security.asset_ptr_id, money.tolerance_band_minor,"
        " money.tolerance_below_minor, money.tolerance_above_minor, money.calendar_id"
        " FROM reference_security security, reference_currency money LIMIT 1"
    )
    assert "is not of kind CASH" in words


@pytest.mark.parametrize(("role", "has_participant"), [("PARTICIPANT", False), ("OPERATOR", True), ("AUDITOR", True)])
def test_a_membership_names_a_participant_iff_it_is_one(
    role: str, has_participant: bool, django_user_model: Any
) -> None:
    user = django_user_model.objects.create(username="someone")
    words = attack(
        "INSERT INTO reference_membership (user_id, role, participant_id) VALUES (%s, %s, %s)",
        [user.pk, role, one_id("ALDERBK") if has_participant else None],
    )
    assert "membership_participant_iff_role" in words


def test_the_admins_form_checks_the_digits() -> None:
    security = Security.objects.get(symbol="AAPL")
    security.full_clean()
    security.code = "US0378331006"
    with pytest.raises(ValidationError, match="check digit"):
        security.clean()
    participant = Participant.objects.get(code="ALDERBK")
    participant.full_clean()
    participant.lei = participant.lei[:-1] + str(9 - int(participant.lei[-1]))
    participant.bic = "ALDBQQF0"
    with pytest.raises(ValidationError) as caught:
        participant.full_clean()
    assert set(caught.value.message_dict) == {"lei", "bic"}


def test_the_errors_are_the_ones_the_doors_expect() -> None:
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(PARTICIPANT, GOOD | {"role": "CCP"})
    with pytest.raises(IntegrityError), transaction.atomic():
        Participant.objects.get(code="ALDERBK").delete()
