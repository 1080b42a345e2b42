"""Keys by which programs act for a login: their secrets, and the tokens they were given.

A secret is kept as its SHA-256; only the key that signs requests is kept readable, encrypted under ENCRYPTION_KEYS.
"""

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Now
from django.db.models.lookups import Exact

from reference.core.key_material import CLIENT_ID_PATTERN
from reference.core.scopes import RETIRED_SCOPES, Scope
from reference.triggers import immutable_columns, refuse_delete, refuse_truncate

KNOWN_SCOPES = sorted([*(scope.value for scope in Scope), *RETIRED_SCOPES])
LONGEST_LIFE = models.Value("366 days", output_field=models.DurationField())


def _length_is(column: str, size: int) -> Exact:
    """Return the condition that a column holds so many bytes."""
    return Exact(Func(F(column), function="octet_length", output_field=models.IntegerField()), size)


def _stays(*, table: str, column: str) -> pgtrigger.Trigger:
    """Refuse to take back or to move a moment once it is set."""
    return pgtrigger.Trigger(
        name=f"{table}_{column}_stays",
        when=pgtrigger.Before,
        operation=pgtrigger.UpdateOf(column),
        condition=pgtrigger.Condition(f"OLD.{column} IS NOT NULL AND NEW.{column} IS DISTINCT FROM OLD.{column}"),
        func=f"""
            RAISE EXCEPTION '{table}.{column} stays as it is once it is set' USING ERRCODE = 'check_violation',
                CONSTRAINT = '{table}_{column}_stays';
        """,
    )


class ApiKey(models.Model):
    """A program's key. It acts as its owner, within its scopes and never beyond the owner's role."""

    id = models.BigAutoField(primary_key=True)
    client_id = models.CharField(max_length=20, unique=True, help_text="What the key is called in public.")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="api_keys")
    name = models.CharField(max_length=80, help_text="What it is for.")
    scopes = ArrayField(models.CharField(max_length=24))
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.CharField(max_length=150, blank=True)
    last_used_at = models.DateTimeField(null=True, help_text="To the minute.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(client_id__regex=CLIENT_ID_PATTERN), name="apikey_client_id_shape"),
            models.CheckConstraint(condition=~Q(name=""), name="apikey_has_a_name"),
            models.CheckConstraint(
                condition=Q(scopes__contained_by=KNOWN_SCOPES, scopes__len__gt=0), name="apikey_scopes_known"
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at"), expires_at__lte=F("created_at") + LONGEST_LIFE),
                name="apikey_ends_within_a_year",
            ),
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True, revoked_by="") | (Q(revoked_at__isnull=False) & ~Q(revoked_by="")),
                name="apikey_revoked_by_someone",
            ),
        ]
        triggers = [
            *refuse_delete(table="reference_apikey"),
            immutable_columns(
                table="reference_apikey",
                columns=("client_id", "owner_id", "name", "scopes", "created_at", "expires_at"),
            ),
            _stays(table="reference_apikey", column="revoked_at"),
        ]

    def __str__(self) -> str:
        return self.client_id


