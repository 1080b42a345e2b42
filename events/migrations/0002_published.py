import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Consumer",
            fields=[
                ("name", models.CharField(max_length=48, primary_key=True, serialize=False)),
                (
                    "position",
                    models.BigIntegerField(
                        db_default=0, help_text="Everything up to here is handled or a dead letter."
                    ),
                ),
                (
                    "first_seen_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="Wall-clock time."
                    ),
                ),
                (
                    "moved_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        help_text="Wall-clock time at which it last came further.",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="DeadLetter",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("reason", models.TextField(help_text="The last failure.")),
                ("attempts", models.IntegerField()),
                (
                    "first_failed_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="Wall-clock time."
                    ),
                ),
                (
                    "last_failed_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="Wall-clock time."
                    ),
                ),
                ("dead_at", models.DateTimeField(help_text="When the consumer went on without it.", null=True)),
                ("replayed_at", models.DateTimeField(help_text="When it was handled after all.", null=True)),
            ],
        ),
        migrations.CreateModel(
            name="InboxEntry",
            fields=[
                (
                    "consumer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="events.consumer"
                    ),
                ),
                (
                    "event",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="events.outboxfact",
                    ),
                ),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "consumer_id", "event_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "handled_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="Wall-clock time."
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="outboxfact",
            name="correlation_id",
            field=models.UUIDField(help_text="Ties together all that follows from one request or tick.", null=True),
        ),
        migrations.AddField(
            model_name="outboxfact",
            name="key",
            field=models.CharField(
                db_default="fmi", help_text="Facts of one key are told in their order.", max_length=64
            ),
        ),
        migrations.AddField(
            model_name="outboxfact",
            name="position",
            field=models.BigIntegerField(help_text="Place in the order of published facts, without a gap.", null=True),
        ),
        migrations.AddField(
            model_name="outboxfact",
            name="published_at",
            field=models.DateTimeField(help_text="When every sink had it.", null=True),
        ),
        migrations.AddField(
            model_name="outboxfact",
            name="shares",
            field=models.JSONField(help_text="Participant's id: what of the fact it reads. * is everybody.", null=True),
        ),
        migrations.AlterField(
            model_name="outboxfact",
            name="delivered_at",
            field=models.DateTimeField(help_text="When the tasks that follow it were woken.", null=True),
        ),
        migrations.AddIndex(
            model_name="outboxfact",
            index=models.Index(
                condition=models.Q(("published_at__isnull", True)), fields=["id"], name="outbox_unpublished"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="outboxfact",
            trigger=pgtrigger.compiler.Trigger(
                name="events_outboxfact_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'these columns of events_outboxfact never change' USING ERRCODE = 'restrict_violation';",
                    hash="8bee03c430a7bfba23e1db4c01c2ec0012c8a0ca",
                    level="STATEMENT",
                    operation='UPDATE OF "id", "name", "version", "payload", "recorded_at", "key", "shares", "correlation_id"',
                    pgid="pgtrigger_events_outboxfact_immutable_9f748",
                    table="events_outboxfact",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="outboxfact",
            trigger=pgtrigger.compiler.Trigger(
                name="events_outboxfact_once",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.position IS NOT NULL AND NEW.position IS DISTINCT FROM OLD.position OR OLD.published_at IS NOT NULL AND NEW.published_at IS DISTINCT FROM OLD.published_at OR OLD.delivered_at IS NOT NULL AND NEW.delivered_at IS DISTINCT FROM OLD.delivered_at)",
                    func="RAISE EXCEPTION 'a fact is placed, published and delivered once' USING ERRCODE = 'restrict_violation';",
                    hash="e094735b9a4368aa3d6638abfb56bcbc60d6abc7",
                    operation='UPDATE OF "position", "published_at", "delivered_at"',
                    pgid="pgtrigger_events_outboxfact_once_f9f65",
                    table="events_outboxfact",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="outboxfact",
            constraint=models.UniqueConstraint(
                condition=models.Q(("position__isnull", False)), fields=("position",), name="outbox_one_fact_a_position"
            ),
        ),
        migrations.AddConstraint(
            model_name="outboxfact",
            constraint=models.CheckConstraint(condition=models.Q(("position__gt", 0)), name="outbox_position_positive"),
        ),
        migrations.AddConstraint(
            model_name="outboxfact",
            constraint=models.CheckConstraint(
                condition=models.Q(("published_at__isnull", True), ("position__isnull", False), _connector="OR"),
                name="outbox_published_in_place",
            ),
        ),
        migrations.AddConstraint(
            model_name="consumer",
            constraint=models.CheckConstraint(condition=models.Q(("position__gte", 0)), name="consumer_position"),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="consumer",
            trigger=pgtrigger.compiler.Trigger(
                name="events_consumer_no_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'events_consumer rows are never deleted' USING ERRCODE = 'restrict_violation';",
                    hash="6bb229bb91fabbf4f7d9e8c5eb3521b9a1a83ee6",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_events_consumer_no_delete_bf5cb",
                    table="events_consumer",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="consumer",
            trigger=pgtrigger.compiler.Trigger(
                name="events_consumer_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'events_consumer is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="833b188fc9418a258e75e54f493d833cb41bbcbd",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_events_consumer_no_truncate_8de35",
                    table="events_consumer",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="consumer",
            trigger=pgtrigger.compiler.Trigger(
                name="events_consumer_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'these columns of events_consumer never change' USING ERRCODE = 'restrict_violation';",
                    hash="5bb83f64e4ee26617b24786e2ee1084481ac9bd8",
                    level="STATEMENT",
                    operation='UPDATE OF "name", "first_seen_at"',
                    pgid="pgtrigger_events_consumer_immutable_cb16d",
                    table="events_consumer",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="consumer",
            trigger=pgtrigger.compiler.Trigger(
                name="events_consumer_forward",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (NEW.position < OLD.position)",
                    func="RAISE EXCEPTION 'a consumer does not go back' USING ERRCODE = 'restrict_violation';",
                    hash="af23119f30b1026394922e78661f3553643b8dab",
                    operation='UPDATE OF "position"',
                    pgid="pgtrigger_events_consumer_forward_a8606",
                    table="events_consumer",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddField(
            model_name="deadletter",
            name="consumer",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="events.consumer"
            ),
        ),
        migrations.AddField(
            model_name="deadletter",
            name="event",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="events.outboxfact"
            ),
        ),
        migrations.AddIndex(
            model_name="deadletter",
            index=models.Index(
                condition=models.Q(("dead_at__isnull", False), ("replayed_at__isnull", True)),
                fields=["id"],
                name="dead_letter_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="deadletter",
            constraint=models.UniqueConstraint(fields=("consumer", "event"), name="dead_letter_once"),
        ),
        migrations.AddConstraint(
            model_name="deadletter",
            constraint=models.CheckConstraint(condition=models.Q(("attempts__gte", 1)), name="dead_letter_attempts"),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="deadletter",
            trigger=pgtrigger.compiler.Trigger(
                name="events_deadletter_no_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'events_deadletter rows are never deleted' USING ERRCODE = 'restrict_violation';",
                    hash="fc9c9e04a7810858195f4d9543877b4508645b75",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_events_deadletter_no_delete_ca39b",
                    table="events_deadletter",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="deadletter",
            trigger=pgtrigger.compiler.Trigger(
                name="events_deadletter_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'events_deadletter is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="8f7734f02dc99bf8d9677dc8a14d51e87e564a15",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_events_deadletter_no_truncate_c1015",
                    table="events_deadletter",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="deadletter",
            trigger=pgtrigger.compiler.Trigger(
                name="events_deadletter_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'these columns of events_deadletter never change' USING ERRCODE = 'restrict_violation';",
                    hash="f9254aa84d551b8c889301fbb24bb9a989e24920",
                    level="STATEMENT",
                    operation='UPDATE OF "id", "consumer_id", "event_id", "first_failed_at"',
                    pgid="pgtrigger_events_deadletter_immutable_3e814",
                    table="events_deadletter",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="deadletter",
            trigger=pgtrigger.compiler.Trigger(
                name="events_deadletter_once",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (NEW.attempts < OLD.attempts OR OLD.dead_at IS NOT NULL AND NEW.dead_at IS DISTINCT FROM OLD.dead_at OR OLD.replayed_at IS NOT NULL AND NEW.replayed_at IS DISTINCT FROM OLD.replayed_at)",
                    func="RAISE EXCEPTION 'a dead letter dies and is replayed once' USING ERRCODE = 'restrict_violation';",
                    hash="0672aae5d8e8807435ed8ef0535f718921a3a080",
                    operation='UPDATE OF "attempts", "dead_at", "replayed_at"',
                    pgid="pgtrigger_events_deadletter_once_2b96b",
                    table="events_deadletter",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="inboxentry",
            trigger=pgtrigger.compiler.Trigger(
                name="events_inboxentry_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'events_inboxentry is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="fadae9b3f932d0d07cdfff4afcd7bbec71499960",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_events_inboxentry_append_only_e5249",
                    table="events_inboxentry",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="inboxentry",
            trigger=pgtrigger.compiler.Trigger(
                name="events_inboxentry_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'events_inboxentry is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="2b7922c716ba9567a3ded5b5db0a598ed0baf491",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_events_inboxentry_no_truncate_27298",
                    table="events_inboxentry",
                    when="BEFORE",
                ),
            ),
        ),
    ]
