"""API keys: who makes them and with what scopes, what is kept of a secret, and what raw SQL cannot do to them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet, InvalidToken
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from events.models import AuditRecord
from reference.access import actor_of_user
from reference.api.entry import now
from reference.core.actor import Actor
from reference.core.key_material import derive_signing_key, hash_secret
from reference.core.key_ring import parse_encryption_keys, parse_signing_keys
from reference.keys import housekeeping
from reference.keys.grants import find_by_secret
from reference.keys.issue_tokens import exchange_secret, refresh_tokens, revoke_token
from reference.keys.manage_keys import MOST_KEYS, NewSecret, create_key, revoke_key, rotate_key
from reference.keys.queries import signing_keys_of
from reference.keys.refusals import (
    InvalidScope,
    KeyEnded,
    KeyLifeTooLong,
    KeyNotYours,
    ScopeBeyondRole,
    TooManyKeys,
    UnknownKey,
    UnknownScope,
)
from reference.models import ApiKey, ApiSecret, TokenFamily
from reference.refusals import Refusal
from tests.factories.market import Market, make_market
from tests.factories.reference import MembershipFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[tuple[Market, NewSecret]]:
    """A market, and a key of ALPHA's with tokens, in a transaction around the file."""
    from reference.queries import forget_directory

    with django_db_blocker.unblock(), transaction.atomic():
        market = make_market()
        for name, participant in (("alpha", market.alpha), ("bravo", market.bravo), ("operator", None)):
            MembershipFactory.create(user=User.objects.create(username=name), participant=participant)
        key = make_key("alpha", "orders:read", "orders:write")
        tokens = exchange(key)
        assert tokens.refresh_token is not None
        refresh_tokens(refresh_token=tokens.refresh_token, scopes=None, now=timezone.now(), **now())
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        yield market, key
        transaction.set_rollback(True)
    forget_directory()


@pytest.fixture(autouse=True)
def _made(made: tuple[Market, NewSecret]) -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def who(name: str) -> Actor:
    actor = actor_of_user(User.objects.get(username=name))
    assert actor is not None
    return actor


def make_key(name: str, *scopes: str, **changes: Any) -> NewSecret:
    moment = timezone.now()
    fields: dict[str, Any] = {
        "expires_at": moment + timedelta(days=90),
        "owner": User.objects.get(username=name),
        "actor": who(name),
    }
    return create_key(name="router", scopes=scopes, now=moment, **(fields | now() | changes))


def exchange(key: NewSecret) -> Any:
    return exchange_secret(
        client_id=key.key.client_id, secret=key.secret, scopes=None, with_refresh=True, now=timezone.now(), **now()
    )


def test_a_secret_is_kept_as_its_hash_and_its_signing_key_encrypted(made: tuple[Market, NewSecret]) -> None:
    key = made[1]
    kept = ApiSecret.objects.get(key=key.key)
    assert bytes(kept.secret_hash) == hash_secret(secret=key.secret)
    derived = derive_signing_key(secret=key.secret)
    assert derived not in bytes(kept.signing_key)
    assert signing_keys_of(key_id=key.key.pk, now=timezone.now()) == [derived]
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(to_jsonb(r)::text, '') FROM events_auditrecord r")
        assert key.secret not in cursor.fetchone()[0]


def test_scopes_reach_no_further_than_the_role_and_the_key_that_makes(made: tuple[Market, NewSecret]) -> None:
    alpha = made[1]
    grant = find_by_secret(client_id=alpha.key.client_id, secret=alpha.secret, now=timezone.now())
    assert grant is not None
    cases: list[tuple[type[Refusal], dict[str, Any], tuple[str, ...]]] = [
        (ScopeBeyondRole, {}, ("day:write",)),
        (UnknownScope, {}, ("gold:read",)),
        (UnknownScope, {}, ()),
        (ScopeBeyondRole, {"made_by": grant.grant}, ("ledger:read",)),
        (KeyLifeTooLong, {"made_by": grant.grant, "expires_at": timezone.now() + timedelta(days=91)}, ("orders:read",)),
        (KeyLifeTooLong, {"expires_at": timezone.now() + timedelta(days=366)}, ("orders:read",)),
        (KeyLifeTooLong, {"expires_at": timezone.now()}, ("orders:read",)),
        (KeyNotYours, {"owner": User.objects.get(username="bravo")}, ("orders:read",)),
    ]
    for refusal, changes, scopes in cases:
        with pytest.raises(refusal):
            make_key("alpha", *scopes, **changes)
    assert make_key("operator", "day:write").key.scopes == ["day:write"]


