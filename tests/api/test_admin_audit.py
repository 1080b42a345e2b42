"""What an operator changes in the admin, and every login, is in the audit log with before and after."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from events.models import AuditRecord
from reference.models import Calendar, Holiday, Membership
from tests.factories.market import Market

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(market: Market) -> Client:
    user = User.objects.create(username="root", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(user)
    return client


def records(action: str) -> list[AuditRecord]:
    return list(AuditRecord.objects.filter(action=action).order_by("id"))


def test_rows_added_changed_and_deleted_in_the_admin_are_recorded(root: Client) -> None:
    calendar = Calendar.objects.first()
    assert calendar is not None
    given: dict[str, Any] = {"calendar": calendar.pk, "date": "2031-05-05", "name": "A day off"}
    assert root.post(reverse("admin:reference_holiday_add"), given).status_code == 302
    holiday = Holiday.objects.get(name="A day off")
    address = reverse("admin:reference_holiday_change", args=[holiday.pk])
    assert root.post(address, given | {"name": "Another"}).status_code == 302
    assert root.post(address, given | {"name": "Another"}).status_code == 302
    listed = {"action": "delete_selected", "_selected_action": [holiday.pk], "post": "yes"}
    assert root.post(reverse("admin:reference_holiday_changelist"), listed).status_code == 302
    (added,), (changed,), (deleted,) = (records(f"holiday.{verb}") for verb in ("add", "change", "delete"))
    assert added.detail["after"]["name"] == "A day off"
    assert changed.detail == {"name": {"before": "A day off", "after": "Another"}}
    assert deleted.detail["before"]["name"] == "Another"
    assert {(row.actor, row.door, row.address) for row in (added, changed, deleted)} == {("root", "ADMIN", "127.0.0.1")}


def test_a_login_made_in_the_admin_has_its_name_and_logs_in(root: Client) -> None:
    address = reverse("admin:auth_user_add")
    form = root.get(address).content.decode()
    given = {"username": "olga", "password1": "a-Long-one-4711", "password2": "a-Long-one-4711",
             "usable_password": "true"}  # fmt: skip
    assert all(f'name="{name}"' in form for name in given)
    assert root.post(address, given).status_code == 302
    assert records("user.add")[-1].detail["after"]["username"] == "olga"
    assert "4711" not in str(records("user.add")[-1].detail)
    assert root.post(address, given).status_code == 200, "the name is taken, and the form says so"
    login = {"username": "olga", "password": "a-Long-one-4711"}
    assert Client().post(reverse("login"), login).status_code == 302


def test_logins_groups_passwords_and_memberships_are_recorded(root: Client, market: Market) -> None:
    group = Group.objects.create(name="Night shift")
    user = User.objects.create(username="nora")
    Membership.objects.create(user=user, role="OPERATOR")
    form = {"username": "nora", "is_active": "on", "groups": [group.pk], "date_joined_0": "2030-01-01",
            "date_joined_1": "10:00:00"}  # fmt: skip
    assert root.post(reverse("admin:auth_user_change", args=[user.pk]), form).status_code == 302
    assert records("user.change")[-1].detail["groups"] == {"before": [], "after": [group.pk]}
    # Who could change a name would be two persons.
    root.post(reverse("admin:auth_user_change", args=[user.pk]), form | {"username": "another"})
    assert root.post(reverse("admin:auth_user_delete", args=[user.pk]), {"post": "yes"}).status_code == 403
    assert User.objects.get(pk=user.pk).username == "nora"
    secret = {"password1": "a-Long-one-4711", "password2": "a-Long-one-4711", "usable_password": "true"}
    assert root.post(reverse("admin:auth_user_password_change", args=[user.pk]), secret).status_code == 302
    assert "secret" in records("user.change")[-1].detail["changed"]
    assert "4711" not in str(records("user.change")[-1].detail)
    address = reverse("admin:reference_membership_change", args=[Membership.objects.get(user=user).pk])
    assert root.post(address, {"user": user.pk, "role": "AUDITOR", "participant": ""}).status_code == 302
    assert records("membership.change")[-1].detail["role"] == {"before": "OPERATOR", "after": "AUDITOR"}

    door = Client()
    address = reverse("login")
    assert door.post(address, {"username": "nora", "password": "wrong"}).status_code == 200
    assert door.post(address, {"username": "nora", "password": "a-Long-one-4711"}).status_code == 302
    assert door.post(reverse("logout")).status_code == 302
    (failed,), done, ended = records("login.failed"), records("login.done"), records("login.ended")
    assert failed.detail == {"name": "nora"}
    assert (done[-1].actor, ended[-1].actor) == ("nora", "nora")
    assert "wrong" not in str(failed.detail)
