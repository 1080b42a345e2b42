"""What a POST with an Idempotency-Key was answered, so that asking again answers the same and does nothing again."""

import pgtrigger
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Func, IntegerField, Q
from django.db.models.functions import Now
from django.db.models.lookups import Exact

from reference.triggers import refuse_truncate

KEPT_HOURS = 24
TABLE = "reference_storedanswer"

REFUSE_UPDATE = f"RAISE EXCEPTION '{TABLE} is append-only' USING ERRCODE = 'restrict_violation';"
REFUSE_DELETE = f"""
    RAISE EXCEPTION 'a stored answer is kept for {KEPT_HOURS} hours' USING ERRCODE = 'restrict_violation';
"""


class StoredAnswer(models.Model):
    """One answer, written in the transaction of what it tells of: either both stand or neither.

    It never changes, and goes after a day. Whoever asks is `client`: the login, and the API key it came with.
    """

    id = models.BigAutoField(primary_key=True)
    client = models.CharField(max_length=80, help_text="The login's key, and the API key's public id.")
    key = models.CharField(max_length=255, help_text="The Idempotency-Key.")
    fingerprint = models.BinaryField(help_text="SHA-256 of the method, the address and the body.")
    status = models.SmallIntegerField(help_text="Of HTTP.")
    headers = models.JSONField(help_text="Those that belong to the answer, by name.")
    body = models.BinaryField(null=True, help_text="Empty: the answer was a stream or a secret.")
    created_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            # The last word: two answers under one key would be two effects.
            models.UniqueConstraint(fields=["client", "key"], name="storedanswer_once"),
            models.CheckConstraint(condition=Q(key__regex=r"^[ -~]{1,255}$"), name="storedanswer_key_printable"),
            models.CheckConstraint(condition=~Q(client=""), name="storedanswer_of_someone"),
            models.CheckConstraint(
                condition=Exact(Func(F("fingerprint"), function="octet_length", output_field=IntegerField()), 32),
                name="storedanswer_fingerprint",
            ),
            # A fault of ours is no answer: it may be tried again.
            models.CheckConstraint(condition=Q(status__gte=200, status__lt=500), name="storedanswer_status"),
        ]
        indexes = [BrinIndex(fields=["created_at"], name="storedanswer_age", pages_per_range=16)]
        triggers = [
            pgtrigger.Trigger(
                name=f"{TABLE}_append_only",
                level=pgtrigger.Statement,
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func=REFUSE_UPDATE,
            ),
            pgtrigger.Trigger(
                name=f"{TABLE}_kept",
                when=pgtrigger.Before,
                operation=pgtrigger.Delete,
                condition=pgtrigger.Condition(f"OLD.created_at > now() - interval '{KEPT_HOURS} hours'"),
                func=REFUSE_DELETE,
            ),
            refuse_truncate(table=TABLE),
        ]

    def __str__(self) -> str:
        return f"{self.key} of {self.client}"