def test_a_role_that_shrinks_takes_its_scopes_from_the_key() -> None:
    key = make_key("operator", "audit:read", "day:write")
    User.objects.get(username="operator").membership.delete()
    found = find_by_secret(client_id=key.key.client_id, secret=key.secret, now=timezone.now())
    assert found is not None
    assert found.grant.scopes == frozenset()
    MembershipFactory.create(user=User.objects.get(username="operator"), role="AUDITOR")
    found = find_by_secret(client_id=key.key.client_id, secret=key.secret, now=timezone.now())
    assert found is not None
    assert found.grant.scopes == {"audit:read"}


def test_rotation_leaves_the_old_secret_its_grace_and_no_more(made: tuple[Market, NewSecret]) -> None:
    moment, first = timezone.now(), made[1]
    client_id = first.key.client_id

    def rotate(hours: int, name: str = "alpha") -> NewSecret:
        return rotate_key(client_id=client_id, grace=timedelta(hours=hours), now=moment, actor=who(name), **now())

    def works(key: NewSecret, hours: float = 0) -> bool:
        at = moment + timedelta(hours=hours)
        return find_by_secret(client_id=client_id, secret=key.secret, now=at) is not None

    second = rotate(24)
    assert [works(first), works(first, 23.9), works(first, 24), works(second, 24)] == [True, True, False, True]
    assert len(signing_keys_of(key_id=first.key.pk, now=moment)) == 2
    third = rotate(0)
    assert [works(first), works(second), works(third)] == [False, False, True]
    for refusal, hours, name in (
        (KeyNotYours, 0, "operator"),
        (UnknownKey, 0, "bravo"),
        (KeyLifeTooLong, 169, "alpha"),
    ):
        with pytest.raises(refusal):
            rotate(hours, name)
    narrow = find_by_secret(client_id=client_id, secret=third.secret, now=moment)
    assert narrow is not None
    wide = make_key("alpha", "keys:write", "orders:read", "trades:read")
    rotation: dict[str, Any] = {"client_id": wide.key.client_id, "grace": timedelta(), "actor": who("alpha")}
    with pytest.raises(ScopeBeyondRole) as beyond:
        rotate_key(**rotation, made_by=narrow.grant, now=moment, **now())
    assert beyond.value.extra["scopes"] == ["keys:write", "trades:read"]
    reaching = find_by_secret(client_id=wide.key.client_id, secret=wide.secret, now=moment)
    assert reaching is not None
    rotate_key(**rotation, made_by=reaching.grant, now=moment, **now())
    for _ in range(2):
        revoke_key(client_id=client_id, now=moment, actor=who("operator"), **now())
    assert not works(third)
    with pytest.raises(KeyEnded):
        rotate(0)
    done = AuditRecord.objects.filter(object_id=first.key.pk, action__startswith="key.").order_by("pk")
    assert list(done.values_list("action", "actor")) == [
        ("key.create", "alpha"), ("key.rotate", "alpha"), ("key.rotate", "alpha"), ("key.revoke", "operator"),
    ]  # fmt: skip


