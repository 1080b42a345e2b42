import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("reference", "0007_stored_answers"),
    ]

    operations = [
        migrations.CreateModel(
            name="SignedRequest",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("nonce", models.CharField(max_length=64)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="Wall-clock time."
                    ),
                ),
                (
                    "key",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="signed_requests",
                        to="reference.apikey",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    django.contrib.postgres.indexes.BrinIndex(
                        fields=["created_at"], name="signedrequest_age", pages_per_range=16
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("key", "nonce"), name="signedrequest_nonce_once"),
                    models.CheckConstraint(
                        condition=models.Q(("nonce__regex", "^[A-Za-z0-9_-]{16,64}$")), name="signedrequest_nonce_shape"
                    ),
                ],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="signedrequest",
            trigger=pgtrigger.compiler.Trigger(
                name="reference_signedrequest_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'reference_signedrequest is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="cccc8e524a3f6ceafcafaf26c607cad80528ff49",
                    level="STATEMENT",
                    operation="UPDATE",
                    pgid="pgtrigger_reference_signedrequest_append_only_227ee",
                    table="reference_signedrequest",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="signedrequest",
            trigger=pgtrigger.compiler.Trigger(
                name="reference_signedrequest_kept",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.created_at > now() - interval '660 seconds')",
                    func="\n                    RAISE EXCEPTION 'a nonce is kept while its request could come again'\n                        USING ERRCODE = 'restrict_violation';\n                ",
                    hash="8e3fb743ba2fe2cb0a27e9ce562f30b6982e0e23",
                    operation="DELETE",
                    pgid="pgtrigger_reference_signedrequest_kept_8c319",
                    table="reference_signedrequest",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="signedrequest",
            trigger=pgtrigger.compiler.Trigger(
                name="reference_signedrequest_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'reference_signedrequest is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="6a689cea3b7e95d757a25c9031109c7e1347f65d",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_reference_signedrequest_no_truncate_c5d6f",
                    table="reference_signedrequest",
                    when="BEFORE",
                ),
            ),
        ),
    ]
