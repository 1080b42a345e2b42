import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("clearing", "0007_risk"),
        ("ledger", "0004_balances_moved_once"),
        ("reference", "0003_issuer_sector"),
    ]

    operations = [
        migrations.CreateModel(
            name="MarginCall",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("INITIAL", "Initial"),
                            ("VARIATION", "Variation"),
                            ("INTRADAY", "Intraday"),
                            ("FUND", "Fund"),
                            ("ASSESSMENT", "Assessment"),
                        ],
                        max_length=10,
                    ),
                ),
                ("amount_minor", models.BigIntegerField()),
                ("business_date", models.DateField(db_index=True, help_text="When it was called.")),
                ("called_at", models.DateTimeField(help_text="Business time.")),
                ("deadline", models.DateTimeField(help_text="Business time; the member's house cash is debited then.")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("ISSUED", "Issued"),
                            ("OVERDUE", "Overdue"),
                            ("PAID", "Paid"),
                            ("WITHDRAWN", "Withdrawn"),
                        ],
                        default="ISSUED",
                        max_length=9,
                    ),
                ),
                ("paid_minor", models.BigIntegerField(default=0)),
                ("paid_at", models.DateTimeField(help_text="Business time; when it was paid in full.", null=True)),
                (
                    "overdue_at",
                    models.DateTimeField(
                        help_text="Business time; when the deadline passed with it unpaid.", null=True
                    ),
                ),
                (
                    "withdrawn_at",
                    models.DateTimeField(help_text="Business time; what was paid until then stays paid.", null=True),
                ),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="Wall-clock time."
                    ),
                ),
                (
                    "currency",
                    models.ForeignKey(
                        db_index=False,
                        help_text="The segment.",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="reference.currency",
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="reference.participant",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="calls",
                        to="clearing.marginrun",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="CallPayment",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("amount_minor", models.BigIntegerField()),
                ("business_date", models.DateField()),
                ("at", models.DateTimeField(help_text="Business time.")),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="Wall-clock time."
                    ),
                ),
                (
                    "call",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="payments", to="clearing.margincall"
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                (
                    "member",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="clearing_membership",
                        serialize=False,
                        to="reference.participant",
                    ),
                ),
                (
                    "group_name",
                    models.CharField(
                        blank=True, help_text="Affiliates share it; empty: the member stands alone.", max_length=40
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("ACTIVE", "Active"),
                            ("SUSPENDED", "Suspended"),
                            ("DEFAULTED", "Defaulted"),
                            ("TERMINATED", "Terminated"),
                        ],
                        default="ACTIVE",
                        max_length=10,
                    ),
                ),
                ("joined_on", models.DateField(help_text="Business date.")),
                (
                    "fund_cash",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.account"
                    ),
                ),
                (
                    "im_cash",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.account"
                    ),
                ),
                (
                    "im_securities",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.account"
                    ),
                ),
            ],
            options={
                "ordering": ["member__code"],
            },
        ),
        migrations.CreateModel(
            name="CollateralMovement",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "amount",
                    models.BigIntegerField(
                        help_text="Positive: into the collateral. Minor units of cash, units of a security."
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("DEPOSIT", "Deposited"),
                            ("WITHDRAWAL", "Withdrawn"),
                            ("SUBSTITUTION", "Substituted"),
                        ],
                        max_length=12,
                    ),
                ),
                ("ordered_by", models.CharField(help_text="Who ordered it.", max_length=150)),
                ("business_date", models.DateField()),
                ("at", models.DateTimeField(help_text="Business time.")),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="Wall-clock time."
                    ),
                ),
                (
                    "asset",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="reference.asset",
                    ),
                ),
                (
                    "currency",
                    models.ForeignKey(
                        db_index=False,
                        help_text="The segment.",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="reference.currency",
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="reference.participant",
                    ),
                ),
                (
                    "replaces",
                    models.ForeignKey(
                        help_text="What came in by substitution: the movement that left for it.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="replacements",
                        to="clearing.collateralmovement",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["member", "currency", "business_date"], name="collateralmovement_day")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["DEPOSIT", "WITHDRAWAL", "SUBSTITUTION"])),
                        name="collateralmovement_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("amount__gt", 0), ("kind", "DEPOSIT"), ("replaces__isnull", True)),
                            models.Q(("amount__lt", 0), ("kind", "WITHDRAWAL"), ("replaces__isnull", True)),
                            models.Q(("amount__lt", 0), ("kind", "SUBSTITUTION"), ("replaces__isnull", True)),
                            models.Q(("amount__gt", 0), ("kind", "SUBSTITUTION"), ("replaces__isnull", False)),
                            _connector="OR",
                        ),
                        name="collateralmovement_direction",
                    ),
                ],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="collateralmovement",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_collateralmovement_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'clearing_collateralmovement is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="c9001eb2bce1a00145b0d5451502695030f6453a",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_clearing_collateralmovement_append_only_6809d",
                    table="clearing_collateralmovement",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="collateralmovement",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_collateralmovement_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'clearing_collateralmovement is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="527d9efffa7c01ebc385e73eb77b7145f2294b03",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_clearing_collateralmovement_no_truncate_325e8",
                    table="clearing_collateralmovement",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="collateralmovement",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_collateralmovement_references",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF EXISTS (\n                SELECT 1 FROM (SELECT DISTINCT member_id FROM new_rows WHERE member_id IS NOT NULL) n\n                WHERE NOT EXISTS (SELECT 1 FROM clearing_membership r WHERE r.member_id = n.member_id)\n            ) THEN\n                RAISE EXCEPTION 'clearing_collateralmovement.member_id refers to no row of clearing_membership'\n                    USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'clearing_collateralmovement_member_id_exists';\n            END IF;\n            RETURN NULL;",
                    hash="c926aca28eb3ed80bb925807f784a4d08f4f0238",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_clearing_collateralmovement_references_0ca8f",
                    referencing="REFERENCING NEW TABLE AS new_rows ",
                    table="clearing_collateralmovement",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="collateralmovement",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_collateralmovement_fits",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n    IF EXISTS (\n        SELECT 1 FROM new_rows n LEFT JOIN reference_security s ON s.asset_ptr_id = n.asset_id\n        WHERE coalesce(s.currency_id, n.asset_id) <> n.currency_id\n    ) THEN\n        RAISE EXCEPTION 'collateral is of the currency of its segment'\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'collateralmovement_of_its_segment';\n    END IF;\n    IF EXISTS (\n        SELECT 1 FROM new_rows n LEFT JOIN clearing_collateralmovement o ON o.id = n.replaces_id\n        WHERE n.replaces_id IS NOT NULL AND (o.id IS NULL OR o.member_id <> n.member_id\n            OR o.currency_id <> n.currency_id OR o.kind <> 'SUBSTITUTION' OR o.amount > 0)\n    ) THEN\n        RAISE EXCEPTION 'a movement replaces one that left by substitution, of the same member and segment'\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'collateralmovement_replaces_its_own';\n    END IF;\n    RETURN NULL;\n",
                    hash="9ccfb9fdec6d6b6f05a8aa4cdff3e721b9d94eee",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_clearing_collateralmovement_fits_864a1",
                    referencing="REFERENCING NEW TABLE AS new_rows ",
                    table="clearing_collateralmovement",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="collateralmovement",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_collateralmovement_posted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    constraint="CONSTRAINT",
                    func="\n    IF NOT EXISTS (\n        SELECT 1 FROM ledger_journalentry e\n        JOIN ledger_posting p ON p.entry_id = e.id AND p.asset_id = NEW.asset_id AND p.amount = NEW.amount\n        JOIN clearing_membership m ON m.member_id = NEW.member_id AND p.account_id IN (m.im_cash_id, m.im_securities_id)\n        WHERE e.source = 'COLLATERAL' AND e.source_id = NEW.id\n    ) THEN\n        RAISE EXCEPTION 'collateral movement % has no journal entry', NEW.id\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'collateralmovement_posted';\n    END IF;\n    IF NEW.kind = 'SUBSTITUTION' AND NEW.replaces_id IS NULL AND NOT EXISTS (\n        SELECT 1 FROM clearing_collateralmovement i WHERE i.replaces_id = NEW.id\n    ) THEN\n        RAISE EXCEPTION 'what leaves by substitution is replaced'\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'collateralmovement_replaced';\n    END IF;\n    RETURN NULL;\n",
                    hash="cbb48f3fa8bb2bb15f01705b4bcc2cd75762dad6",
                    operation="INSERT",
                    pgid="pgtrigger_clearing_collateralmovement_posted_4692f",
                    table="clearing_collateralmovement",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="margincall",
            index=models.Index(
                condition=models.Q(("status__in", ["ISSUED", "OVERDUE"])),
                fields=["deadline"],
                name="margincall_open",
            ),
        ),
        migrations.AddIndex(
            model_name="margincall",
            index=models.Index(fields=["member", "currency"], name="margincall_member"),
        ),
        migrations.AddConstraint(
            model_name="margincall",
            constraint=models.UniqueConstraint(
                fields=("run", "member", "currency", "kind"), name="margincall_once_a_run"
            ),
        ),
        migrations.AddConstraint(
            model_name="margincall",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gt", 0)), name="margincall_asks_for_something"
            ),
        ),
        migrations.AddConstraint(
            model_name="margincall",
            constraint=models.CheckConstraint(
                condition=models.Q(("paid_minor__gte", 0), ("paid_minor__lte", models.F("amount_minor"))),
                name="margincall_paid_at_most_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="margincall",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "INITIAL",
                            "VARIATION",
                            "INTRADAY",
                            "FUND",
                            "ASSESSMENT",
                        ],
                    )
                ),
                name="margincall_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="margincall",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["ISSUED", "OVERDUE", "PAID", "WITHDRAWN"])), name="margincall_status"
            ),
        ),
        migrations.AddConstraint(
            model_name="margincall",
            constraint=models.CheckConstraint(
                condition=models.Q(("deadline__gte", models.F("called_at"))), name="margincall_deadline_after_call"
            ),
        ),
        migrations.AddConstraint(
            model_name="margincall",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("paid_at__isnull", False),
                        ("paid_minor", models.F("amount_minor")),
                        ("status", "PAID"),
                        ("withdrawn_at", None),
                    ),
                    models.Q(
                        ("paid_at", None),
                        ("paid_minor__lt", models.F("amount_minor")),
                        ("status", "WITHDRAWN"),
                        ("withdrawn_at__isnull", False),
                    ),
                    models.Q(
                        ("overdue_at__isnull", False),
                        ("paid_at", None),
                        ("paid_minor__lt", models.F("amount_minor")),
                        ("status", "OVERDUE"),
                        ("withdrawn_at", None),
                    ),
                    models.Q(
                        ("overdue_at", None),
                        ("paid_at", None),
                        ("paid_minor__lt", models.F("amount_minor")),
                        ("status", "ISSUED"),
                        ("withdrawn_at", None),
                    ),
                    _connector="OR",
                ),
                name="margincall_is_as_it_says",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="margincall",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_margincall_no_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'clearing_margincall rows are never deleted' USING ERRCODE = 'restrict_violation';",
                    hash="2cfb010859c0b870fc3e9337542808f6adf1a9f3",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_clearing_margincall_no_delete_2590a",
                    table="clearing_margincall",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="margincall",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_margincall_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'clearing_margincall is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="b60d281ca66ce86f8cea75896a1292bbe27636c8",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_clearing_margincall_no_truncate_79d57",
                    table="clearing_margincall",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="margincall",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_margincall_legal_step",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.status IS DISTINCT FROM NEW.status AND (OLD.status::text, NEW.status::text) NOT IN (('ISSUED', 'OVERDUE'), ('ISSUED', 'PAID'), ('ISSUED', 'WITHDRAWN'), ('OVERDUE', 'PAID'), ('OVERDUE', 'WITHDRAWN')))",
                    func="\n            RAISE EXCEPTION 'clearing_margincall cannot go from % to %', OLD.status, NEW.status\n                USING ERRCODE = 'check_violation', CONSTRAINT = 'clearing_margincall_legal_step';\n        ",
                    hash="d0ec877f4550e542b7b8938fe8c5324a11af1345",
                    operation='UPDATE OF "status"',
                    pgid="pgtrigger_clearing_margincall_legal_step_7c3e4",
                    table="clearing_margincall",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="margincall",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_margincall_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'these columns of clearing_margincall never change' USING ERRCODE = 'restrict_violation';",
                    hash="fa1dacd6186d208dd4ad61bab8a7c8563ca23d25",
                    level="STATEMENT",
                    operation='UPDATE OF "member_id", "currency_id", "kind", "run_id", "amount_minor", "business_date", "called_at", "deadline"',
                    pgid="pgtrigger_clearing_margincall_immutable_b5ea4",
                    table="clearing_margincall",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="margincall",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_margincall_references",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF EXISTS (\n                SELECT 1 FROM (SELECT DISTINCT member_id FROM new_rows WHERE member_id IS NOT NULL) n\n                WHERE NOT EXISTS (SELECT 1 FROM clearing_membership r WHERE r.member_id = n.member_id)\n            ) THEN\n                RAISE EXCEPTION 'clearing_margincall.member_id refers to no row of clearing_membership'\n                    USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'clearing_margincall_member_id_exists';\n            END IF;\n            RETURN NULL;",
                    hash="4479f740d4c781711f31b679e72075107b43de20",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_clearing_margincall_references_a6837",
                    referencing="REFERENCING NEW TABLE AS new_rows ",
                    table="clearing_margincall",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="margincall",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_margincall_born_issued",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (NEW.status <> 'ISSUED' OR NEW.paid_minor <> 0)",
                    func="RAISE EXCEPTION 'a call begins ISSUED and unpaid' USING ERRCODE = 'check_violation';",
                    hash="224de587a6b7860b474a1cbfe1ade29db808ad7e",
                    operation="INSERT",
                    pgid="pgtrigger_clearing_margincall_born_issued_8ac76",
                    table="clearing_margincall",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="margincall",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_margincall_paid_is_the_sum",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    constraint="CONSTRAINT",
                    func="\n                    PERFORM 1 FROM clearing_margincall c WHERE c.id = NEW.id AND c.paid_minor <> NEW.paid_minor;\n                    IF FOUND THEN RETURN NULL; END IF;\n                    \n    IF NEW.paid_minor <> coalesce((SELECT sum(p.amount_minor) FROM clearing_callpayment p WHERE p.call_id = NEW.id), 0) THEN\n        RAISE EXCEPTION 'margin call %: what it says is paid is not the sum of its payments', NEW.id\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'margincall_paid_is_the_sum';\n    END IF;\n\n                    RETURN NULL;\n                ",
                    hash="3d59f3d5e7ea52b4732eedc55e75e4448a15aebb",
                    operation='UPDATE OF "paid_minor"',
                    pgid="pgtrigger_clearing_margincall_paid_is_the_sum_1a7d6",
                    table="clearing_margincall",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="callpayment",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gt", 0)), name="callpayment_pays_something"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="callpayment",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_callpayment_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'clearing_callpayment is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="fadd5f5e77b6e8e40e51576cb3c88b43517165c5",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_clearing_callpayment_append_only_834ca",
                    table="clearing_callpayment",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="callpayment",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_callpayment_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'clearing_callpayment is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="f4978c32a57f6ad35a1fe97647a6c144991e0fbc",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_clearing_callpayment_no_truncate_caa79",
                    table="clearing_callpayment",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="callpayment",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_callpayment_posted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    constraint="CONSTRAINT",
                    declare="DECLARE said bigint;",
                    func="\n                    SELECT paid_minor INTO said FROM clearing_margincall WHERE id = NEW.call_id;\n                    \n    IF said <> coalesce((SELECT sum(p.amount_minor) FROM clearing_callpayment p WHERE p.call_id = NEW.call_id), 0) THEN\n        RAISE EXCEPTION 'margin call %: what it says is paid is not the sum of its payments', NEW.call_id\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'margincall_paid_is_the_sum';\n    END IF;\n\n                    IF NOT EXISTS (\n                        SELECT 1 FROM ledger_journalentry e\n                        JOIN ledger_posting p ON p.entry_id = e.id AND p.amount = NEW.amount_minor\n                        JOIN clearing_margincall c ON c.id = NEW.call_id AND p.asset_id = c.currency_id\n                        WHERE e.source = 'CALL' AND e.source_id = NEW.id\n                    ) THEN\n                        RAISE EXCEPTION 'payment % of a call has no journal entry', NEW.id\n                            USING ERRCODE = 'check_violation', CONSTRAINT = 'callpayment_posted';\n                    END IF;\n                    RETURN NULL;\n                ",
                    hash="a989a9add08a9b7755c7a3914d7f486178608de5",
                    operation="INSERT",
                    pgid="pgtrigger_clearing_callpayment_posted_cfe88",
                    table="clearing_callpayment",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="membership",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "status__in",
                        [
                            "ACTIVE",
                            "SUSPENDED",
                            "DEFAULTED",
                            "TERMINATED",
                        ],
                    )
                ),
                name="membership_status",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="membership",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_membership_no_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'clearing_membership rows are never deleted' USING ERRCODE = 'restrict_violation';",
                    hash="80759711b7e9fbe7c78a41675be6d0bdb41b0333",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_clearing_membership_no_delete_ee782",
                    table="clearing_membership",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="membership",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_membership_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'clearing_membership is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="024b0cd14f4338ff76d2e5cf722937c1ac8af106",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_clearing_membership_no_truncate_b11ba",
                    table="clearing_membership",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="membership",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_membership_legal_step",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.status IS DISTINCT FROM NEW.status AND (OLD.status::text, NEW.status::text) NOT IN (('ACTIVE', 'DEFAULTED'), ('ACTIVE', 'SUSPENDED'), ('ACTIVE', 'TERMINATED'), ('DEFAULTED', 'TERMINATED'), ('SUSPENDED', 'ACTIVE'), ('SUSPENDED', 'DEFAULTED'), ('SUSPENDED', 'TERMINATED')))",
                    func="\n            RAISE EXCEPTION 'clearing_membership cannot go from % to %', OLD.status, NEW.status\n                USING ERRCODE = 'check_violation', CONSTRAINT = 'clearing_membership_legal_step';\n        ",
                    hash="acb094bdc832580cc1f79253cac638fde29dd812",
                    operation='UPDATE OF "status"',
                    pgid="pgtrigger_clearing_membership_legal_step_95bdd",
                    table="clearing_membership",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="membership",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_membership_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'these columns of clearing_membership never change' USING ERRCODE = 'restrict_violation';",
                    hash="8a869199f90540eba56e0109cec74673638ce75f",
                    level="STATEMENT",
                    operation='UPDATE OF "member_id", "im_cash_id", "im_securities_id", "fund_cash_id", "joined_on"',
                    pgid="pgtrigger_clearing_membership_immutable_9bf8e",
                    table="clearing_membership",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="membership",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_membership_accounts",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE fitting bigint;",
                    func="\n    SELECT count(*) INTO fitting\n    FROM reference_participant m\n    JOIN ledger_account c ON c.id = NEW.im_cash_id AND c.kind = 'CASH'\n    JOIN ledger_account s ON s.id = NEW.im_securities_id AND s.kind = 'SECURITIES' AND s.linked_cash_id = c.id\n    JOIN ledger_account f ON f.id = NEW.fund_cash_id AND f.kind = 'CASH' AND f.id <> c.id\n    JOIN reference_participant o ON o.role = 'CCP' AND o.id = ALL(ARRAY[c.participant_id, s.participant_id,\n        f.participant_id])\n    WHERE m.id = NEW.member_id AND m.role = 'CLEARING_MEMBER'\n      AND c.name = 'IM-' || m.code AND f.name = 'DF-' || m.code;\n    IF fitting <> 1 THEN\n        RAISE EXCEPTION 'a membership joins a clearing member with accounts of the CCP in its name'\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'membership_accounts';\n    END IF;\n    RETURN NULL;\n",
                    hash="a2893b36e662e8dc513690fdf86099d892e65cbc",
                    operation="INSERT",
                    pgid="pgtrigger_clearing_membership_accounts_92cf9",
                    table="clearing_membership",
                    when="AFTER",
                ),
            ),
        ),
    ]
