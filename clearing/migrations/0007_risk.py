import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("clearing", "0006_carried"),
        ("ledger", "0004_balances_moved_once"),
        ("reference", "0003_issuer_sector"),
    ]

    operations = [
        migrations.CreateModel(
            name="MarginParameters",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("valid_from", models.DateField(unique=True)),
                ("why", models.CharField(blank=True, max_length=200)),
                (
                    "method",
                    models.CharField(choices=[("HS", "Historical"), ("FHS", "Filtered historical")], max_length=3),
                ),
                (
                    "measure",
                    models.CharField(choices=[("ES", "Expected shortfall"), ("VAR", "Value at risk")], max_length=3),
                ),
                (
                    "confidence",
                    models.DecimalField(decimal_places=5, help_text="0.99 (RTS 153/2013 Art 24).", max_digits=6),
                ),
                ("lookback_days", models.IntegerField(help_text="Return observations (Art 25).")),
                ("mpor_days", models.SmallIntegerField(help_text="Margin period of risk (Art 26).")),
                (
                    "decay",
                    models.DecimalField(decimal_places=5, help_text="Lambda of the volatility filter.", max_digits=6),
                ),
                ("seed_days", models.SmallIntegerField(help_text="Returns whose variance the filter starts from.")),
                (
                    "procyclicality",
                    models.CharField(
                        choices=[
                            ("NONE", "None"),
                            ("BUFFER", "A buffer that is exhausted when margins rise"),
                            ("STRESSED", "A weight on stressed observations"),
                            ("FLOOR", "A floor from a long lookback"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "buffer_percent",
                    models.DecimalField(
                        decimal_places=4, help_text="BUFFER: share of the margin (Art 28(1)(a)).", max_digits=9
                    ),
                ),
                (
                    "stress_weight_percent",
                    models.DecimalField(
                        decimal_places=4,
                        help_text="STRESSED: weight of the stressed observations (Art 28(1)(b)).",
                        max_digits=9,
                    ),
                ),
                ("stress_from", models.DateField(help_text="STRESSED: first day of the stressed period.")),
                ("stress_to", models.DateField(help_text="STRESSED: its last day.")),
                (
                    "long_lookback_days",
                    models.IntegerField(help_text="FLOOR and BUFFER: the long lookback (Art 28(1)(c))."),
                ),
                (
                    "participation_percent",
                    models.DecimalField(
                        decimal_places=4,
                        help_text="Share of a day's average volume that can be closed out a day.",
                        max_digits=9,
                    ),
                ),
                ("volume_days", models.SmallIntegerField(help_text="Days over which the volume is averaged.")),
                (
                    "flat_percent",
                    models.DecimalField(decimal_places=4, help_text="The flat-rate model, beside.", max_digits=9),
                ),
                (
                    "stale_after_days",
                    models.SmallIntegerField(help_text="Calendar days after which a last price is a gap."),
                ),
                ("least_call_minor", models.BigIntegerField(help_text="Smaller shortfalls are not called.")),
                ("call_deadline", models.TimeField(help_text="Business time by which an evening call is paid.")),
                ("intraday_call_minutes", models.SmallIntegerField(help_text="How long an intraday call gives.")),
                (
                    "intraday_trigger_percent",
                    models.DecimalField(
                        decimal_places=4,
                        help_text="A loss of so much of the requirement since the last run is called at once.",
                        max_digits=9,
                    ),
                ),
                (
                    "collateral_issuer_limit_percent",
                    models.DecimalField(
                        decimal_places=4,
                        help_text="The most of a member's collateral that one issuer may make up.",
                        max_digits=9,
                    ),
                ),
                ("backtest_days", models.IntegerField(help_text="Days that a backtest looks back.")),
                (
                    "assessment_multiple",
                    models.DecimalField(
                        decimal_places=4,
                        help_text="Cap of the assessments in a default, times the contribution.",
                        max_digits=9,
                    ),
                ),
                (
                    "skin_percent",
                    models.DecimalField(
                        decimal_places=4,
                        help_text="Dedicated own resources, of the minimum capital (Art 35).",
                        max_digits=9,
                    ),
                ),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="Wall-clock time."
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "margin parameters",
                "ordering": ["-valid_from"],
            },
        ),
        migrations.CreateModel(
            name="MarginRun",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[("EVENING", "Evening, at the closing prices"), ("INTRADAY", "During the day")],
                        max_length=8,
                    ),
                ),
                ("business_date", models.DateField()),
                ("at", models.DateTimeField(help_text="Business time.")),
                (
                    "priced_on",
                    models.DateField(help_text="The latest price used; none where nothing is open.", null=True),
                ),
                ("portfolios", models.IntegerField()),
                ("timings", models.JSONField(default=dict, help_text="Step -> milliseconds on the wall.")),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="Wall-clock time."
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="PortfolioMargin",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "cash_minor",
                    models.BigIntegerField(help_text="Cash of its open positions; positive: to be received."),
                ),
                ("worth_minor", models.BigIntegerField()),
                ("worth_before_minor", models.BigIntegerField(help_text="Its worth in the last run before.")),
                ("variation_minor", models.BigIntegerField(help_text="Positive: received; negative: paid or called.")),
                (
                    "variation_by",
                    models.CharField(
                        choices=[
                            ("JOURNAL", "At once, between the member's house cash and the CCP's VM account"),
                            ("CALL", "By a margin call: the house cash did not reach"),
                            ("ESTATE", "In the default: the member is in default and neither pays nor is paid"),
                        ],
                        max_length=7,
                    ),
                ),
                (
                    "base_minor",
                    models.BigIntegerField(help_text="The measure of the losses' tail, zero where that is a gain."),
                ),
                ("concentration_minor", models.BigIntegerField()),
                ("procyclicality_minor", models.BigIntegerField()),
                ("requirement_minor", models.BigIntegerField(help_text="Base, concentration and anti-procyclicality.")),
                ("flat_minor", models.BigIntegerField(help_text="The flat-rate model's margin, beside.")),
                ("expected_shortfall_minor", models.BigIntegerField()),
                ("value_at_risk_minor", models.BigIntegerField()),
                ("gross_minor", models.BigIntegerField(help_text="Sum of the absolute market values.")),
                (
                    "security_ids",
                    django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None),
                ),
                (
                    "quantity_units",
                    django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None),
                ),
                (
                    "mark_minor",
                    django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PriceProxy",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "scale_percent",
                    models.DecimalField(
                        decimal_places=4, help_text="The security's return in percent of the proxy's.", max_digits=9
                    ),
                ),
                ("reason", models.CharField(max_length=200)),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="Wall-clock time."
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "price proxies",
                "ordering": ["security"],
            },
        ),
        migrations.CreateModel(
            name="RefusedMarginRun",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[("EVENING", "Evening, at the closing prices"), ("INTRADAY", "During the day")],
                        max_length=8,
                    ),
                ),
                ("business_date", models.DateField()),
                ("at", models.DateTimeField(help_text="Business time.")),
                ("code", models.CharField(help_text="The refusal's code.", max_length=60)),
                ("message", models.TextField()),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="Wall-clock time."
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.AddConstraint(
            model_name="marginparameters",
            constraint=models.CheckConstraint(
                condition=models.Q(("method__in", ["HS", "FHS"])), name="marginparameters_method"
            ),
        ),
        migrations.AddConstraint(
            model_name="marginparameters",
            constraint=models.CheckConstraint(
                condition=models.Q(("measure__in", ["ES", "VAR"])), name="marginparameters_measure"
            ),
        ),
        migrations.AddConstraint(
            model_name="marginparameters",
            constraint=models.CheckConstraint(
                condition=models.Q(("procyclicality__in", ["NONE", "BUFFER", "STRESSED", "FLOOR"])),
                name="marginparameters_procyclicality",
            ),
        ),
        migrations.AddConstraint(
            model_name="marginparameters",
            constraint=models.CheckConstraint(
                condition=models.Q(("confidence__gt", 0), ("confidence__lt", 1), ("decay__gt", 0), ("decay__lt", 1)),
                name="marginparameters_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="marginparameters",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("backtest_days__gte", 1),
                    ("intraday_call_minutes__gte", 1),
                    ("long_lookback_days__gte", models.F("lookback_days")),
                    ("lookback_days__gte", 1),
                    ("mpor_days__gte", 1),
                    ("seed_days__gte", 1),
                    ("stale_after_days__gte", 0),
                    ("stress_to__gt", models.F("stress_from")),
                    ("volume_days__gte", 1),
                ),
                name="marginparameters_counts",
            ),
        ),
        migrations.AddConstraint(
            model_name="marginparameters",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("assessment_multiple__gte", 0),
                    ("buffer_percent__gte", 0),
                    ("buffer_percent__lte", 100),
                    ("collateral_issuer_limit_percent__gt", 0),
                    ("collateral_issuer_limit_percent__lte", 100),
                    ("flat_percent__gte", 0),
                    ("intraday_trigger_percent__gt", 0),
                    ("least_call_minor__gte", 0),
                    ("participation_percent__gt", 0),
                    ("participation_percent__lte", 100),
                    ("skin_percent__gte", 0),
                    ("stress_weight_percent__gte", 0),
                    ("stress_weight_percent__lte", 100),
                ),
                name="marginparameters_shares",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="marginparameters",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_marginparameters_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'clearing_marginparameters is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="be8508baac6326efadfca082935f6e97fbf62ab8",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_clearing_marginparameters_append_only_7f94f",
                    table="clearing_marginparameters",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="marginparameters",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_marginparameters_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'clearing_marginparameters is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="7f7e67770ce22cad5c7caeec7d17df725fdb790a",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_clearing_marginparameters_no_truncate_c8946",
                    table="clearing_marginparameters",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddField(
            model_name="marginrun",
            name="parameters",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="runs", to="clearing.marginparameters"
            ),
        ),
        migrations.AddField(
            model_name="portfoliomargin",
            name="account",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.account"
            ),
        ),
        migrations.AddField(
            model_name="portfoliomargin",
            name="currency",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.currency"
            ),
        ),
        migrations.AddField(
            model_name="portfoliomargin",
            name="member",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="reference.participant",
            ),
        ),
        migrations.AddField(
            model_name="portfoliomargin",
            name="run",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="margins",
                to="clearing.marginrun",
            ),
        ),
        migrations.AddField(
            model_name="priceproxy",
            name="proxy",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.security"
            ),
        ),
        migrations.AddField(
            model_name="priceproxy",
            name="security",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.security"
            ),
        ),
        migrations.AddConstraint(
            model_name="refusedmarginrun",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["EVENING", "INTRADAY"])), name="refusedmarginrun_kind"
            ),
        ),
        migrations.AddConstraint(
            model_name="refusedmarginrun",
            constraint=models.CheckConstraint(
                condition=models.Q(("code", ""), _negated=True), name="refusedmarginrun_code"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="refusedmarginrun",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_refusedmarginrun_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'clearing_refusedmarginrun is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="e2b3183c3fd979eaba53bd513a9df27d7d081763",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_clearing_refusedmarginrun_append_only_f58c9",
                    table="clearing_refusedmarginrun",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="refusedmarginrun",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_refusedmarginrun_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'clearing_refusedmarginrun is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="37da537540bf8ea0cdedd22a42870987ce23a91f",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_clearing_refusedmarginrun_no_truncate_b6c20",
                    table="clearing_refusedmarginrun",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="marginrun",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "EVENING")), fields=("business_date",), name="marginrun_one_evening_a_day"
            ),
        ),
        migrations.AddConstraint(
            model_name="marginrun",
            constraint=models.UniqueConstraint(fields=("at", "kind"), name="marginrun_once_at_a_time"),
        ),
        migrations.AddConstraint(
            model_name="marginrun",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["EVENING", "INTRADAY"])), name="marginrun_kind"
            ),
        ),
        migrations.AddConstraint(
            model_name="marginrun",
            constraint=models.CheckConstraint(condition=models.Q(("portfolios__gte", 0)), name="marginrun_portfolios"),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="marginrun",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_marginrun_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'clearing_marginrun is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="e6620f3abfbb13a401d175bbdd88b5f6c8142a3d",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_clearing_marginrun_append_only_b4aec",
                    table="clearing_marginrun",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="marginrun",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_marginrun_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'clearing_marginrun is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="9ea45a4f472ed9e799b60fa886321745af7cc6b6",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_clearing_marginrun_no_truncate_d1360",
                    table="clearing_marginrun",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="portfoliomargin",
            index=models.Index(fields=["account", "currency", "run"], name="portfoliomargin_history"),
        ),
        migrations.AddConstraint(
            model_name="portfoliomargin",
            constraint=models.UniqueConstraint(
                fields=("run", "account", "currency"), name="portfoliomargin_once_a_run"
            ),
        ),
        migrations.AddConstraint(
            model_name="portfoliomargin",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "requirement_minor",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                models.F("base_minor"), "+", models.F("concentration_minor")
                            ),
                            "+",
                            models.F("procyclicality_minor"),
                        ),
                    )
                ),
                name="portfoliomargin_parts_add_up",
            ),
        ),
        migrations.AddConstraint(
            model_name="portfoliomargin",
            constraint=models.CheckConstraint(
                condition=models.Q(("variation_by__in", ["JOURNAL", "CALL", "ESTATE"])),
                name="portfoliomargin_variation_by",
            ),
        ),
        migrations.AddConstraint(
            model_name="portfoliomargin",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "variation_minor",
                        django.db.models.expressions.CombinedExpression(
                            models.F("worth_minor"), "-", models.F("worth_before_minor")
                        ),
                    )
                ),
                name="portfoliomargin_variation",
            ),
        ),
        migrations.AddConstraint(
            model_name="portfoliomargin",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("base_minor__gte", 0),
                    ("concentration_minor__gte", 0),
                    ("expected_shortfall_minor__gte", 0),
                    ("flat_minor__gte", 0),
                    ("gross_minor__gte", 0),
                    ("procyclicality_minor__gte", 0),
                    ("value_at_risk_minor__gte", 0),
                ),
                name="portfoliomargin_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="portfoliomargin",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("quantity_units__len", models.F("mark_minor__len")),
                    ("security_ids__len", models.F("quantity_units__len")),
                ),
                name="portfoliomargin_arrays_agree",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="portfoliomargin",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_portfoliomargin_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'clearing_portfoliomargin is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="ab2074d91e80a78ebf14d626e21c1d42f1890c14",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_clearing_portfoliomargin_append_only_62291",
                    table="clearing_portfoliomargin",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="portfoliomargin",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_portfoliomargin_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'clearing_portfoliomargin is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="86e6ce20978d5f662604d945ba08b3b0aca1f656",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_clearing_portfoliomargin_no_truncate_0de67",
                    table="clearing_portfoliomargin",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="portfoliomargin",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_portfoliomargin_member_clears",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n    IF EXISTS (\n        SELECT 1 FROM new_rows n JOIN ledger_account a ON a.id = n.account_id\n        JOIN reference_participant p ON p.id = a.participant_id\n        WHERE a.kind <> 'SECURITIES'\n           OR n.member_id <> CASE p.role WHEN 'CLEARING_MEMBER' THEN p.id ELSE p.clearing_member_id END\n           OR p.role <> 'CLEARING_MEMBER' AND p.clearing_member_id IS NULL\n    ) THEN\n        RAISE EXCEPTION 'a portfolio is a securities account, margined by the member it clears through'\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'portfoliomargin_member_clears';\n    END IF;\n    RETURN NULL;\n",
                    hash="faad98d2d6bac76a63fe1fe24cb85a50818f3332",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_clearing_portfoliomargin_member_clears_23db5",
                    referencing="REFERENCING NEW TABLE AS new_rows ",
                    table="clearing_portfoliomargin",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="priceproxy",
            constraint=models.UniqueConstraint(fields=("security",), name="priceproxy_one_a_security"),
        ),
        migrations.AddConstraint(
            model_name="priceproxy",
            constraint=models.CheckConstraint(
                condition=models.Q(("security", models.F("proxy")), _negated=True), name="priceproxy_another_security"
            ),
        ),
        migrations.AddConstraint(
            model_name="priceproxy",
            constraint=models.CheckConstraint(
                condition=models.Q(("scale_percent__gt", 0), ("scale_percent__lte", 1000)), name="priceproxy_scale"
            ),
        ),
        migrations.AddConstraint(
            model_name="priceproxy",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="priceproxy_reason"
            ),
        ),
    ]
