import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("reference", "0003_issuer_sector")]

    operations = [
        migrations.CreateModel(
            name="Proposal",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("public_id", models.UUIDField(unique=True)),
                ("kind", models.CharField(help_text="What would be done, such as client-limits.", max_length=32)),
                ("subject_type", models.CharField(max_length=24)),
                ("subject_id", models.BigIntegerField()),
                ("subject", models.CharField(help_text="The subject's code, as people know it.", max_length=40)),
                ("summary", models.CharField(max_length=200)),
                ("before", models.JSONField(help_text="What stands, of what would change.")),
                ("after", models.JSONField(help_text="The same names, with what is proposed.")),
                ("proposed_by", models.CharField(max_length=150)),
                ("proposed_at", models.DateTimeField(help_text="Business time.")),
                ("expires_at", models.DateTimeField(help_text="Business time.")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("PROPOSED", "Proposed"),
                            ("APPROVED", "Approved"),
                            ("REJECTED", "Rejected"),
                            ("EXPIRED", "Expired"),
                            ("WITHDRAWN", "Withdrawn"),
                        ],
                        default="PROPOSED",
                        max_length=9,
                    ),
                ),
                ("decided_by", models.CharField(blank=True, max_length=150)),
                ("decided_at", models.DateTimeField(help_text="Business time.", null=True)),
                ("reason", models.CharField(blank=True, help_text="Why it was decided so.", max_length=400)),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="Wall-clock time."
                    ),
                ),
                (
                    "participant",
                    models.ForeignKey(
                        help_text="Whose subject it is; its logins see the proposal and may decide it. Empty: operators alone.",
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
        migrations.AddIndex(
            model_name="proposal",
            index=models.Index(fields=["subject_type", "subject_id", "id"], name="proposal_subject"),
        ),
        migrations.AddConstraint(
            model_name="proposal",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["PROPOSED", "APPROVED", "REJECTED", "EXPIRED", "WITHDRAWN"])),
                name="proposal_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="proposal",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "PROPOSED")),
                fields=("kind", "subject_type", "subject_id"),
                name="proposal_one_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="proposal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decided_by", ""), ("status__in", ["PROPOSED", "EXPIRED"])),
                    models.Q(("decided_by", models.F("proposed_by")), ("status", "WITHDRAWN")),
                    models.Q(
                        ("status__in", ["APPROVED", "REJECTED"]),
                        models.Q(("decided_by", ""), _negated=True),
                        models.Q(("decided_by", models.F("proposed_by")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="proposal_four_eyes",
            ),
        ),
        migrations.AddConstraint(
            model_name="proposal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decided_at__isnull", True), ("status", "PROPOSED")),
                    models.Q(("decided_at__gte", models.F("expires_at")), ("status", "EXPIRED")),
                    models.Q(
                        ("decided_at__lt", models.F("expires_at")),
                        ("status__in", ["APPROVED", "REJECTED", "WITHDRAWN"]),
                    ),
                    _connector="OR",
                ),
                name="proposal_decided_in_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="proposal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "REJECTED"), _negated=True),
                    models.Q(("reason", ""), _negated=True),
                    _connector="OR",
                ),
                name="proposal_rejection_has_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="proposal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("proposed_by", ""), _negated=True), ("expires_at__gt", models.F("proposed_at"))
                ),
                name="proposal_by_someone",
            ),
        ),
        migrations.AddConstraint(
            model_name="proposal",
            constraint=models.CheckConstraint(
                condition=models.Q(("before", models.F("after")), _negated=True), name="proposal_changes_something"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="proposal",
            trigger=pgtrigger.compiler.Trigger(
                name="reference_proposal_no_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'reference_proposal rows are never deleted' USING ERRCODE = 'restrict_violation';",
                    hash="3bf2271d9f807a06d25b79b698cfd5d9c293ac44",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_reference_proposal_no_delete_66be3",
                    table="reference_proposal",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="proposal",
            trigger=pgtrigger.compiler.Trigger(
                name="reference_proposal_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'reference_proposal is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="8e3c1731f68c005392c0279bc5edad3ec0f58da9",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_reference_proposal_no_truncate_8a95f",
                    table="reference_proposal",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="proposal",
            trigger=pgtrigger.compiler.Trigger(
                name="reference_proposal_legal_step",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.status IS DISTINCT FROM NEW.status AND (OLD.status::text, NEW.status::text) NOT IN (('PROPOSED', 'APPROVED'), ('PROPOSED', 'EXPIRED'), ('PROPOSED', 'REJECTED'), ('PROPOSED', 'WITHDRAWN')))",
                    func="\n            RAISE EXCEPTION 'reference_proposal cannot go from % to %', OLD.status, NEW.status\n                USING ERRCODE = 'check_violation', CONSTRAINT = 'reference_proposal_legal_step';\n        ",
                    hash="9c1bc606f1739fa416eacaf26a26f4b38716e59d",
                    operation='UPDATE OF "status"',
                    pgid="pgtrigger_reference_proposal_legal_step_c8c99",
                    table="reference_proposal",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="proposal",
            trigger=pgtrigger.compiler.Trigger(
                name="reference_proposal_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'these columns of reference_proposal never change' USING ERRCODE = 'restrict_violation';",
                    hash="f944a4cd2666a2c9be6a319e32f3638ee1d77c84",
                    level="STATEMENT",
                    operation='UPDATE OF "public_id", "kind", "subject_type", "subject_id", "subject", "participant_id", "summary", "before", "after", "proposed_by", "proposed_at", "expires_at"',
                    pgid="pgtrigger_reference_proposal_immutable_8131b",
                    table="reference_proposal",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="proposal",
            trigger=pgtrigger.compiler.Trigger(
                name="reference_proposal_born_proposed",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (NEW.status <> 'PROPOSED')",
                    func="RAISE EXCEPTION 'a proposal begins PROPOSED' USING ERRCODE = 'check_violation';",
                    hash="76dcffda895313d4fa0545a080d5a4e5345b4538",
                    operation="INSERT",
                    pgid="pgtrigger_reference_proposal_born_proposed_5a334",
                    table="reference_proposal",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="proposal",
            trigger=pgtrigger.compiler.Trigger(
                name="reference_proposal_decided_once",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.status <> 'PROPOSED')",
                    func="\n    RAISE EXCEPTION 'a decided proposal never changes' USING ERRCODE = 'check_violation',\n        CONSTRAINT = 'reference_proposal_decided_once';\n",
                    hash="431bf5bbfff622cf5dcb32a748e8ae917c6d3b21",
                    operation="UPDATE",
                    pgid="pgtrigger_reference_proposal_decided_once_aa76e",
                    table="reference_proposal",
                    when="BEFORE",
                ),
            ),
        ),
    ]
