import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("clearing", "0008_collateral"),
        ("ledger", "0004_balances_moved_once"),
        ("reference", "0003_issuer_sector"),
    ]

    operations = [
        migrations.CreateModel(
            name="FundSizing",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("business_date", models.DateField()),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("FIRST", "The first time"),
                            ("MONTHLY", "The first business day of the month"),
                            ("THIN", "It ran thin: stress losses came close to it"),
                            ("REFILL", "It was used and is refilled"),
                        ],
                        max_length=7,
                    ),
                ),
                ("groups", models.JSONField(default=list, help_text="The two that lose most in the worst scenario.")),
                (
                    "cover_two_minor",
                    models.BigIntegerField(help_text="The two largest losses beyond margin, in the worst scenario."),
                ),
                ("largest_minor", models.BigIntegerField()),
                ("second_and_third_minor", models.BigIntegerField()),
                ("own_resources_minor", models.BigIntegerField(help_text="The CCP's dedicated own resources.")),
                ("size_minor", models.BigIntegerField()),
                ("at", models.DateTimeField(help_text="Business time.")),
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
            name="StressLoss",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "group",
                    models.CharField(
                        help_text="The member and its affiliates, as they were at the run.", max_length=60
                    ),
                ),
                ("loss_minor", models.BigIntegerField(help_text="Negative: the portfolios gain.")),
                ("margin_minor", models.BigIntegerField(help_text="Initial margin required at the run.")),
                ("uncovered_minor", models.BigIntegerField()),
            ],
            options={
                "verbose_name_plural": "stress losses",
            },
        ),
        migrations.CreateModel(
            name="StressScenario",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("code", models.CharField(max_length=24, unique=True)),
                ("name", models.CharField(max_length=120)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("HISTORICAL", "Historical: what prices did between two days"),
                            ("HYPOTHETICAL", "Hypothetical: moves that are assumed"),
                        ],
                        max_length=12,
                    ),
                ),
                ("from_date", models.DateField(help_text="The close before the move.", null=True)),
                (
                    "to_date",
                    models.DateField(help_text="The close after it; until then the scenario is not known.", null=True),
                ),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="StressShock",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "factor",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("EQUITY", "Shares and funds of shares"),
                            ("GOVERNMENT", "Government bonds and funds of them"),
                            ("CORPORATE", "Corporate bonds and funds of them"),
                            ("FINANCIALS", "Shares and bonds of banks and brokers"),
                            ("MONEY", "Money-market and property funds"),
                        ],
                        max_length=10,
                    ),
                ),
                ("move_bp", models.IntegerField(help_text="-2000: prices fall by a fifth.")),
            ],
        ),
        migrations.CreateModel(
            name="BacktestDay",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("horizon_days", models.SmallIntegerField(help_text="Business days from the run to the outcome.")),
                ("business_date", models.DateField(help_text="The day of the outcome.")),
                ("margin_minor", models.BigIntegerField(help_text="What the run required.")),
                ("pnl_minor", models.BigIntegerField(help_text="Positive: the positions gained.")),
                ("breach", models.BooleanField()),
                ("at", models.DateTimeField(help_text="Business time.")),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="ledger.account",
                    ),
                ),
                (
                    "currency",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="reference.currency",
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.participant"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="FactorExposure",
            fields=[
                (
                    "security",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="reference.security",
                    ),
                ),
                (
                    "factor",
                    models.CharField(
                        choices=[
                            ("EQUITY", "Shares and funds of shares"),
                            ("GOVERNMENT", "Government bonds and funds of them"),
                            ("CORPORATE", "Corporate bonds and funds of them"),
                            ("FINANCIALS", "Shares and bonds of banks and brokers"),
                            ("MONEY", "Money-market and property funds"),
                        ],
                        max_length=10,
                    ),
                ),
                ("sensitivity_percent", models.SmallIntegerField(help_text="100: it moves as its factor does.")),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("factor__in", ["EQUITY", "GOVERNMENT", "CORPORATE", "FINANCIALS", "MONEY"])
                        ),
                        name="factorexposure_factor",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("sensitivity_percent__gte", 0), ("sensitivity_percent__lte", 300)),
                        name="factorexposure_sensitivity",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="FundContribution",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "margin_minor",
                    models.BigIntegerField(help_text="The margin in proportion to which the fund is shared."),
                ),
                ("contribution_minor", models.BigIntegerField()),
                ("held_minor", models.BigIntegerField(help_text="On the member's fund account before.")),
                ("called_minor", models.BigIntegerField(default=0)),
                ("returned_minor", models.BigIntegerField(default=0)),
                (
                    "call",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="fund_contribution",
                        to="clearing.margincall",
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.participant"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="FundParameters",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("valid_from", models.DateField(unique=True)),
                (
                    "lookback_days",
                    models.SmallIntegerField(help_text="Calendar days of stress runs, of which the worst counts."),
                ),
                ("buffer_percent", models.SmallIntegerField(help_text="On top of what the rules ask.")),
                ("least_minor", models.BigIntegerField(help_text="The fund is never smaller, in each currency.")),
                ("least_contribution_minor", models.BigIntegerField()),
                (
                    "thin_percent",
                    models.SmallIntegerField(
                        help_text="Once Cover-2 takes more of the fund and the CCP's own resources than this, it is sized anew."
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "fund parameters",
                "ordering": ["valid_from"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("buffer_percent__gte", 0),
                            ("buffer_percent__lte", 1000),
                            ("least_contribution_minor__gte", 0),
                            ("least_minor__gte", 0),
                            ("lookback_days__gte", 0),
                            ("thin_percent__gte", 1),
                            ("thin_percent__lte", 100),
                        ),
                        name="fundparameters_ranges",
                    )
                ],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="fundparameters",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_fundparameters_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'clearing_fundparameters is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="ec23f0f06f521d91a0510ed5b0a934f80a41d2f3",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_clearing_fundparameters_append_only_af5f9",
                    table="clearing_fundparameters",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="fundparameters",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_fundparameters_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'clearing_fundparameters is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="feeb1f36998eca9d4220088784eed7d2a3cb24ff",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_clearing_fundparameters_no_truncate_bdf9b",
                    table="clearing_fundparameters",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddField(
            model_name="fundsizing",
            name="currency",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.currency"
            ),
        ),
        migrations.AddField(
            model_name="fundsizing",
            name="parameters",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="clearing.fundparameters"
            ),
        ),
        migrations.AddField(
            model_name="fundcontribution",
            name="sizing",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="contributions",
                to="clearing.fundsizing",
            ),
        ),
        migrations.AddField(
            model_name="fundsizing",
            name="run",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="fund_sizings",
                to="clearing.marginrun",
            ),
        ),
        migrations.AddField(
            model_name="fundsizing",
            name="worst_run",
            field=models.ForeignKey(
                help_text="Of the stress losses.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="clearing.marginrun",
            ),
        ),
        migrations.AddField(
            model_name="backtestday",
            name="run",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="backtest_days", to="clearing.marginrun"
            ),
        ),
        migrations.AddField(
            model_name="stressloss",
            name="currency",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.currency"
            ),
        ),
        migrations.AddField(
            model_name="stressloss",
            name="member",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="reference.participant",
            ),
        ),
        migrations.AddField(
            model_name="stressloss",
            name="run",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="stress_losses",
                to="clearing.marginrun",
            ),
        ),
        migrations.AddConstraint(
            model_name="stressscenario",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("from_date__isnull", False), ("kind", "HISTORICAL"), ("to_date__gt", models.F("from_date"))
                    ),
                    models.Q(("from_date__isnull", True), ("kind", "HYPOTHETICAL"), ("to_date__isnull", True)),
                    _connector="OR",
                ),
                name="stressscenario_only_history_has_dates",
            ),
        ),
        migrations.AddField(
            model_name="stressloss",
            name="scenario",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="losses",
                to="clearing.stressscenario",
            ),
        ),
        migrations.AddField(
            model_name="fundsizing",
            name="scenario",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="clearing.stressscenario"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="stressscenario",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_stressscenario_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'clearing_stressscenario is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="cd7cf56447d2e3d10431d3fbecaef049a0ad498a",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_clearing_stressscenario_append_only_0056d",
                    table="clearing_stressscenario",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="stressscenario",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_stressscenario_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'clearing_stressscenario is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="69bc8a1c581ec150d6b19dde708b032beb1239b7",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_clearing_stressscenario_no_truncate_55ce9",
                    table="clearing_stressscenario",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddField(
            model_name="stressshock",
            name="scenario",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="shocks",
                to="clearing.stressscenario",
            ),
        ),
        migrations.AddField(
            model_name="stressshock",
            name="security",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.security"
            ),
        ),
        migrations.AddConstraint(
            model_name="fundcontribution",
            constraint=models.UniqueConstraint(fields=("sizing", "member"), name="fundcontribution_once"),
        ),
        migrations.AddConstraint(
            model_name="fundcontribution",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "contribution_minor",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                models.F("held_minor"), "+", models.F("called_minor")
                            ),
                            "-",
                            models.F("returned_minor"),
                        ),
                    )
                ),
                name="fundcontribution_held_and_called_less_returned",
            ),
        ),
        migrations.AddConstraint(
            model_name="fundcontribution",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("contribution_minor__gte", 0),
                    ("held_minor__gte", 0),
                    ("margin_minor__gte", 0),
                    models.Q(
                        models.Q(("call__isnull", True), ("called_minor", 0), ("returned_minor__gte", 0)),
                        models.Q(("call__isnull", False), ("called_minor__gt", 0), ("returned_minor", 0)),
                        _connector="OR",
                    ),
                ),
                name="fundcontribution_called_or_returned",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="fundcontribution",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_fundcontribution_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'clearing_fundcontribution is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="a6e4b3c9da34c7349aaf54479323829e1bdd62cf",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_clearing_fundcontribution_append_only_cc86e",
                    table="clearing_fundcontribution",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="fundcontribution",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_fundcontribution_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'clearing_fundcontribution is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="ecfe9c4d2d5909ba6f8dda1108e0402564347159",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_clearing_fundcontribution_no_truncate_73acf",
                    table="clearing_fundcontribution",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="fundcontribution",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_fundcontribution_sum",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n    IF EXISTS (\n        SELECT 1 FROM (SELECT DISTINCT sizing_id FROM new_rows) n\n        JOIN clearing_fundsizing s ON s.id = n.sizing_id\n        WHERE s.size_minor <> (\n            SELECT sum(c.contribution_minor) FROM clearing_fundcontribution c WHERE c.sizing_id = s.id)\n    ) THEN\n        RAISE EXCEPTION 'contributions do not sum to the size of the fund'\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'fundcontribution_sum_to_the_size';\n    END IF;\n    RETURN NULL;\n",
                    hash="efbbb2495fbae196060b2fa0dc64db57396b93a3",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_clearing_fundcontribution_sum_443a7",
                    referencing="REFERENCING NEW TABLE AS new_rows ",
                    table="clearing_fundcontribution",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="backtestday",
            constraint=models.UniqueConstraint(
                fields=("account", "currency", "horizon_days", "business_date"), name="backtestday_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="backtestday",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("breach", True),
                        (
                            "pnl_minor__lt",
                            django.db.models.expressions.CombinedExpression(
                                models.F("margin_minor"), "*", models.Value(-1)
                            ),
                        ),
                    ),
                    models.Q(
                        ("breach", False),
                        (
                            "pnl_minor__gte",
                            django.db.models.expressions.CombinedExpression(
                                models.F("margin_minor"), "*", models.Value(-1)
                            ),
                        ),
                    ),
                    _connector="OR",
                ),
                name="backtestday_breach_is_loss_beyond_margin",
            ),
        ),
        migrations.AddConstraint(
            model_name="backtestday",
            constraint=models.CheckConstraint(
                condition=models.Q(("horizon_days__gte", 1), ("horizon_days__lte", 20), ("margin_minor__gte", 0)),
                name="backtestday_ranges",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="backtestday",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_backtestday_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'clearing_backtestday is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="5c1718d31a0ccbff24605156171dbb7710d18105",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_clearing_backtestday_append_only_26f95",
                    table="clearing_backtestday",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="backtestday",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_backtestday_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'clearing_backtestday is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="bc5064ff6e8798799bad295b9d83266395c62906",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_clearing_backtestday_no_truncate_44386",
                    table="clearing_backtestday",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="stressloss",
            constraint=models.UniqueConstraint(
                fields=("run", "currency", "scenario", "member"), name="stressloss_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="stressloss",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("margin_minor__gte", 0),
                    ("uncovered_minor__gte", 0),
                    (
                        "uncovered_minor__gte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("loss_minor"), "-", models.F("margin_minor")
                        ),
                    ),
                ),
                name="stressloss_uncovered_beyond_margin",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="stressloss",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_stressloss_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'clearing_stressloss is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="0ed8a4675adb297859a088806d7cdf1d79515e9e",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_clearing_stressloss_append_only_7f2cf",
                    table="clearing_stressloss",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="stressloss",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_stressloss_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'clearing_stressloss is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="eee0b9972a800251ac3650a3d7cb0434eb86bed1",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_clearing_stressloss_no_truncate_4dd07",
                    table="clearing_stressloss",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="fundsizing",
            constraint=models.UniqueConstraint(fields=("run", "currency"), name="fundsizing_once"),
        ),
        migrations.AddConstraint(
            model_name="fundsizing",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason__in", ["FIRST", "MONTHLY", "THIN", "REFILL"])), name="fundsizing_reason"
            ),
        ),
        migrations.AddConstraint(
            model_name="fundsizing",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("cover_two_minor", 0),
                    models.Q(("cover_two_minor__gt", 0), ("scenario__isnull", False), ("worst_run__isnull", False)),
                    _connector="OR",
                ),
                name="fundsizing_loss_has_a_scenario",
            ),
        ),
        migrations.AddConstraint(
            model_name="fundsizing",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("cover_two_minor__gte", models.F("largest_minor")),
                    (
                        "cover_two_minor__lte",
                        django.db.models.expressions.CombinedExpression(
                            models.Value(2), "*", models.F("largest_minor")
                        ),
                    ),
                    ("largest_minor__gte", 0),
                    ("own_resources_minor__gte", 0),
                    ("second_and_third_minor__gte", 0),
                ),
                name="fundsizing_amounts",
            ),
        ),
        migrations.AddConstraint(
            model_name="fundsizing",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("size_minor__gte", models.F("largest_minor")),
                    ("size_minor__gte", models.F("second_and_third_minor")),
                ),
                name="fundsizing_emir_42_3",
            ),
        ),
        migrations.AddConstraint(
            model_name="fundsizing",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "cover_two_minor__lte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("size_minor"), "+", models.F("own_resources_minor")
                        ),
                    )
                ),
                name="fundsizing_emir_43_2",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="fundsizing",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_fundsizing_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'clearing_fundsizing is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="2728f0f81ed8a391ad916afb0710201f13b3bd1a",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_clearing_fundsizing_append_only_f768d",
                    table="clearing_fundsizing",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="fundsizing",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_fundsizing_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'clearing_fundsizing is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="e9d95e894d7ec8bf6de23512b74c56c56c17ad2f",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_clearing_fundsizing_no_truncate_281b5",
                    table="clearing_fundsizing",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="stressshock",
            constraint=models.UniqueConstraint(
                fields=("scenario", "factor", "security"), name="stressshock_once", nulls_distinct=False
            ),
        ),
        migrations.AddConstraint(
            model_name="stressshock",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("factor", ""), ("security__isnull", False)),
                    models.Q(
                        ("factor__in", ["EQUITY", "GOVERNMENT", "CORPORATE", "FINANCIALS", "MONEY"]),
                        ("security__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="stressshock_factor_or_security",
            ),
        ),
        migrations.AddConstraint(
            model_name="stressshock",
            constraint=models.CheckConstraint(
                condition=models.Q(("move_bp__gte", -10000), ("move_bp__lte", 100000)), name="stressshock_range"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="stressshock",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_stressshock_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'clearing_stressshock is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="4e5ebdd2b7e98c7db1e33cbfc8f044e3d95094f6",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_clearing_stressshock_append_only_3156f",
                    table="clearing_stressshock",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="stressshock",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_stressshock_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'clearing_stressshock is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="5900a2c0ae134115db33f5bc2408ac53fbd1fa7c",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_clearing_stressshock_no_truncate_6362d",
                    table="clearing_stressshock",
                    when="BEFORE",
                ),
            ),
        ),
    ]
