"""Nonces of signed requests: each is taken once by its key, in the transaction of what the request does."""

import pgtrigger
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from reference.core.request_signing import NONCE_PATTERN, WINDOW_SECONDS
from reference.triggers import refuse_truncate

TABLE = "reference_signedrequest"
# A request may be stamped one window ahead and is taken until one window after its stamp; and a minute for two
# servers whose clocks differ.
KEPT_SECONDS = 2 * WINDOW_SECONDS + 60


class SignedRequest(models.Model):
    """A nonce that a key has used."""

    id = models.BigAutoField(primary_key=True)
    key = models.ForeignKey("reference.ApiKey", on_delete=models.PROTECT, related_name="signed_requests")
    nonce = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            # The last word: a nonce used twice would be a request carried out twice.
            models.UniqueConstraint(fields=["key", "nonce"], name="signedrequest_nonce_once"),
            models.CheckConstraint(condition=Q(nonce__regex=NONCE_PATTERN), name="signedrequest_nonce_shape"),
        ]
        indexes = [BrinIndex(fields=["created_at"], name="signedrequest_age", pages_per_range=16)]
        triggers = [
            pgtrigger.Trigger(
                name=f"{TABLE}_append_only",
                level=pgtrigger.Statement,
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func=f"RAISE EXCEPTION '{TABLE} is append-only' USING ERRCODE = 'restrict_violation';",
            ),
            pgtrigger.Trigger(
                name=f"{TABLE}_kept",
                when=pgtrigger.Before,
                operation=pgtrigger.Delete,
                condition=pgtrigger.Condition(f"OLD.created_at > now() - interval '{KEPT_SECONDS} seconds'"),
                func="""
                    RAISE EXCEPTION 'a nonce is kept while its request could come again'
                        USING ERRCODE = 'restrict_violation';
                """,
            ),
            refuse_truncate(table=TABLE),
        ]

    def __str__(self) -> str:
        return f"{self.nonce} of key {self.key_id}"
