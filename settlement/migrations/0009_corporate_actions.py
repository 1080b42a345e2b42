import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
import settlement.core.corporate_actions
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0004_balances_moved_once"),
        ("reference", "0003_issuer_sector"),
        ("settlement", "0008_penalties"),
    ]

    operations = [
        migrations.CreateModel(
            name="CorporateAction",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[("DIVIDEND", "Dividend"), ("COUPON", "Coupon"), ("SPLIT", "Split")], max_length=8
                    ),
                ),
                ("ex_date", models.DateField(help_text="From this day on it is traded without the distribution.")),
                ("record_date", models.DateField(help_text="Who holds it at the end of this day is entitled.")),
                ("payment_date", models.DateField()),
                (
                    "rate",
                    models.DecimalField(
                        decimal_places=8,
                        help_text="A dividend's cash a unit; a coupon's percent of nominal.",
                        max_digits=16,
                        null=True,
                    ),
                ),
                ("ratio_new", models.IntegerField(help_text="A split gives so many units ...", null=True)),
                ("ratio_old", models.IntegerField(help_text="... for each so many.", null=True)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("ANNOUNCED", "Announced"),
                            ("RECORDED", "Recorded"),
                            ("PAID", "Paid"),
                            ("CANCELLED", "Cancelled"),
                        ],
                        default=settlement.core.corporate_actions.CorporateActionStatus["ANNOUNCED"],
                        max_length=9,
                    ),
                ),
                ("entered_by", models.CharField(max_length=150)),
                ("announced_at", models.DateTimeField(help_text="Business time.")),
                ("recorded_at", models.DateTimeField(help_text="Business time.", null=True)),
                ("paid_at", models.DateTimeField(help_text="Business time.", null=True)),
                ("cancelled_at", models.DateTimeField(help_text="Business time.", null=True)),
                (
                    "currency",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="reference.currency",
                    ),
                ),
                (
                    "security",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="corporate_actions",
                        to="reference.security",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="Entitlement",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("holding_units", models.BigIntegerField()),
                ("amount", models.BigIntegerField(help_text="Minor units of cash, or units of a split.")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.account"
                    ),
                ),
                (
                    "action",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entitlements",
                        to="settlement.corporateaction",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="MarketClaim",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("quantity_units", models.BigIntegerField(help_text="What had not been delivered by the record date.")),
                ("amount", models.BigIntegerField(help_text="Minor units of cash, or units of a split.")),
                ("business_date", models.DateField(help_text="The day on which it was detected.")),
                ("at", models.DateTimeField(help_text="Business time.")),
                (
                    "action",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="claims",
                        to="settlement.corporateaction",
                    ),
                ),
                (
                    "instruction",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="claims", to="settlement.instruction"
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="corporateaction",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "CANCELLED"), _negated=True),
                fields=("security", "kind", "record_date"),
                name="corporateaction_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="corporateaction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            settlement.core.corporate_actions.CorporateActionKind["DIVIDEND"],
                            settlement.core.corporate_actions.CorporateActionKind["COUPON"],
                            settlement.core.corporate_actions.CorporateActionKind["SPLIT"],
                        ],
                    )
                ),
                name="corporateaction_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="corporateaction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "status__in",
                        [
                            settlement.core.corporate_actions.CorporateActionStatus["ANNOUNCED"],
                            settlement.core.corporate_actions.CorporateActionStatus["RECORDED"],
                            settlement.core.corporate_actions.CorporateActionStatus["PAID"],
                            settlement.core.corporate_actions.CorporateActionStatus["CANCELLED"],
                        ],
                    )
                ),
                name="corporateaction_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="corporateaction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("payment_date__gt", models.F("record_date")), ("record_date__gte", models.F("ex_date"))
                ),
                name="corporateaction_dates_in_order",
            ),
        ),
        migrations.AddConstraint(
            model_name="corporateaction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("currency", None),
                        ("kind", "SPLIT"),
                        ("rate", None),
                        ("ratio_new__lte", 1000),
                        ("ratio_old__gte", 1),
                        ("ratio_new__gt", models.F("ratio_old")),
                    ),
                    models.Q(
                        ("currency__isnull", False),
                        ("kind__in", ["DIVIDEND", "COUPON"]),
                        ("ratio_new", None),
                        ("ratio_old", None),
                        ("rate__gt", 0),
                        models.Q(
                            models.Q(("kind", "DIVIDEND"), ("rate__lte", 1000000)),
                            models.Q(("kind", "COUPON"), ("rate__lte", 100)),
                            _connector="OR",
                        ),
                    ),
                    _connector="OR",
                ),
                name="corporateaction_terms",
            ),
        ),
        migrations.AddConstraint(
            model_name="corporateaction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("cancelled_at", None), ("paid_at", None), ("recorded_at", None), ("status", "ANNOUNCED")),
                    models.Q(
                        ("cancelled_at__isnull", False),
                        ("paid_at", None),
                        ("recorded_at", None),
                        ("status", "CANCELLED"),
                    ),
                    models.Q(
                        ("cancelled_at", None),
                        ("paid_at", None),
                        ("recorded_at__isnull", False),
                        ("status", "RECORDED"),
                    ),
                    models.Q(
                        ("cancelled_at", None),
                        ("paid_at__isnull", False),
                        ("recorded_at__isnull", False),
                        ("status", "PAID"),
                    ),
                    _connector="OR",
                ),
                name="corporateaction_status_has_its_time",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="corporateaction",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_corporateaction_no_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'settlement_corporateaction rows are never deleted' USING ERRCODE = 'restrict_violation';",
                    hash="f7e7e11b7543269c1585e5064bdfa475c19e091c",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_settlement_corporateaction_no_delete_2e9a1",
                    table="settlement_corporateaction",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="corporateaction",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_corporateaction_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'settlement_corporateaction is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="ac7daa8c6e67e41fda22e9c3c94979d3059c0d65",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_settlement_corporateaction_no_truncate_6fb48",
                    table="settlement_corporateaction",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="corporateaction",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_corporateaction_legal_step",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.status IS DISTINCT FROM NEW.status AND (OLD.status::text, NEW.status::text) NOT IN (('ANNOUNCED', 'CANCELLED'), ('ANNOUNCED', 'RECORDED'), ('RECORDED', 'PAID')))",
                    func="\n            RAISE EXCEPTION 'settlement_corporateaction cannot go from % to %', OLD.status, NEW.status\n                USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_corporateaction_legal_step';\n        ",
                    hash="35d377e77f555ef0bcc13d9a59c146493c2e9885",
                    operation='UPDATE OF "status"',
                    pgid="pgtrigger_settlement_corporateaction_legal_step_30adf",
                    table="settlement_corporateaction",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="corporateaction",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_corporateaction_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'these columns of settlement_corporateaction never change' USING ERRCODE = 'restrict_violation';",
                    hash="ff3f1a0a80f019014513dae18f8cd82a590c50fa",
                    level="STATEMENT",
                    operation='UPDATE OF "kind", "security_id", "ex_date", "record_date", "payment_date", "rate", "currency_id", "ratio_new", "ratio_old", "entered_by", "announced_at"',
                    pgid="pgtrigger_settlement_corporateaction_immutable_47dd7",
                    table="settlement_corporateaction",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="corporateaction",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_corporateaction_born_announced",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (NEW.status <> 'ANNOUNCED')",
                    func="RAISE EXCEPTION 'a corporate action begins ANNOUNCED' USING ERRCODE = 'check_violation';",
                    hash="eda72ce4a5f78ded7cdd061f82218bfb25f467e9",
                    operation="INSERT",
                    pgid="pgtrigger_settlement_corporateaction_born_announced_b2d97",
                    table="settlement_corporateaction",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="corporateaction",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_corporateaction_fits_its_security",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n    IF (NEW.kind = 'COUPON') <> (SELECT security_type = 'BOND' FROM reference_security\n                                 WHERE asset_ptr_id = NEW.security_id) THEN\n        RAISE EXCEPTION 'a coupon is paid on bonds, a dividend or a split on equities and funds'\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'corporateaction_fits_its_security';\n    END IF;\n    RETURN NULL;\n",
                    hash="59a88c11185166fc87302d294cd74f58b6fd8947",
                    operation="INSERT",
                    pgid="pgtrigger_settlement_corporateaction_fits_its_security_3b337",
                    table="settlement_corporateaction",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="corporateaction",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_corporateaction_paid_is_posted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (NEW.status = 'PAID')",
                    func="\n    IF (SELECT coalesce(sum(amount), 0) FROM settlement_entitlement WHERE action_id = NEW.id) <>\n       (SELECT coalesce(-sum(p.amount) FILTER (WHERE p.amount < 0), 0) FROM ledger_journalentry e\n        JOIN ledger_posting p ON p.entry_id = e.id WHERE e.source = 'CORPORATE' AND e.source_id = NEW.id) THEN\n        RAISE EXCEPTION 'corporate action % is paid when the journal says so', NEW.id\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'corporateaction_paid_is_posted';\n    END IF;\n    RETURN NULL;\n",
                    hash="0f3cb4f1b48f84f57f8a40524ebde549ca2645f1",
                    operation='UPDATE OF "status"',
                    pgid="pgtrigger_settlement_corporateaction_paid_is_posted_c717e",
                    table="settlement_corporateaction",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="entitlement",
            constraint=models.UniqueConstraint(fields=("action", "account"), name="entitlement_once"),
        ),
        migrations.AddConstraint(
            model_name="entitlement",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0), ("holding_units__gt", 0)), name="entitlement_of_something"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="entitlement",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_entitlement_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'settlement_entitlement is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="e04c1c94f8fb628040defc300373f769c450f531",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_settlement_entitlement_append_only_2f103",
                    table="settlement_entitlement",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="entitlement",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_entitlement_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'settlement_entitlement is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="b1811b5e43bc7f42037bca9ec6d799a1dcf2015a",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_settlement_entitlement_no_truncate_64506",
                    table="settlement_entitlement",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="entitlement",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_entitlement_at_the_record_date",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n    IF EXISTS (\n        SELECT 1 FROM (SELECT DISTINCT action_id FROM new_rows) n\n        JOIN settlement_corporateaction a ON a.id = n.action_id WHERE a.status <> 'ANNOUNCED'\n    ) THEN\n        RAISE EXCEPTION 'entitlements are recorded once, at the end of the record date'\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'entitlement_recorded_once';\n    END IF;\n    IF EXISTS (\n        SELECT 1 FROM new_rows n JOIN ledger_account a ON a.id = n.account_id\n        WHERE a.kind <> 'SECURITIES' OR a.limit_minor IS NULL\n    ) THEN\n        RAISE EXCEPTION 'holders are entitled: securities accounts other than the issuance account'\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'entitlement_of_a_holder';\n    END IF;\n    RETURN NULL;\n",
                    hash="d7bf235fbec9e12fcd95e9b199db0999dc858a26",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_settlement_entitlement_at_the_record_date_5dce0",
                    referencing="REFERENCING NEW TABLE AS new_rows ",
                    table="settlement_entitlement",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="marketclaim",
            constraint=models.UniqueConstraint(fields=("action", "instruction"), name="marketclaim_once"),
        ),
        migrations.AddConstraint(
            model_name="marketclaim",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0), ("quantity_units__gt", 0)), name="marketclaim_of_something"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="marketclaim",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_marketclaim_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'settlement_marketclaim is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="a5d8ae3e09aee0d28c916bb5bc06c3a4bd43f6fa",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_settlement_marketclaim_append_only_b938e",
                    table="settlement_marketclaim",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="marketclaim",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_marketclaim_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'settlement_marketclaim is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="2b4af0851b5c76765385c670c28337dbbf73ce65",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_settlement_marketclaim_no_truncate_b5879",
                    table="settlement_marketclaim",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="marketclaim",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_marketclaim_fits",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n    IF EXISTS (\n        SELECT 1 FROM new_rows n\n        JOIN settlement_corporateaction a ON a.id = n.action_id\n        JOIN settlement_instruction i ON i.id = n.instruction_id\n        WHERE a.status NOT IN ('RECORDED', 'PAID') OR i.security_id IS DISTINCT FROM a.security_id\n           OR i.intended_date > a.record_date OR n.quantity_units > i.quantity_units\n    ) THEN\n        RAISE EXCEPTION 'a market claim is on a delivery of the security that was due by the record date'\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'marketclaim_fits_its_instruction';\n    END IF;\n    RETURN NULL;\n",
                    hash="80cef2558819c233ca2753eece02e0a3e4bfad16",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_settlement_marketclaim_fits_8ea45",
                    referencing="REFERENCING NEW TABLE AS new_rows ",
                    table="settlement_marketclaim",
                    when="AFTER",
                ),
            ),
        ),
    ]