class ApiSecret(models.Model):
    """One secret of a key. Rotation adds one and says when the one before it ends."""

    id = models.BigAutoField(primary_key=True)
    key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, related_name="secrets")
    secret_hash = models.BinaryField(unique=True, help_text="SHA-256 of the secret.")
    signing_key = models.BinaryField(help_text="What signs requests, encrypted under ENCRYPTION_KEYS.")
    created_at = models.DateTimeField(db_default=Now())
    ends_at = models.DateTimeField(null=True, help_text="When a newer secret takes its place.")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=_length_is("secret_hash", 32), name="apisecret_hash_is_sha256"),
            models.UniqueConstraint(fields=["key"], condition=Q(ends_at__isnull=True), name="apisecret_one_current"),
        ]
        triggers = [
            *refuse_delete(table="reference_apisecret"),
            immutable_columns(table="reference_apisecret", columns=("key_id", "secret_hash", "created_at")),
            pgtrigger.Trigger(
                name="reference_apisecret_ends_no_later",
                when=pgtrigger.Before,
                operation=pgtrigger.UpdateOf("ends_at"),
                condition=pgtrigger.Condition(
                    "OLD.ends_at IS NOT NULL AND (NEW.ends_at IS NULL OR NEW.ends_at > OLD.ends_at)"
                ),
                func="""
                    RAISE EXCEPTION 'a secret that ends is not given more time' USING ERRCODE = 'check_violation',
                        CONSTRAINT = 'reference_apisecret_ends_no_later';
                """,
            ),
            pgtrigger.Trigger(
                name="reference_apisecret_of_a_live_key",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    IF EXISTS (SELECT 1 FROM reference_apikey k WHERE k.id = NEW.key_id AND k.revoked_at IS NOT NULL)
                    THEN RAISE EXCEPTION 'a revoked key gets no new secret' USING ERRCODE = 'check_violation',
                        CONSTRAINT = 'reference_apisecret_of_a_live_key';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"secret {self.pk} of key {self.key_id}"


class TokenFamily(models.Model):
    """All tokens that come of one exchange of a secret: the `sid` of each, revoked together."""

    id = models.BigAutoField(primary_key=True)
    sid = models.UUIDField(unique=True)
    secret = models.ForeignKey(ApiSecret, on_delete=models.PROTECT, related_name="families")
    scopes = ArrayField(models.CharField(max_length=24))
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    revoked_because = models.CharField(
        max_length=7, blank=True, choices=[("REVOKED", "Revoked"), ("REUSED", "A used refresh token came again")]
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(expires_at__gt=F("created_at")), name="tokenfamily_lives"),
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True, revoked_because="")
                | Q(revoked_at__isnull=False, revoked_because__in=["REVOKED", "REUSED"]),
                name="tokenfamily_revoked_because",
            ),
        ]
        indexes = [models.Index(fields=["expires_at"], name="tokenfamily_expires")]
        triggers = [
            refuse_truncate(table="reference_tokenfamily"),
            immutable_columns(
                table="reference_tokenfamily", columns=("sid", "secret_id", "scopes", "created_at", "expires_at")
            ),
            _stays(table="reference_tokenfamily", column="revoked_at"),
            pgtrigger.Trigger(
                name="reference_tokenfamily_within_its_key",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    IF NOT EXISTS (
                        SELECT 1 FROM reference_apisecret s JOIN reference_apikey k ON k.id = s.key_id
                        WHERE s.id = NEW.secret_id AND k.revoked_at IS NULL AND NEW.scopes <@ k.scopes
                        AND NEW.expires_at <= k.expires_at
                    ) THEN RAISE EXCEPTION 'tokens never reach beyond their key' USING ERRCODE = 'check_violation',
                        CONSTRAINT = 'reference_tokenfamily_within_its_key';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="reference_tokenfamily_kept_while_alive",
                when=pgtrigger.Before,
                operation=pgtrigger.Delete,
                condition=pgtrigger.Condition("OLD.expires_at > now()"),
                func="RAISE EXCEPTION 'a family is kept while it lives' USING ERRCODE = 'restrict_violation';",
            ),
        ]

    def __str__(self) -> str:
        return str(self.sid)


class RefreshToken(models.Model):
    """What gets the next access token of a family, once."""

    id = models.BigAutoField(primary_key=True)
    family = models.ForeignKey(TokenFamily, on_delete=models.CASCADE, related_name="refresh_tokens")
    token_hash = models.BinaryField(unique=True, help_text="SHA-256 of the token.")
    created_at = models.DateTimeField(db_default=Now())
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=_length_is("token_hash", 32), name="refreshtoken_hash_is_sha256"),
            models.UniqueConstraint(
                fields=["family"], condition=Q(used_at__isnull=True), name="refreshtoken_one_unused"
            ),
        ]
        triggers = [
            refuse_truncate(table="reference_refreshtoken"),
            immutable_columns(table="reference_refreshtoken", columns=("family_id", "token_hash", "created_at")),
            _stays(table="reference_refreshtoken", column="used_at"),
            pgtrigger.Trigger(
                name="reference_refreshtoken_kept_while_alive",
                when=pgtrigger.Before,
                operation=pgtrigger.Delete,
                func="""
                    IF EXISTS (
                        SELECT 1 FROM reference_tokenfamily f WHERE f.id = OLD.family_id AND f.expires_at > now()
                    ) THEN RAISE EXCEPTION 'a refresh token is kept while its family lives'
                        USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN OLD;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"refresh token {self.pk}"
