"""A login becomes a role in one query, in pages and in the API alike."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.test import Client, RequestFactory
from django.urls import URLResolver, get_resolver
from django.utils import timezone
from rest_framework.test import APIRequestFactory, force_authenticate
from rest_framework.views import APIView

from reference.access import actor_of, find_actor
from reference.core.actor import Actor, Role
from reference.services import create_demo_users

pytestmark = pytest.mark.django_db


def request_of(user: Any) -> Any:
    request = RequestFactory().get("/")
    request.user = user
    return request


@pytest.fixture
def demo_users() -> None:
    call_command("load_reference", verbosity=0)
    create_demo_users(password="demo", now=timezone.now())


@pytest.mark.usefixtures("demo_users")
def test_each_role(django_assert_num_queries: Any) -> None:
    operator, auditor, participant = (
        actor_of(request_of(User.objects.get(username=name))) for name in ("operator", "auditor", "alderbk")
    )
    assert operator == Actor("operator", Role.OPERATOR)
    assert auditor == Actor("auditor", Role.AUDITOR)
    assert participant.role is Role.PARTICIPANT
    assert participant.participant_id is not None
    assert (operator.sees_all, auditor.sees_all, participant.sees_all) == (True, True, False)
    assert (operator.is_operator, auditor.is_operator) == (True, False)


@pytest.mark.usefixtures("demo_users")
def test_one_query_for_a_request(django_assert_num_queries: Any) -> None:
    request = request_of(User.objects.get(username="auditor"))
    with django_assert_num_queries(1):
        assert actor_of(request) is actor_of(request)


@pytest.mark.usefixtures("demo_users")
def test_the_api_sees_the_login_of_its_own_request() -> None:
    plain = APIRequestFactory().get("/api/v1/trades")
    force_authenticate(plain, user=User.objects.get(username="auditor"))
    assert actor_of(APIView().initialize_request(plain)).role is Role.AUDITOR


def test_a_superuser_without_a_role_runs_the_system() -> None:
    root = User.objects.create_superuser("root", password="x")
    assert actor_of(request_of(root)) == Actor("root", Role.OPERATOR)


def test_nobody_and_no_role_are_refused() -> None:
    with pytest.raises(PermissionDenied, match="Log in"):
        actor_of(request_of(AnonymousUser()))
    with pytest.raises(PermissionDenied, match="no role"):
        actor_of(request_of(User.objects.create_user("guest", password="x")))
    assert find_actor(request_of(AnonymousUser())) is None


PUBLIC = {"health", "metrics", "ready", "login", "api-schema", "api-docs", "problems", "favicon"}


def addresses(patterns: Any = None, prefix: str = "/") -> Iterator[tuple[str, str]]:
    """Yield the name and path of every address that takes no argument."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        path = prefix + str(pattern.pattern).removeprefix("^").removesuffix("$").removesuffix("\\Z")
        if re.search(r"[<(\\]", path):
            continue
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, path)
        else:
            yield pattern.name or path, path


def test_every_address_needs_a_login_unless_it_is_public(client: Client) -> None:
    found = dict(addresses())
    assert {"health", "login", "index"} <= set(found)
    for name, path in found.items():
        if name in PUBLIC:
            continue
        status = client.get(path).status_code
        assert status in (302, 401, 403, 405), f"{path} answers {status} to anybody"
