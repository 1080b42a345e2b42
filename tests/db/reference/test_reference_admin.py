"""The admin of reference data: it shows every table, checks identifiers and never offers to delete."""

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import path

from reference.core.identifiers import lei_check_digits
from reference.models import Participant, Security

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("loaded_once"), pytest.mark.urls(__name__)]

urlpatterns = [path("admin/", admin.site.urls)]

SECURITY = {
    "name": "New bond", "symbol": "NEWBOND", "security_type": "BOND", "quotation": "PERCENT",
    "settlement_lag_days": "2", "lot_size_units": "1000", "price_digits": "3", "active": "on",
    "liquid": "on", "issuer_name": "Issuer", "maturity_date": "2019-01-04",
    "issuer_sector": "GOVERNMENT",
}  # fmt: skip


@pytest.fixture(autouse=True)
def plain_static_files(settings: Any) -> None:
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    settings.SECURE_SSL_REDIRECT = False


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("calendar", "TARGET"),
        ("holiday", "Christmas"),
        ("asset", "US0378331005"),
        ("currency", "10000000"),
        ("security", "Germany 4.25 % 2010"),
        ("participant", "Banca Castello SpA"),
        ("dailyprice", "Dec"),
        ("businessclock", "2008"),
        ("membership", "membership"),
        ("referenceversion", "-"),
    ],
)
def test_each_list_shows_its_rows(admin_client: Client, model: str, words: str) -> None:
    page = admin_client.get(f"/admin/reference/{model}/")
    assert page.status_code == 200
    assert words in page.content.decode()


def test_a_wrong_check_digit_is_refused_and_a_right_one_saved(admin_client: Client) -> None:
    euro = Security.objects.filter(currency__code="EUR").values_list("currency_id", flat=True)[0]
    form = SECURITY | {"currency": str(euro), "code": "DE0001102342"}
    page = admin_client.post("/admin/reference/security/add/", form)
    assert "check digit is wrong" in page.content.decode()
    page = admin_client.post("/admin/reference/security/add/", form | {"code": "DE0001102341"})
    assert page.status_code == 302
    saved = Security.objects.get(code="DE0001102341")
    assert (saved.kind, saved.digits, saved.lot_size_units) == ("SECURITY", 0, 1000)


def test_a_broker_without_a_clearing_member_is_refused_in_words(admin_client: Client) -> None:
    form = {"code": "NEWBRK", "name": "New broker", "role": "BROKER", "active": "on", "bic": "NEWBDEFF",
            "lei": "999900TESTDELTA100" + lei_check_digits(body="999900TESTDELTA100")}  # fmt: skip
    page = admin_client.post("/admin/reference/participant/add/", form)
    assert page.status_code == 200
    assert "Banks, brokers and custodians clear through a clearing member" in page.content.decode()
    member = Participant.objects.get(code="ALDERBK")
    assert admin_client.post(
        "/admin/reference/participant/add/", form | {"clearing_member": str(member.pk)}
    ).status_code == 302  # fmt: skip
    assert Participant.objects.get(code="NEWBRK").clearing_member == member


def test_what_takes_two_persons_is_not_changed_here(admin_client: Client) -> None:
    broker = Participant.objects.get(code="LARKBRK")
    bond = Security.objects.order_by("pk")[0]
    currency = bond.currency
    for model, row, names in (("participant", broker, {"name"}), ("security", bond, {"name", "issuer_name"}),
                              ("currency", currency, {"name"})):  # fmt: skip
        address = f"/admin/reference/{model}/{row.pk}/change/"
        offered = set(admin_client.get(address).context["adminform"].form.fields)
        assert offered == names
        sent = dict.fromkeys(names, "Renamed") | {"bic": "X", "tolerance_below_minor": "7", "lot_size_units": "7"}
        assert admin_client.post(address, sent).status_code == 302
        before, after = row, type(row).objects.get(pk=row.pk)
        for column in row._meta.fields:
            same = getattr(before, column.attname) == getattr(after, column.attname)
            assert same is (column.name not in names), column.name


def test_nothing_offers_to_delete_and_facts_cannot_be_changed(admin_client: Client) -> None:
    member = Participant.objects.get(code="ALDERBK")
    assert admin_client.post(f"/admin/reference/participant/{member.pk}/delete/").status_code == 403
    assert admin_client.get("/admin/reference/dailyprice/add/").status_code == 403
    page = admin_client.get(f"/admin/reference/asset/{Security.objects.all()[0].pk}/change/")
    assert 'name="_save"' not in page.content.decode()
