"""However a login changes, the audit log says so, once, with what was before and after."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.test import Client

from events.models import AuditRecord
from reference.models import Membership, Participant
from tests.factories.market import make_market

pytestmark = pytest.mark.django_db
PASSWORD = "a passphrase that nobody guesses"


def changes() -> list[tuple[str, str, dict[str, Any]]]:
    """What the log says of logins, oldest first: action, actor, detail."""
    found = AuditRecord.objects.filter(object_type__in=("user", "membership", "group")).exclude(
        action__startswith="login."
    )
    return list(found.order_by("id").values_list("action", "actor", "detail"))


def test_djangos_own_commands_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", interactive=False, username="root", email="root@example.org", verbosity=0)
    (made,) = changes()
    assert made[:2] == ("user.add", "system")
    assert made[2]["after"]["is_superuser"] is True
    monkeypatch.setattr("getpass.getpass", lambda **_: PASSWORD + "!")
    call_command("changepassword", "root", verbosity=0)
    assert changes()[1:] == [("user.change", "system", {"name": "root", "password": "changed"})]
    assert not AuditRecord.objects.filter(detail__icontains=User.objects.get().password).exists()


def test_what_a_shell_changes_is_recorded_and_nothing_twice() -> None:
    make_market()
    alpha = Participant.objects.get(code="ALPHA")
    user = User.objects.create_user("somebody")
    membership = Membership.objects.create(user=user, role="PARTICIPANT", participant=alpha)
    before = len(changes())
    user.save()
    user.save(update_fields=["last_login"])
    assert len(changes()) == before
    user.is_active = False
    user.email = "not@saved.example"
    user.save(update_fields=["is_active"])
    membership.role, membership.participant = "OPERATOR", None
    membership.save()
    membership.delete()
    off, moved, gone = changes()[before:]
    assert off[::2] == ("user.change", {"name": "somebody", "is_active": {"before": True, "after": False}})
    assert moved[::2] == (
        "membership.change",
        {
            "name": "somebody",
            "role": {"before": "PARTICIPANT", "after": "OPERATOR"},
            "participant_id": {"before": alpha.pk, "after": None},
        },
    )
    assert gone[0] == "membership.delete"
    assert gone[2]["before"]["role"] == "OPERATOR"


def test_groups_and_permissions_that_a_shell_changes_are_recorded_from_either_side() -> None:
    user, other = User.objects.create_user("somebody"), User.objects.create_user("other")
    first, second = Permission.objects.order_by("pk")[:2]
    before = len(changes())
    group = Group.objects.create(name="night")
    group.permissions.set([first, second])
    user.groups.add(group)
    user.groups.add(group)
    group.user_set.add(user, other)
    user.user_permissions.set([first])
    user.user_permissions.set([first])
    first.user_set.clear()
    group.permissions.remove(second)
    other.groups.clear()
    group.name = "day"
    group.save()
    key = group.pk
    group.delete()
    made = changes()[before:]
    assert {actor for _, actor, _ in made} == {"system"}
    assert [(action, detail) for action, _, detail in made] == [
        ("group.add", {"name": "night", "after": {"name": "night"}}),
        ("group.change", {"name": "night", "permissions": {"before": [], "after": [first.pk, second.pk]}}),
        ("user.change", {"name": "somebody", "groups": {"before": [], "after": [key]}}),
        ("user.change", {"name": "other", "groups": {"before": [], "after": [key]}}),
        ("user.change", {"name": "somebody", "user_permissions": {"before": [], "after": [first.pk]}}),
        ("user.change", {"name": "somebody", "user_permissions": {"before": [first.pk], "after": []}}),
        ("group.change", {"name": "night", "permissions": {"before": [first.pk, second.pk], "after": [first.pk]}}),
        ("user.change", {"name": "other", "groups": {"before": [key], "after": []}}),
        ("group.change", {"name": {"before": "night", "after": "day"}}),
        ("group.delete", {"name": "day", "before": {"name": "day", "user_ids": [user.pk], "permissions": [first.pk]}}),
    ]


def test_the_admin_records_once_and_with_the_person(client: Client) -> None:
    make_market()
    root = User.objects.create_superuser("root", password=PASSWORD)
    other = User.objects.create_user("other")
    client.force_login(root)
    before = len(changes())
    fields = {"password1": PASSWORD, "password2": PASSWORD}
    assert client.post(f"/admin/auth/user/{other.pk}/password/", fields).status_code == 302
    ((action, actor, _),) = changes()[before:]
    assert (action, actor) == ("user.change", "root")
    # One's own password is changed by Django's own page.
    own = {"old_password": PASSWORD, "new_password1": PASSWORD + "!", "new_password2": PASSWORD + "!"}
    assert client.post("/admin/password_change/", own).status_code == 302
    assert changes()[before + 1 :] == [("user.change", "root", {"name": "root", "password": "changed"})]


def test_groups_that_the_admin_changes_are_recorded_once_and_with_the_person(client: Client) -> None:
    make_market()
    client.force_login(User.objects.create_superuser("root", password=PASSWORD))
    other, permission = User.objects.create_user("other"), Permission.objects.order_by("pk")[0]
    before = len(changes())
    assert client.post("/admin/auth/group/add/", {"name": "night", "permissions": [permission.pk]}).status_code == 302
    group = Group.objects.get()
    form = {"username": "other", "is_active": "on", "groups": [group.pk], "date_joined_0": "2030-01-01",
            "date_joined_1": "10:00:00"}  # fmt: skip
    assert client.post(f"/admin/auth/user/{other.pk}/change/", form).status_code == 302
    made, changed = changes()[before:]
    after = {"id": group.pk, "name": "night", "permissions": [permission.pk]}
    assert made == ("group.add", "root", {"after": after})
    assert changed[:2] == ("user.change", "root")
    assert changed[2]["groups"] == {"before": [], "after": [group.pk]}
