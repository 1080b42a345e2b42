import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0002_published"),
        ("reference", "0005_market_data"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="WebhookEndpoint",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "public_id",
                    models.UUIDField(
                        db_default=models.Func(
                            function="uuidv7", output_field=models.UUIDField(), template="%(function)s()"
                        ),
                        unique=True,
                    ),
                ),
                ("url", models.CharField(max_length=500)),
                ("description", models.CharField(blank=True, max_length=120)),
                (
                    "events",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64),
                        default=list,
                        help_text="Names of events; none: all of them.",
                        size=None,
                    ),
                ),
                ("enabled", models.BooleanField(default=True)),
                ("disabled_at", models.DateTimeField(null=True)),
                (
                    "disabled_because",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("ASKED", "Switched off"),
                            ("GONE", "It answered 410 Gone"),
                            ("FAILING", "Nothing but failures for five days"),
                            ("NO_READER", "Its owner may not read these events any more"),
                            ("REMOVED", "Removed"),
                        ],
                        max_length=9,
                    ),
                ),
                ("failures", models.IntegerField(default=0, help_text="In a row.")),
                ("failing_since", models.DateTimeField(null=True)),
                (
                    "opened_until",
                    models.DateTimeField(help_text="Nothing is sent before: the circuit is open.", null=True),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "participant",
                    models.ForeignKey(
                        help_text="Whose share of events it is sent. Empty: everything, for operators and auditors.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="reference.participant",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="WebhookDelivery",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "public_id",
                    models.UUIDField(
                        db_default=models.Func(
                            function="uuidv7", output_field=models.UUIDField(), template="%(function)s()"
                        ),
                        unique=True,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("PENDING", "Pending"),
                            ("DELIVERED", "Delivered"),
                            ("FAILED", "Failed"),
                            ("CANCELLED", "Cancelled"),
                        ],
                        db_default="PENDING",
                        default="PENDING",
                        max_length=9,
                    ),
                ),
                (
                    "attempts",
                    models.SmallIntegerField(db_default=0, default=0, help_text="Since it was last asked for."),
                ),
                (
                    "next_attempt_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        help_text="Under way: when it is taken for lost.",
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "event",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="events.outboxfact"
                    ),
                ),
                (
                    "endpoint",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="events.webhookendpoint",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="WebhookSecret",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("secret", models.BinaryField(help_text="Encrypted under ENCRYPTION_KEYS.")),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("ends_at", models.DateTimeField(help_text="When a newer secret takes its place.", null=True)),
                (
                    "endpoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="secrets", to="events.webhookendpoint"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="WebhookAttempt",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        help_text="Wall-clock time at which it began.",
                    ),
                ),
                ("status", models.SmallIntegerField(help_text="Of HTTP; none where no answer came.", null=True)),
                ("duration_ms", models.IntegerField()),
                ("answer", models.TextField(blank=True, help_text="The first 1000 characters.")),
                ("error", models.CharField(blank=True, max_length=200)),
                (
                    "delivery",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="log", to="events.webhookdelivery"
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [models.Index(fields=["at"], name="webhookattempt_at")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("error", ""), ("status__gte", 100), ("status__isnull", False), ("status__lte", 999)
                            ),
                            models.Q(("status__isnull", True), models.Q(("error", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="webhookattempt_answer_or_error",
                    ),
                    models.CheckConstraint(condition=models.Q(("duration_ms__gte", 0)), name="webhookattempt_duration"),
                ],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="webhookattempt",
            trigger=pgtrigger.compiler.Trigger(
                name="events_webhookattempt_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'events_webhookattempt is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="9c12a6b73f6559701bb522f98e88d876877cc5d1",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_events_webhookattempt_append_only_8df91",
                    table="events_webhookattempt",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="webhookattempt",
            trigger=pgtrigger.compiler.Trigger(
                name="events_webhookattempt_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'events_webhookattempt is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="aaf235d819d221423f398f84d90670d21768e3f7",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_events_webhookattempt_no_truncate_e4f18",
                    table="events_webhookattempt",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="webhookendpoint",
            index=models.Index(fields=["participant", "id"], name="webhookendpoint_participant"),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(("url__regex", "^https?://[!-~]+$")), name="webhookendpoint_url_shape"
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("disabled_at__isnull", True), ("disabled_because", ""), ("enabled", True)),
                    models.Q(
                        ("disabled_at__isnull", False),
                        ("disabled_because__in", ["ASKED", "GONE", "FAILING", "NO_READER", "REMOVED"]),
                        ("enabled", False),
                    ),
                    _connector="OR",
                ),
                name="webhookendpoint_disabled_because",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("failing_since__isnull", True), ("failures", 0), ("opened_until__isnull", True)),
                    models.Q(("failing_since__isnull", False), ("failures__gt", 0)),
                    _connector="OR",
                ),
                name="webhookendpoint_failing_since",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="webhookendpoint",
            trigger=pgtrigger.compiler.Trigger(
                name="events_webhookendpoint_no_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'events_webhookendpoint rows are never deleted' USING ERRCODE = 'restrict_violation';",
                    hash="d58c66d59c1712862ab01a75206b728b1928d6b9",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_events_webhookendpoint_no_delete_c0c4d",
                    table="events_webhookendpoint",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="webhookendpoint",
            trigger=pgtrigger.compiler.Trigger(
                name="events_webhookendpoint_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'events_webhookendpoint is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="70258b1b1ed6a021e2f80cc0101e106cf462d2fa",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_events_webhookendpoint_no_truncate_b8225",
                    table="events_webhookendpoint",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="webhookendpoint",
            trigger=pgtrigger.compiler.Trigger(
                name="events_webhookendpoint_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'these columns of events_webhookendpoint never change' USING ERRCODE = 'restrict_violation';",
                    hash="27d47ae5b89e6dbaeaa7d7b162a38acbeb53a8de",
                    level="STATEMENT",
                    operation='UPDATE OF "public_id", "participant_id", "owner_id", "created_at"',
                    pgid="pgtrigger_events_webhookendpoint_immutable_cfd4e",
                    table="events_webhookendpoint",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="webhookendpoint",
            trigger=pgtrigger.compiler.Trigger(
                name="events_webhookendpoint_removed_stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.disabled_because = 'REMOVED')",
                    func="RAISE EXCEPTION 'an endpoint that was removed stays so' USING ERRCODE = 'restrict_violation';",
                    hash="b87348c7bc47f2f316fdeef6644ea59ce62474ea",
                    operation="UPDATE",
                    pgid="pgtrigger_events_webhookendpoint_removed_stays_b2f1c",
                    table="events_webhookendpoint",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="webhookendpoint",
            trigger=pgtrigger.compiler.Trigger(
                name="events_webhookendpoint_of_a_reader",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                    IF NOT EXISTS (\n                        SELECT 1 FROM (SELECT NEW.participant_id) e (participant_id), auth_user u\n                        LEFT JOIN reference_membership m ON m.user_id = u.id\n                        WHERE u.id = NEW.owner_id AND \n    u.is_active AND CASE WHEN e.participant_id IS NULL\n        THEN coalesce(m.role IN ('OPERATOR', 'AUDITOR'), u.is_superuser)\n        ELSE m.participant_id IS NOT DISTINCT FROM e.participant_id END\n\n                    ) THEN RAISE EXCEPTION 'nobody is sent what he may not read' USING ERRCODE = 'check_violation',\n                        CONSTRAINT = 'events_webhookendpoint_of_a_reader';\n                    END IF;\n                    RETURN NEW;\n                ",
                    hash="8199ff4d1b5c119ae8e6383caa18796e83758e43",
                    operation="INSERT",
                    pgid="pgtrigger_events_webhookendpoint_of_a_reader_3af7e",
                    table="events_webhookendpoint",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("state", "PENDING")),
                fields=["endpoint", "next_attempt_at"],
                name="webhookdelivery_due",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(fields=["endpoint", "id"], name="webhookdelivery_log"),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("state", "FAILED")), fields=["endpoint", "id"], name="webhookdelivery_failed"
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.UniqueConstraint(fields=("endpoint", "event"), name="webhookdelivery_once"),
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["PENDING", "DELIVERED", "FAILED", "CANCELLED"])),
                name="webhookdelivery_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at__isnull", True), ("state", "PENDING")),
                    models.Q(models.Q(("state", "PENDING"), _negated=True), ("ended_at__isnull", False)),
                    _connector="OR",
                ),
                name="webhookdelivery_ended",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(("attempts__gte", 0), ("attempts__lte", 8)), name="webhookdelivery_attempts"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="webhookdelivery",
            trigger=pgtrigger.compiler.Trigger(
                name="events_webhookdelivery_no_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'events_webhookdelivery rows are never deleted' USING ERRCODE = 'restrict_violation';",
                    hash="775c2d3638a6e86153d53354f473ebf618cc5bf7",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_events_webhookdelivery_no_delete_3d9d9",
                    table="events_webhookdelivery",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="webhookdelivery",
            trigger=pgtrigger.compiler.Trigger(
                name="events_webhookdelivery_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'events_webhookdelivery is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="18a7c021a7ccae3e01b6645839b451ac6bd5c541",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_events_webhookdelivery_no_truncate_fa705",
                    table="events_webhookdelivery",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="webhookdelivery",
            trigger=pgtrigger.compiler.Trigger(
                name="events_webhookdelivery_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'these columns of events_webhookdelivery never change' USING ERRCODE = 'restrict_violation';",
                    hash="2e736c35e09138f8b53419909afcc19317237094",
                    level="STATEMENT",
                    operation='UPDATE OF "public_id", "endpoint_id", "event_id", "created_at"',
                    pgid="pgtrigger_events_webhookdelivery_immutable_73f75",
                    table="events_webhookdelivery",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="webhookdelivery",
            trigger=pgtrigger.compiler.Trigger(
                name="events_webhookdelivery_legal_step",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.state IS DISTINCT FROM NEW.state AND (OLD.state::text, NEW.state::text) NOT IN (('CANCELLED', 'PENDING'), ('DELIVERED', 'PENDING'), ('FAILED', 'PENDING'), ('PENDING', 'CANCELLED'), ('PENDING', 'DELIVERED'), ('PENDING', 'FAILED')))",
                    func="\n            RAISE EXCEPTION 'events_webhookdelivery cannot go from % to %', OLD.state, NEW.state\n                USING ERRCODE = 'check_violation', CONSTRAINT = 'events_webhookdelivery_legal_step';\n        ",
                    hash="9d6af445bfc90322e94f1d7bf709da097913838c",
                    operation='UPDATE OF "state"',
                    pgid="pgtrigger_events_webhookdelivery_legal_step_f6a1d",
                    table="events_webhookdelivery",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="webhookdelivery",
            trigger=pgtrigger.compiler.Trigger(
                name="events_webhookdelivery_of_ones_own",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                    IF NEW.state <> 'PENDING' OR NOT EXISTS (\n                        SELECT 1 FROM events_webhookendpoint e\n                        LEFT JOIN events_outboxfact f ON f.id = NEW.event_id\n                        WHERE e.id = NEW.endpoint_id AND (NEW.event_id IS NULL OR e.participant_id IS NULL\n                            OR jsonb_exists_any(f.shares, ARRAY[e.participant_id::text, '*']))\n                    ) THEN RAISE EXCEPTION 'a participant is sent what it has a share in, and nothing else'\n                        USING ERRCODE = 'check_violation', CONSTRAINT = 'events_webhookdelivery_of_ones_own';\n                    END IF;\n                    RETURN NEW;\n                ",
                    hash="3a6bd4d7542486dc292a2eca0dc106d7302e39cc",
                    operation="INSERT",
                    pgid="pgtrigger_events_webhookdelivery_of_ones_own_1c05d",
                    table="events_webhookdelivery",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="webhookdelivery",
            trigger=pgtrigger.compiler.Trigger(
                name="events_webhookdelivery_answered",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (NEW.state = 'DELIVERED' AND OLD.state <> 'DELIVERED')",
                    func="\n                    IF NOT EXISTS (\n                        SELECT 1 FROM events_webhookattempt a\n                        WHERE a.delivery_id = NEW.id AND a.status BETWEEN 200 AND 299\n                    ) THEN RAISE EXCEPTION 'delivered is what was answered with success'\n                        USING ERRCODE = 'check_violation', CONSTRAINT = 'events_webhookdelivery_answered';\n                    END IF;\n                    RETURN NULL;\n                ",
                    hash="1dcdc46918c39a4084e3305e8261a4f911a550d3",
                    operation='UPDATE OF "state"',
                    pgid="pgtrigger_events_webhookdelivery_answered_7eac8",
                    table="events_webhookdelivery",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="webhooksecret",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ends_at__isnull", True)), fields=("endpoint",), name="webhooksecret_one_current"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="webhooksecret",
            trigger=pgtrigger.compiler.Trigger(
                name="events_webhooksecret_no_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'events_webhooksecret rows are never deleted' USING ERRCODE = 'restrict_violation';",
                    hash="3ebe7adb74273057fac12048644464263deeb970",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_events_webhooksecret_no_delete_fc6e0",
                    table="events_webhooksecret",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="webhooksecret",
            trigger=pgtrigger.compiler.Trigger(
                name="events_webhooksecret_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'events_webhooksecret is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="2dd7cd7982aacc6e394f5b7190f7eb51306a90b5",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_events_webhooksecret_no_truncate_815a7",
                    table="events_webhooksecret",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="webhooksecret",
            trigger=pgtrigger.compiler.Trigger(
                name="events_webhooksecret_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'these columns of events_webhooksecret never change' USING ERRCODE = 'restrict_violation';",
                    hash="0a1f6b7f3d7bf68460cdaaff5f41e968b5a10341",
                    level="STATEMENT",
                    operation='UPDATE OF "endpoint_id", "created_at"',
                    pgid="pgtrigger_events_webhooksecret_immutable_85390",
                    table="events_webhooksecret",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="webhooksecret",
            trigger=pgtrigger.compiler.Trigger(
                name="events_webhooksecret_ends_no_later",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.ends_at IS NOT NULL AND (NEW.ends_at IS NULL OR NEW.ends_at > OLD.ends_at))",
                    func="RAISE EXCEPTION 'a secret that ends is not given more time' USING ERRCODE = 'check_violation';",
                    hash="747b98b6c7be8acd729c5ed0f5f9816a5b7f1461",
                    operation='UPDATE OF "ends_at"',
                    pgid="pgtrigger_events_webhooksecret_ends_no_later_c0e52",
                    table="events_webhooksecret",
                    when="BEFORE",
                ),
            ),
        ),
    ]
