import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
import django.db.models.lookups
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("reference", "0005_market_data"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "client_id",
                    models.CharField(help_text="What the key is called in public.", max_length=20, unique=True),
                ),
                ("name", models.CharField(help_text="What it is for.", max_length=80)),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=24), size=None),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("expires_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
                ("revoked_by", models.CharField(blank=True, max_length=150)),
                ("last_used_at", models.DateTimeField(help_text="To the minute.", null=True)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="api_keys",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="ApiSecret",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("secret_hash", models.BinaryField(help_text="SHA-256 of the secret.", unique=True)),
                ("signing_key", models.BinaryField(help_text="What signs requests, encrypted under ENCRYPTION_KEYS.")),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("ends_at", models.DateTimeField(help_text="When a newer secret takes its place.", null=True)),
                (
                    "key",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="secrets", to="reference.apikey"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="TokenFamily",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("sid", models.UUIDField(unique=True)),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=24), size=None),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("expires_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
                (
                    "revoked_because",
                    models.CharField(
                        blank=True,
                        choices=[("REVOKED", "Revoked"), ("REUSED", "A used refresh token came again")],
                        max_length=7,
                    ),
                ),
                (
                    "secret",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="families", to="reference.apisecret"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RefreshToken",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("token_hash", models.BinaryField(help_text="SHA-256 of the token.", unique=True)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("used_at", models.DateTimeField(null=True)),
                (
                    "family",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="refresh_tokens",
                        to="reference.tokenfamily",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(("client_id__regex", "^fmi_[a-z2-7]{16}$")), name="apikey_client_id_shape"
            ),
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(("name", ""), _negated=True), name="apikey_has_a_name"
            ),
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "scopes__contained_by",
                        [
                            "audit:read",
                            "clearing:read",
                            "clearing:write",
                            "clients:read",
                            "clients:write",
                            "collateral:read",
                            "collateral:write",
                            "compliance:read",
                            "compliance:write",
                            "day:read",
                            "day:write",
                            "defaults:read",
                            "defaults:write",
                            "derivatives:read",
                            "derivatives:write",
                            "events:read",
                            "events:write",
                            "keys:read",
                            "keys:write",
                            "ledger:read",
                            "market:read",
                            "market:write",
                            "operations:read",
                            "orders:read",
                            "orders:write",
                            "positions:read",
                            "positions:write",
                            "proposals:read",
                            "proposals:write",
                            "reference:read",
                            "reference:write",
                            "risk:read",
                            "risk:write",
                            "settlement:read",
                            "settlement:write",
                            "trades:read",
                            "trades:write",
                            "webhooks:read",
                            "webhooks:write",
                        ],
                    ),
                    ("scopes__len__gt", 0),
                ),
                name="apikey_scopes_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("expires_at__gt", models.F("created_at")),
                    (
                        "expires_at__lte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("created_at"), "+", models.Value("366 days", output_field=models.DurationField())
                        ),
                    ),
                ),
                name="apikey_ends_within_a_year",
            ),
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("revoked_at__isnull", True), ("revoked_by", "")),
                    models.Q(("revoked_at__isnull", False), models.Q(("revoked_by", ""), _negated=True)),
                    _connector="OR",
                ),
                name="apikey_revoked_by_someone",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="apikey",
            trigger=pgtrigger.compiler.Trigger(
                name="reference_apikey_no_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'reference_apikey rows are never deleted' USING ERRCODE = 'restrict_violation';",
                    hash="62a8465e81b5d5f73100a82813dd30fcc7b6f107",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_reference_apikey_no_delete_7fe81",
                    table="reference_apikey",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="apikey",
            trigger=pgtrigger.compiler.Trigger(
                name="reference_apikey_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'reference_apikey is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="c41d286e1e07fc366f52156860fecb7f5a9684e4",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_reference_apikey_no_truncate_d913f",
                    table="reference_apikey",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="apikey",
            trigger=pgtrigger.compiler.Trigger(
                name="reference_apikey_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'these columns of reference_apikey never change' USING ERRCODE = 'restrict_violation';",
                    hash="e3efeb3ac623ce49632c10967634e475f71ef013",
                    level="STATEMENT",
                    operation='UPDATE OF "client_id", "owner_id", "name", "scopes", "created_at", "expires_at"',
                    pgid="pgtrigger_reference_apikey_immutable_73f28",
                    table="reference_apikey",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="apikey",
            trigger=pgtrigger.compiler.Trigger(
                name="reference_apikey_revoked_at_stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at)",
                    func="\n            RAISE EXCEPTION 'reference_apikey.revoked_at stays as it is once it is set' USING ERRCODE = 'check_violation',\n                CONSTRAINT = 'reference_apikey_revoked_at_stays';\n        ",
                    hash="e8241e4c548e43315c7121fb2d0ebaf199f6a9bb",
                    operation='UPDATE OF "revoked_at"',
                    pgid="pgtrigger_reference_apikey_revoked_at_stays_e0daa",
                    table="reference_apikey",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="apisecret",
            constraint=models.CheckConstraint(
                condition=django.db.models.lookups.Exact(
                    models.Func(models.F("secret_hash"), function="octet_length", output_field=models.IntegerField()),
                    32,
                ),
                name="apisecret_hash_is_sha256",
            ),
        ),
        migrations.AddConstraint(
            model_name="apisecret",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ends_at__isnull", True)), fields=("key",), name="apisecret_one_current"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="apisecret",
            trigger=pgtrigger.compiler.Trigger(
                name="reference_apisecret_no_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'reference_apisecret rows are never deleted' USING ERRCODE = 'restrict_violation';",
                    hash="8217f8fdd6f5ec96ea2bca4f3427ade2b289911c",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_reference_apisecret_no_delete_a1193",
                    table="reference_apisecret",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="apisecret",
            trigger=pgtrigger.compiler.Trigger(
                name="reference_apisecret_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'reference_apisecret is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="e0fbf4a5e0068871215f900630df38a2e9c7bd50",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_reference_apisecret_no_truncate_ceeaf",
                    table="reference_apisecret",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="apisecret",
            trigger=pgtrigger.compiler.Trigger(
                name="reference_apisecret_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'these columns of reference_apisecret never change' USING ERRCODE = 'restrict_violation';",
                    hash="a88e3566f9b742369dcce32ba9ad1f072384c430",
                    level="STATEMENT",
                    operation='UPDATE OF "key_id", "secret_hash", "created_at"',
                    pgid="pgtrigger_reference_apisecret_immutable_22786",
                    table="reference_apisecret",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="apisecret",
            trigger=pgtrigger.compiler.Trigger(
                name="reference_apisecret_ends_no_later",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.ends_at IS NOT NULL AND (NEW.ends_at IS NULL OR NEW.ends_at > OLD.ends_at))",
                    func="\n                    RAISE EXCEPTION 'a secret that ends is not given more time' USING ERRCODE = 'check_violation',\n                        CONSTRAINT = 'reference_apisecret_ends_no_later';\n                ",
                    hash="8d1e72d4435e42e9709aba4f1519b98fecca6594",
                    operation='UPDATE OF "ends_at"',
                    pgid="pgtrigger_reference_apisecret_ends_no_later_96405",
                    table="reference_apisecret",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="apisecret",
            trigger=pgtrigger.compiler.Trigger(
                name="reference_apisecret_of_a_live_key",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                    IF EXISTS (SELECT 1 FROM reference_apikey k WHERE k.id = NEW.key_id AND k.revoked_at IS NOT NULL)\n                    THEN RAISE EXCEPTION 'a revoked key gets no new secret' USING ERRCODE = 'check_violation',\n                        CONSTRAINT = 'reference_apisecret_of_a_live_key';\n                    END IF;\n                    RETURN NEW;\n                ",
                    hash="b65d6b1e4ba50f7acc8af24d1418eb51924114ee",
                    operation="INSERT",
                    pgid="pgtrigger_reference_apisecret_of_a_live_key_dcfb7",
                    table="reference_apisecret",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="tokenfamily",
            index=models.Index(fields=["expires_at"], name="tokenfamily_expires"),
        ),
        migrations.AddConstraint(
            model_name="tokenfamily",
            constraint=models.CheckConstraint(
                condition=models.Q(("expires_at__gt", models.F("created_at"))), name="tokenfamily_lives"
            ),
        ),
        migrations.AddConstraint(
            model_name="tokenfamily",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("revoked_at__isnull", True), ("revoked_because", "")),
                    models.Q(("revoked_at__isnull", False), ("revoked_because__in", ["REVOKED", "REUSED"])),
                    _connector="OR",
                ),
                name="tokenfamily_revoked_because",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="tokenfamily",
            trigger=pgtrigger.compiler.Trigger(
                name="reference_tokenfamily_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'reference_tokenfamily is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="13e9e1deb58cf9129deffe4e233383bb0d825c2d",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_reference_tokenfamily_no_truncate_af2f2",
                    table="reference_tokenfamily",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="tokenfamily",
            trigger=pgtrigger.compiler.Trigger(
                name="reference_tokenfamily_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'these columns of reference_tokenfamily never change' USING ERRCODE = 'restrict_violation';",
                    hash="15a3e3b9f44daa5f0fdaa86aeb4035540dbd19f3",
                    level="STATEMENT",
                    operation='UPDATE OF "sid", "secret_id", "scopes", "created_at", "expires_at"',
                    pgid="pgtrigger_reference_tokenfamily_immutable_e1eb6",
                    table="reference_tokenfamily",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="tokenfamily",
            trigger=pgtrigger.compiler.Trigger(
                name="reference_tokenfamily_revoked_at_stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at)",
                    func="\n            RAISE EXCEPTION 'reference_tokenfamily.revoked_at stays as it is once it is set' USING ERRCODE = 'check_violation',\n                CONSTRAINT = 'reference_tokenfamily_revoked_at_stays';\n        ",
                    hash="385f390f334042e5bbcff9e912f1cb3599eeab7a",
                    operation='UPDATE OF "revoked_at"',
                    pgid="pgtrigger_reference_tokenfamily_revoked_at_stays_64cb7",
                    table="reference_tokenfamily",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="tokenfamily",
            trigger=pgtrigger.compiler.Trigger(
                name="reference_tokenfamily_within_its_key",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                    IF NOT EXISTS (\n                        SELECT 1 FROM reference_apisecret s JOIN reference_apikey k ON k.id = s.key_id\n                        WHERE s.id = NEW.secret_id AND k.revoked_at IS NULL AND NEW.scopes <@ k.scopes\n                        AND NEW.expires_at <= k.expires_at\n                    ) THEN RAISE EXCEPTION 'tokens never reach beyond their key' USING ERRCODE = 'check_violation',\n                        CONSTRAINT = 'reference_tokenfamily_within_its_key';\n                    END IF;\n                    RETURN NEW;\n                ",
                    hash="65c1bb8916744bfca1f270596dfa9aa8baec19da",
                    operation="INSERT",
                    pgid="pgtrigger_reference_tokenfamily_within_its_key_f1736",
                    table="reference_tokenfamily",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="tokenfamily",
            trigger=pgtrigger.compiler.Trigger(
                name="reference_tokenfamily_kept_while_alive",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.expires_at > now())",
                    func="RAISE EXCEPTION 'a family is kept while it lives' USING ERRCODE = 'restrict_violation';",
                    hash="e57d0d7b208a9fbbb38b618dccf0d00d28869eb7",
                    operation="DELETE",
                    pgid="pgtrigger_reference_tokenfamily_kept_while_alive_bc1f8",
                    table="reference_tokenfamily",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="refreshtoken",
            constraint=models.CheckConstraint(
                condition=django.db.models.lookups.Exact(
                    models.Func(models.F("token_hash"), function="octet_length", output_field=models.IntegerField()), 32
                ),
                name="refreshtoken_hash_is_sha256",
            ),
        ),
        migrations.AddConstraint(
            model_name="refreshtoken",
            constraint=models.UniqueConstraint(
                condition=models.Q(("used_at__isnull", True)), fields=("family",), name="refreshtoken_one_unused"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="refreshtoken",
            trigger=pgtrigger.compiler.Trigger(
                name="reference_refreshtoken_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'reference_refreshtoken is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="72692d6ff54998dfd049b6221f12601d7527883e",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_reference_refreshtoken_no_truncate_a51aa",
                    table="reference_refreshtoken",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="refreshtoken",
            trigger=pgtrigger.compiler.Trigger(
                name="reference_refreshtoken_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'these columns of reference_refreshtoken never change' USING ERRCODE = 'restrict_violation';",
                    hash="3193b7f8c193f4e6e496f520374cf1a582b81b3d",
                    level="STATEMENT",
                    operation='UPDATE OF "family_id", "token_hash", "created_at"',
                    pgid="pgtrigger_reference_refreshtoken_immutable_dfcf0",
                    table="reference_refreshtoken",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="refreshtoken",
            trigger=pgtrigger.compiler.Trigger(
                name="reference_refreshtoken_used_at_stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.used_at IS NOT NULL AND NEW.used_at IS DISTINCT FROM OLD.used_at)",
                    func="\n            RAISE EXCEPTION 'reference_refreshtoken.used_at stays as it is once it is set' USING ERRCODE = 'check_violation',\n                CONSTRAINT = 'reference_refreshtoken_used_at_stays';\n        ",
                    hash="23fcf094e36592bb152b947b6aa83f9e47528ef6",
                    operation='UPDATE OF "used_at"',
                    pgid="pgtrigger_reference_refreshtoken_used_at_stays_68504",
                    table="reference_refreshtoken",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="refreshtoken",
            trigger=pgtrigger.compiler.Trigger(
                name="reference_refreshtoken_kept_while_alive",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                    IF EXISTS (\n                        SELECT 1 FROM reference_tokenfamily f WHERE f.id = OLD.family_id AND f.expires_at > now()\n                    ) THEN RAISE EXCEPTION 'a refresh token is kept while its family lives'\n                        USING ERRCODE = 'restrict_violation';\n                    END IF;\n                    RETURN OLD;\n                ",
                    hash="4eaaa672b524ea65c59425317dde7eae215cae20",
                    operation="DELETE",
                    pgid="pgtrigger_reference_refreshtoken_kept_while_alive_4cf41",
                    table="reference_refreshtoken",
                    when="BEFORE",
                ),
            ),
        ),
    ]