def test_each_step_of_a_familys_life_is_in_the_audit_log(made: tuple[Market, NewSecret]) -> None:
    key = make_key("alpha", "orders:read", "orders:write")
    moment = timezone.now()
    tokens = exchange(key)
    for scopes in (None, ("orders:read",)):
        tokens = refresh_tokens(refresh_token=tokens.refresh_token, scopes=scopes, now=moment, **now())
    with pytest.raises(InvalidScope):
        refresh_tokens(refresh_token=tokens.refresh_token, scopes=("day:write",), now=moment, **now())
    assert revoke_token(token=tokens.access_token, now=moment, **now())
    told = AuditRecord.objects.filter(object_id=key.key.pk, action__startswith="token.").order_by("pk")
    assert list(told.values_list("action", "actor", "object_type")) == [
        (f"token.{step}", "alpha", "api-key") for step in ("issue", "refresh", "refresh", "revoke")
    ]
    assert {record.detail["sid"] for record in told} == {str(TokenFamily.objects.get(secret__key=key.key).sid)}
    assert [record.detail.get("scopes") for record in told] == [
        ["orders:read", "orders:write"], ["orders:read", "orders:write"], ["orders:read"], None,
    ]  # fmt: skip
    text = " ".join(f"{record.summary} {record.detail}" for record in told)
    assert tokens.refresh_token not in text
    assert tokens.access_token not in text


def test_one_login_holds_twenty_keys_that_work() -> None:
    ApiKey.objects.bulk_create(
        ApiKey(
            client_id=f"fmi_{number:016d}".replace("0", "a").replace("1", "b").replace("8", "c").replace("9", "d"),
            owner=User.objects.get(username="bravo"), name="x", scopes=["orders:read"],
            expires_at=timezone.now() + timedelta(days=1),
        )
        for number in range(MOST_KEYS)
    )  # fmt: skip
    with pytest.raises(TooManyKeys):
        make_key("bravo", "orders:read")


