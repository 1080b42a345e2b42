"""The loader: what it brings, that it is idempotent, that it keeps what an operator changed."""

from datetime import date
from pathlib import Path

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command
from django.db.models import Count, Q
from django.utils import timezone

from reference import files
from reference.models import (
    Asset,
    BusinessClock,
    DailyPrice,
    Holiday,
    Membership,
    Participant,
    Security,
)
from reference.queries import business_clock
from reference.refusals import ReferenceFileInvalid
from reference.services import create_demo_users, load_reference

pytestmark = pytest.mark.django_db

NOTHING_NEW = {
    "calendars": 0, "holidays": 0, "currencies": 0, "participants": 0, "securities": 0, "prices": 0,
    "exchange_rates": 0,
}  # fmt: skip


def test_what_it_brings() -> None:
    loaded = load_reference()
    assert (loaded.calendars, loaded.currencies, loaded.participants, loaded.securities) == (2, 2, 22, 50)
    roles = dict(Participant.objects.values_list("role").annotate(count=Count("id")))
    assert roles == {
        "CLEARING_MEMBER": 8, "BANK": 3, "BROKER": 3, "CUSTODIAN": 1, "CCP": 1, "CSD": 1, "CENTRAL_BANK": 1, "VENUE": 4,
    }  # fmt: skip
    types = dict(Security.objects.values_list("security_type").annotate(count=Count("pk")))
    assert types == {"EQUITY": 5, "BOND": 25, "FUND": 20}
    assert set(Security.objects.values_list("security_type", "quotation").distinct()) == {
        ("EQUITY", "UNIT"), ("BOND", "PERCENT"), ("FUND", "UNIT"),
    }  # fmt: skip
    assert not Security.objects.exclude(
        Q(currency__code="EUR", currency__calendar__code="TARGET")
        | Q(currency__code="USD", currency__calendar__code="US")
    ).exists()


def test_a_second_load_changes_nothing_and_keeps_an_operators_change() -> None:
    load_reference()
    Participant.objects.filter(code="NOVABRK").update(active=False)
    before = {model: list(model.objects.order_by("pk").values_list()) for model in (Asset, Participant, Security)}
    loaded = load_reference()
    assert {name: getattr(loaded, name) for name in NOTHING_NEW} == NOTHING_NEW
    for model, rows in before.items():
        assert list(model.objects.order_by("pk").values_list()) == rows
    assert not Participant.objects.get(code="NOVABRK").active


def test_a_missing_row_comes_back() -> None:
    load_reference()
    DailyPrice.objects.filter(security__symbol="AAPL", date=date(2008, 9, 15)).delete()
    Holiday.objects.filter(calendar__code="TARGET", date=date(2008, 5, 1)).delete()
    loaded = load_reference()
    assert (loaded.prices, loaded.holidays) == (1, 1)


def test_a_wrong_identifier_in_a_file_is_refused_with_its_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for path in files.DATA.glob("*.csv"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    stocks = (tmp_path / "stocks.csv").read_text().replace("US4592001014", "US4592001015")
    (tmp_path / "stocks.csv").write_text(stocks)
    monkeypatch.setattr(files, "DATA", tmp_path)
    with pytest.raises(ReferenceFileInvalid, match=r"stocks\.csv, line 3.*US4592001015"):
        load_reference()
    assert not Participant.objects.exists()


def test_the_clock_is_set_once() -> None:
    load_reference()
    assert business_clock().business_date == date(2008, 9, 8)
    BusinessClock.objects.update(business_date=date(2008, 9, 20))
    load_reference()
    assert business_clock().business_date == date(2008, 9, 20)


def test_demo_users_one_each_and_only_once() -> None:
    load_reference()
    created = create_demo_users(password="a long secret", now=timezone.now())
    assert created[:3] == ["operator", "supervisor", "auditor"]
    assert len(created) == 25
    # Two operators, so that what takes two persons can be approved; the second does not enter the admin.
    assert set(Membership.objects.filter(role="OPERATOR").values_list("user__username", "user__is_staff")) == {
        ("operator", True), ("supervisor", False),
    }  # fmt: skip
    assert create_demo_users(password="another", now=timezone.now()) == []
    user = authenticate(username="alderbk", password="a long secret")
    assert user is not None
    membership = Membership.objects.get(user_id=user.pk)
    assert membership.participant is not None
    assert (membership.role, membership.participant.code) == ("PARTICIPANT", "ALDERBK")
    assert Membership.objects.filter(role="PARTICIPANT").count() == Participant.objects.count()


def test_the_command_prints_the_password_outside_debug(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("load_reference", "--demo-users")
    printed = capsys.readouterr().out
    assert "securities       50 new" in printed
    password = printed.split("with password ")[1].strip()
    assert password != "demo"
    assert authenticate(username="operator", password=password) is not None


def test_the_command_sets_the_fixed_password_under_debug(settings: object, capsys: pytest.CaptureFixture[str]) -> None:
    settings.DEBUG = True  # type: ignore[attr-defined]
    call_command("load_reference", "--demo-users")
    assert authenticate(username="operator", password="demo") is not None
    assert "password demo" in capsys.readouterr().out
