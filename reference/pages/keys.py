"""The pages of API keys: the list, a form for a new one, and the one page that shows a secret. And logins that wait."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from reference.access import actor_of
from reference.answering import act_and_return, acting_operator_of, answer
from reference.api.entry import now
from reference.core.actor import Actor
from reference.core.scopes import Scope, scopes_of_role
from reference.keys.filters import KeyFilter
from reference.keys.login_waits import unlock_login, waiting_logins
from reference.keys.manage_keys import NewSecret, create_key, revoke_key, rotate_key
from reference.keys.queries import KeyState, in_state, keys_visible_to, state_of
from reference.listing import Column, csv_url, cut_page, stream_query, wants_csv
from reference.models import ApiKey
from reference.refusals import Refusal

VIEWS = {"working": "Working", "ended": "Ended", "all": "All"}
LIVES = [("7", "a week"), ("30", "30 days"), ("90", "90 days"), ("180", "180 days"), ("365", "a year")]
GRACES = [("0", "end at once"), ("24", "work on for a day"), ("168", "work on for a week")]
COLUMNS: tuple[Column, ...] = (
    ("client_id", lambda row: row.client_id),
    ("name", lambda row: row.name),
    ("owner", lambda row: row.owner.get_username()),
    ("scopes", lambda row: " ".join(row.scopes)),
    ("state", lambda row: state_of(key=row, now=timezone.now()).value),
    ("created_at", lambda row: row.created_at),
    ("expires_at", lambda row: row.expires_at),
    ("last_used_at", lambda row: row.last_used_at),
    ("revoked_at", lambda row: row.revoked_at),
    ("revoked_by", lambda row: row.revoked_by),
)


class KeyForm(forms.Form):
    """What a new key is for, what it may do, and how long."""

    name = forms.CharField(max_length=80, label="Name", help_text="What it is for: the program and where it runs.")
    days = forms.ChoiceField(choices=LIVES, initial="90", label="It works for")
    scopes = forms.MultipleChoiceField(choices=[(scope.value, scope.value) for scope in Scope], label="Scopes")


class RotationForm(forms.Form):
    """How long the old secret works on."""

    grace_hours = forms.ChoiceField(choices=GRACES)


@require_safe
def keys(request: HttpRequest) -> HttpResponseBase:
    """List one's own keys, newest first, and all of them for an operator; with the logins that wait."""
    actor, moment = actor_of(request), timezone.now()
    view = request.GET.get("view", "")
    view = view if view in VIEWS else "working"
    visible = keys_visible_to(actor=actor)
    working = in_state(state=KeyState.ACTIVE, now=moment)
    shown = {"working": visible.filter(working), "ended": visible.exclude(working), "all": visible}[view]
    filtered = KeyFilter(request.GET, queryset=shown.select_related("owner"))
    rows = filtered.qs if filtered.is_valid() else ApiKey.objects.none()
    if wants_csv(request):
        return stream_query(rows=rows, columns=COLUMNS, name="api-keys")
    cut = cut_page(rows=rows, request=request)
    context = {
        "filter": filtered,
        "cut": cut,
        "rows": [_described(key=row, actor=actor) for row in cut.rows],
        "csv_url": csv_url(request),
        "keep": {"view": view},
        "tabs": [
            {"label": label, "href": f"?view={name}", "current": name == view,
             "count": visible.filter(working).count() if name == "working" else ""}
            for name, label in VIEWS.items()
        ],
        "graces": GRACES,
        "waiting": waiting_logins(now=moment) if actor.is_operator else [],
    }  # fmt: skip
    return answer(request, "reference/keys.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new_key(request: HttpRequest) -> HttpResponse:
    """Show the form of a new key; make it, and show its secret."""
    actor = actor_of(request)
    form = KeyForm(request.POST if request.method == "POST" else None)
    if request.method != "POST" or not form.is_valid():
        return _show_form(request, form=form, actor=actor)
    fields, moment = form.cleaned_data, timezone.now()
    try:
        made = create_key(
            owner=User.objects.get(username=actor.name), name=fields["name"], scopes=fields["scopes"],
            expires_at=moment + timedelta(days=int(fields["days"])), now=moment, actor=actor, **now(),
        )  # fmt: skip
    except Refusal as refusal:
        form.add_error(None, refusal.message)
        return _show_form(request, form=form, actor=actor)
    return _show_secret(request, made=made, rotated=False)


@require_POST
def rotate(request: HttpRequest, client_id: str) -> HttpResponse:
    """Give a key a new secret, and show it."""
    actor = actor_of(request)
    form = RotationForm(request.POST)
    hours = int(form.cleaned_data["grace_hours"]) if form.is_valid() else 0
    made = rotate_key(
        client_id=client_id, grace=timedelta(hours=hours), now=timezone.now(), actor=actor, **now()
    )  # fmt: skip
    return _show_secret(request, made=made, rotated=True)


@require_POST
def revoke(request: HttpRequest, client_id: str) -> HttpResponse:
    """End a key, and go back to the list."""
    actor = actor_of(request)

    def act() -> str:
        key = revoke_key(client_id=client_id, now=timezone.now(), actor=actor, **now())
        return f"{key.name} is revoked: its secret and its tokens are not accepted any more."

    return act_and_return(request, act=act, back=reverse("keys"))


@require_POST
def unlock(request: HttpRequest) -> HttpResponse:
    """End the waits of a login."""
    actor, name = acting_operator_of(request), request.POST.get("name", "")[:150]

    def act() -> str:
        unlock_login(name=name, now=timezone.now(), actor=actor, **now())
        return f"{name} need not wait any more."

    return act_and_return(request, act=act, back=reverse("keys"))


def _described(*, key: ApiKey, actor: Actor) -> dict[str, Any]:
    """Return a key with how it stands and what this actor may do with it."""
    state = state_of(key=key, now=timezone.now())
    works = state in {KeyState.ACTIVE, KeyState.EXPIRING}
    return {
        "key": key,
        "state": state.value,
        "may_rotate": works and key.owner.get_username() == actor.name,
        "may_revoke": works,
    }


def _show_form(request: HttpRequest, *, form: KeyForm, actor: Actor) -> HttpResponse:
    """Show the form, with the scopes that the actor's role allows, room by room."""
    allowed = scopes_of_role(role=actor.role)
    chosen = set(form.data.getlist("scopes")) if isinstance(form.data, type(request.POST)) else set()
    rooms: dict[str, dict[str, Any]] = {}
    for scope in Scope:
        if scope in allowed:
            room, _, way = scope.value.partition(":")
            rooms.setdefault(room, {})[way] = {"value": scope.value, "checked": scope.value in chosen}
    context = {"form": form, "rooms": rooms}
    return render(request, "reference/key_new.html", context, status=422 if form.errors else 200)


def _show_secret(request: HttpRequest, *, made: NewSecret, rotated: bool) -> HttpResponse:
    """Show a secret once, on an answer that nobody keeps."""
    response = render(request, "reference/key_secret.html", {"made": made, "rotated": rotated})
    response["Cache-Control"] = "no-store"
    return response
