"""What is done about keys in the background: last uses noted, old tokens and sessions swept, secrets encrypted anew."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import cast

from django.apps import apps
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from redis.exceptions import RedisError

from reference.audit import record_action
from reference.core.actor import SYSTEM
from reference.keys.encryption import reencrypt_secret
from reference.keys.grants import used_key
from reference.models import RefreshToken, TokenFamily
from reference.queries import business_moment
from reference.valkey import valkey

KEPT_FOR = timedelta(days=7)
MOST_AT_ONCE = 5_000

LAST_USE_SQL = """
    UPDATE reference_apikey k SET last_used_at = to_timestamp(n.used)
    FROM unnest(%(ids)s::bigint[], %(used)s::bigint[]) AS n(id, used)
    WHERE k.id = n.id AND (k.last_used_at IS NULL OR k.last_used_at < to_timestamp(n.used))
"""


def write_last_use() -> int:
    """Write when keys were used last, as the web processes left it in Valkey; return how many keys moved on."""
    try:
        with valkey().pipeline(transaction=True) as both:
            both.hgetall(used_key())
            both.delete(used_key())
            used = cast("dict[str, str]", both.execute()[0])
    except RedisError:
        return 0
    if not used:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(LAST_USE_SQL, {"ids": [int(key) for key in used], "used": [int(at) for at in used.values()]})
        return int(cursor.rowcount)


def forget_old_tokens(*, now: datetime) -> int:
    """Delete families that ended a week ago, with their refresh tokens; return how many. The audit log keeps them."""
    old = list(TokenFamily.objects.filter(expires_at__lt=now - KEPT_FOR).values_list("pk", flat=True)[:MOST_AT_ONCE])
    if old:
        with transaction.atomic():
            RefreshToken.objects.filter(family_id__in=old).delete()
            TokenFamily.objects.filter(pk__in=old).delete()
    return len(old)


def forget_old_sessions(*, now: datetime) -> int:
    """Delete the sessions of the pages that are over; return how many. Nobody can come back by one of them."""
    return Session.objects.filter(expire_date__lt=now).delete()[0]


def reencrypt_secrets(*, now: datetime) -> int:
    """Encrypt every secret that is kept readable anew, by the ring's first key; return how many.

    Which columns hold them: settings.ENCRYPTED_COLUMNS, as "app.Model.column". Raises cryptography.fernet.InvalidToken
    where one was encrypted by a key that is not on the ring; then none is changed. The audit log tells how many.
    now: wall time.
    """
    count = 0
    with transaction.atomic():
        for path in settings.ENCRYPTED_COLUMNS:
            model_path, _, column = path.rpartition(".")
            for row in apps.get_model(model_path).objects.select_for_update().order_by("pk").only("pk", column):
                setattr(row, column, reencrypt_secret(encrypted=getattr(row, column)))
                row.save(update_fields=[column])
                count += 1
        at, business_date = business_moment(now=now)
        record_action(
            actor=SYSTEM, action="secrets.reencrypted", at=at, business_date=business_date, object_type="secret",
            object_id=0, summary=f"{count} secrets encrypted anew", detail={"count": count},
        )  # fmt: skip
    return count
