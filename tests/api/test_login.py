"""A session's user comes with its membership in one query."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User

from reference.access import find_actor
from reference.backends import MembershipBackend
from tests.factories.market import Market
from tests.factories.reference import MembershipFactory, UserFactory


class Request:
    """What find_actor asks a request for."""

    def __init__(self, user: User) -> None:
        self.user = user


def test_one_query_for_user_and_role(market: Market, django_assert_num_queries: Any) -> None:
    made = UserFactory.create(username="alpha")
    MembershipFactory.create(user=made, participant=market.alpha)
    with django_assert_num_queries(1):
        user = MembershipBackend().get_user(made.pk)
        assert user is not None
        actor = find_actor(Request(user))
    assert actor is not None
    assert (actor.name, actor.participant_id) == ("alpha", market.alpha.pk)
    assert user == made
    assert user.password == made.password


def test_without_a_membership(market: Market, django_assert_num_queries: Any) -> None:
    made = UserFactory.create()
    with django_assert_num_queries(1):
        user = MembershipBackend().get_user(made.pk)
        assert user is not None
        assert find_actor(Request(user)) is None


def test_nobody_and_the_inactive(market: Market) -> None:
    made = UserFactory.create(is_active=False)
    assert MembershipBackend().get_user(made.pk) is None
    assert MembershipBackend().get_user(0) is None
