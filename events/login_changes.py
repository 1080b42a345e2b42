"""Changes of logins, roles, groups and permissions, by whatever door: `createsuperuser`, a shell, a page.

Django tells of each row that is saved or deleted, and of each set of groups or permissions that is changed; what the
admin's own pages change they record themselves, with the person. Rows changed by raw SQL, `bulk_create`, `update` or
`loaddata` are not told of: the product changes no login so but the demo's, which it records.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from django.contrib.auth.models import Group, User
from django.db.models import signals
from django.utils import timezone

from events.services.logins import record_change
from reference.access import actor_of_user
from reference.audit import is_told_by_caller
from reference.core.actor import SYSTEM, Actor, Role
from reference.models import Login, Membership
from reference.origin import Door, current_origin

FOLLOWED: Final = {
    "user": ("username", "password", "first_name", "last_name", "email", "is_active", "is_staff", "is_superuser"),
    "membership": ("user_id", "role", "participant_id"),
    "group": ("name",),
}
# What a login or a group has many of: the table between, whose rows only Django's m2m_changed tells of.
SETS: Final[dict[Any, tuple[Any, str]]] = {
    User.groups.through: (User, "groups"),
    User.user_permissions.through: (User, "user_permissions"),
    Group.permissions.through: (Group, "permissions"),
}
SECRET: Final = "password"  # noqa: S105


def follow_changes() -> None:
    """Have Django tell of each change from now on."""
    for model in (User, Login, Membership, Group):
        name = model.__name__
        signals.pre_save.connect(_remember, sender=model, dispatch_uid=f"audit remember {name}")
        signals.post_save.connect(_saved, sender=model, dispatch_uid=f"audit saved {name}")
        signals.post_delete.connect(_deleted, sender=model, dispatch_uid=f"audit deleted {name}")
    signals.pre_delete.connect(_remember_sets, sender=Group, dispatch_uid="audit remember sets")
    for through in SETS:
        signals.m2m_changed.connect(_set_changed, sender=through, dispatch_uid=f"audit set {through.__name__}")


def _remember(sender: Any, instance: Any, update_fields: Any, **_: Any) -> None:
    """Keep what stands, where something that is followed may change."""
    followed = FOLLOWED[_noun(sender)]
    kept = update_fields is None or not set(followed).isdisjoint(update_fields)
    standing = sender.objects.filter(pk=instance.pk) if kept and instance.pk is not None else sender.objects.none()
    instance.values_before = standing.values(*followed).first() if kept else None


def _saved(sender: Any, instance: Any, created: bool, update_fields: Any, raw: bool, **_: Any) -> None:
    """Record an addition, or what a change changed; nothing where nothing did."""
    before, noun = instance.__dict__.pop("values_before", None), _noun(sender)
    if raw:
        return
    if created:
        _record(noun=noun, verb="add", instance=instance, detail={"after": _told(_values(noun, instance))})
        return
    if before is None:
        return
    after = _values(noun, instance)
    changed = [
        name for name in after if before[name] != after[name] and (update_fields is None or name in update_fields)
    ]
    detail = {name: "changed" if name == SECRET else {"before": before[name], "after": after[name]} for name in changed}
    if detail:
        _record(noun=noun, verb="change", instance=instance, detail=detail)


def _deleted(sender: Any, instance: Any, **_: Any) -> None:
    noun = _noun(sender)
    before = _told(_values(noun, instance)) | instance.__dict__.pop("sets_before", {})
    _record(noun=noun, verb="delete", instance=instance, detail={"before": before})


def _remember_sets(instance: Group, **_: Any) -> None:
    """Keep whose group it is and what it permits, which go with it."""
    instance.sets_before = {  # type: ignore[attr-defined]
        "user_ids": sorted(instance.user_set.values_list("pk", flat=True)),
        "permissions": sorted(instance.permissions.values_list("pk", flat=True)),
    }


def _set_changed(
    sender: Any, instance: Any, action: str, reverse: bool, pk_set: set[int] | None, **_: Any
) -> None:  # fmt: skip
    """Record each login's, or group's, set that changed, from whichever side: before and after, as keys."""
    owner, name = SETS[sender]
    if action.startswith("pre_"):
        owners = {instance.pk} if not reverse else pk_set
        if owners is None:
            owners = set(owner.objects.filter(**{name: instance}).values_list("pk", flat=True))
        instance.sets_before = _sets(owner, name, owners)
        return
    before = instance.__dict__.pop("sets_before", {})
    after = _sets(owner, name, before)
    for row in owner.objects.filter(pk__in=before).order_by("pk"):
        if before[row.pk] != after[row.pk]:
            detail = {name: {"before": before[row.pk], "after": after[row.pk]}}
            _record(noun=_noun(owner), verb="change", instance=row, detail=detail)


def _sets(owner: Any, name: str, owners: Iterable[int]) -> dict[int, list[int]]:
    """Return what each of these logins, or groups, has now."""
    found: dict[int, list[int]] = {key: [] for key in owners}
    rows = owner.objects.filter(pk__in=list(found), **{f"{name}__isnull": False}).order_by("pk", name)
    for key, other in rows.values_list("pk", f"{name}__pk"):
        found[key].append(other)
    return found


def _record(*, noun: str, verb: str, instance: Any, detail: dict[str, Any]) -> None:
    """Write the record, unless whoever changes it does."""
    if is_told_by_caller():
        return
    user = None if noun == "group" else getattr(instance, "user", instance)
    record_change(
        actor=SYSTEM if user is None else _actor(user), action=f"{noun}.{verb}", noun=noun, object_id=instance.pk,
        name=instance.name if user is None else user.get_username(), detail=detail, now=timezone.now(),
    )  # fmt: skip


def _actor(user: User) -> Actor:
    """Return who does it: behind the doors of the web the login itself, by a command or a task the system."""
    if current_origin().door in (Door.COMMAND, Door.TASK):
        return SYSTEM
    return actor_of_user(user) or Actor(name=user.get_username(), role=Role.PARTICIPANT)


def _noun(sender: Any) -> str:
    return {Membership: "membership", Group: "group"}.get(sender, "user")


def _values(noun: str, instance: Any) -> dict[str, Any]:
    return {name: getattr(instance, name) for name in FOLLOWED[noun]}


def _told(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values without the secret."""
    return {name: value for name, value in values.items() if name != SECRET}