def test_encryption_keys_rotate_without_a_stop(made: tuple[Market, NewSecret], settings: Any) -> None:
    key, old = made[1], settings.ENCRYPTION_KEYS
    new = (Fernet.generate_key().decode(),)
    settings.ENCRYPTION_KEYS = new + old
    assert signing_keys_of(key_id=key.key.pk, now=timezone.now()) == [derive_signing_key(secret=key.secret)]
    call_command("reencrypt_secrets")
    told = AuditRecord.objects.get(action="secrets.reencrypted")
    assert (told.actor, told.detail) == ("system", {"count": ApiSecret.objects.count()})
    settings.ENCRYPTION_KEYS = new
    assert signing_keys_of(key_id=key.key.pk, now=timezone.now()) == [derive_signing_key(secret=key.secret)]
    settings.ENCRYPTION_KEYS = old
    with pytest.raises(InvalidToken):
        signing_keys_of(key_id=key.key.pk, now=timezone.now())


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_signing_keys, ""),
        (parse_signing_keys, "no-colon-in-this-one-of-more-than-32-bytes"),
        (parse_signing_keys, "2026-11:a-long-random-text"),
        (parse_signing_keys, f"a:{'x' * 32},a:{'y' * 32}"),
        (parse_encryption_keys, "a-fernet-key"),
        (parse_encryption_keys, ","),
    ],
)
def test_a_ring_that_cannot_be_used_refuses_and_shows_no_secret(parse: Any, text: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 (its words are the operator's)
        parse(text=text)
    secret = text.rpartition(":")[2]
    assert len(secret) < 2 or secret not in str(refused.value)


def test_last_use_is_written_in_the_background_and_old_tokens_are_swept(made: tuple[Market, NewSecret]) -> None:
    key = made[1].key
    assert ApiKey.objects.get(pk=key.pk).last_used_at is None
    housekeeping.write_last_use()
    used = ApiKey.objects.get(pk=key.pk).last_used_at
    assert used is not None
    assert abs((used - timezone.now()).total_seconds()) < 60
    assert housekeeping.forget_old_tokens(now=timezone.now()) == 0
    assert TokenFamily.objects.filter(secret__key=key).exists()


@pytest.mark.parametrize(
    ("client_id", "secret"), [("fmi_aaaaaaaaaaaaaaaa", "x"), ("nobody", "x"), ("", ""), (None, "x")]
)
def test_an_unknown_key_costs_what_a_wrong_secret_costs(
    made: tuple[Market, NewSecret], client_id: str | None, secret: str, django_assert_num_queries: Any
) -> None:
    name = made[1].key.client_id if client_id is None else client_id
    with django_assert_num_queries(1):
        assert find_by_secret(client_id=name, secret=secret, now=timezone.now()) is None


ATTACKS = (
    ("UPDATE reference_apikey SET scopes = '{day:write}'", "never change"),
    ("UPDATE reference_apikey SET owner_id = owner_id", "never change"),
    ("UPDATE reference_apikey SET expires_at = now() + interval '1 year'", "never change"),
    ("DELETE FROM reference_apikey", "never deleted"),
    ("TRUNCATE reference_apikey CASCADE", "never truncated"),
    ("INSERT INTO reference_apikey (client_id, owner_id, name, scopes, expires_at, revoked_by)"
     " SELECT 'fmi_aaaaaaaaaaaaaaaa', owner_id, name, '{gold:read}', expires_at, '' FROM reference_apikey",
     "scopes_known"),
    ("INSERT INTO reference_apikey (client_id, owner_id, name, scopes, expires_at, revoked_by)"
     " SELECT 'admin', owner_id, name, scopes, expires_at, '' FROM reference_apikey", "client_id_shape"),
    ("INSERT INTO reference_apikey (client_id, owner_id, name, scopes, expires_at, revoked_by) SELECT"
     " 'fmi_aaaaaaaaaaaaaaaa', owner_id, name, scopes, now() + interval '9 years', '' FROM reference_apikey",
     "ends_within_a_year"),
    ("UPDATE reference_apikey SET revoked_at = now()", "revoked_by_someone"),
    ("UPDATE reference_apikey SET revoked_at = now(), revoked_by = 'a';"
     "UPDATE reference_apikey SET revoked_at = NULL, revoked_by = ''", "stays as it is"),
    ("UPDATE reference_apikey SET revoked_at = now(), revoked_by = 'a'; INSERT INTO reference_apisecret (key_id,"
     " secret_hash, signing_key, ends_at) SELECT key_id, sha256('x'), 'x', now() FROM reference_apisecret",
     "gets no new secret"),
    ("UPDATE reference_apisecret SET secret_hash = sha256('known')", "never change"),
    ("INSERT INTO reference_apisecret (key_id, secret_hash, signing_key) SELECT key_id, sha256('x'), 'x' FROM"
     " reference_apisecret", "one_current"),
    ("INSERT INTO reference_apisecret (key_id, secret_hash, signing_key, ends_at) SELECT key_id, 'x', 'x', now() FROM"
     " reference_apisecret", "hash_is_sha256"),
    ("UPDATE reference_apisecret SET ends_at = now();"
     "UPDATE reference_apisecret SET ends_at = NULL", "not given more time"),
    ("DELETE FROM reference_apisecret", "never deleted"),
    ("UPDATE reference_tokenfamily SET expires_at = now() + interval '1 year'", "never change"),
    ("UPDATE reference_tokenfamily SET revoked_at = now(), revoked_because = 'REVOKED';"
     "UPDATE reference_tokenfamily SET revoked_at = NULL, revoked_because = ''", "stays as it is"),
    ("INSERT INTO reference_tokenfamily (sid, secret_id, scopes, expires_at, revoked_because) SELECT"
     " gen_random_uuid(), secret_id, '{day:write}', expires_at, '' FROM reference_tokenfamily", "beyond their key"),
    ("INSERT INTO reference_tokenfamily (sid, secret_id, scopes, expires_at, revoked_because) SELECT"
     " gen_random_uuid(), secret_id, scopes, now() + interval '1 year', '' FROM reference_tokenfamily",
     "beyond their key"),
    ("DELETE FROM reference_refreshtoken", "kept while its family lives"),
    ("UPDATE reference_refreshtoken SET used_at = NULL WHERE used_at IS NOT NULL", "stays as it is"),
    ("INSERT INTO reference_refreshtoken (family_id, token_hash) SELECT family_id, sha256('x') FROM"
     " reference_refreshtoken LIMIT 1", "one_unused"),
)  # fmt: skip


@pytest.mark.parametrize(("sql", "because"), ATTACKS)
def test_raw_sql_cannot(sql: str, because: str) -> None:
    with pytest.raises(DatabaseError, match=because), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
