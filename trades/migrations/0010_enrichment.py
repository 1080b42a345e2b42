import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
import trades.core.alert_lifecycle
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("reference", "0005_market_data"),
        ("trades", "0009_routing"),
    ]

    operations = [
        migrations.CreateModel(
            name="OrderEnrichment",
            fields=[
                (
                    "price_source",
                    models.CharField(
                        choices=[
                            ("QUOTE", "Quote that stood when it came"),
                            ("CLOSE", "Close of the day before: no quote stood"),
                            ("NONE", "Nothing: no price was known"),
                        ],
                        max_length=5,
                    ),
                ),
                (
                    "mid",
                    models.DecimalField(
                        decimal_places=6, help_text="Middle of the quote, or the close.", max_digits=18, null=True
                    ),
                ),
                ("spread", models.DecimalField(decimal_places=6, max_digits=18, null=True)),
                ("quoted_at", models.DateTimeField(help_text="When the quote was given. Business time.", null=True)),
                ("priced_on", models.DateField(help_text="Day of the quote, or of the close.", null=True)),
                (
                    "notional_minor",
                    models.BigIntegerField(help_text="In its own currency; empty: it has no price yet.", null=True),
                ),
                (
                    "notional_base_minor",
                    models.BigIntegerField(help_text="In EUR; empty: no exchange rate was known.", null=True),
                ),
                (
                    "average_volume_units",
                    models.BigIntegerField(help_text="Average daily volume; empty: none was known.", null=True),
                ),
                (
                    "size_bp",
                    models.BigIntegerField(
                        help_text="Quantity in basis points of the average daily volume.", null=True
                    ),
                ),
                (
                    "deviation_bp",
                    models.BigIntegerField(help_text="Price above (+) or below (−) the middle.", null=True),
                ),
                ("spread_bp", models.BigIntegerField(null=True)),
                (
                    "counterparty_bp",
                    models.BigIntegerField(help_text="Share of the counterparty in the reporter's trading.", null=True),
                ),
                ("settlement_days", models.IntegerField(help_text="Calendar days from trade to settlement.")),
                ("size_points", models.SmallIntegerField()),
                ("deviation_points", models.SmallIntegerField()),
                ("liquidity_points", models.SmallIntegerField()),
                ("counterparty_points", models.SmallIntegerField()),
                ("settlement_points", models.SmallIntegerField()),
                ("risk_score", models.SmallIntegerField(help_text="0 to 100: the sum of its parts.")),
                ("enriched_at", models.DateTimeField(help_text="Business time.")),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="Wall-clock time."
                    ),
                ),
                (
                    "order",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="enrichment",
                        serialize=False,
                        to="trades.order",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="RestrictedEntry",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("reason", models.CharField(max_length=200)),
                ("valid_from", models.DateField()),
                ("valid_to", models.DateField(blank=True, help_text="Last day; empty: until it is ended.", null=True)),
                ("entered_by", models.CharField(max_length=150)),
                ("ended_by", models.CharField(blank=True, max_length=150)),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="Wall-clock time."
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "restricted entries",
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="RiskWeights",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("valid_from", models.DateField(unique=True)),
                ("why", models.CharField(blank=True, max_length=200)),
                ("size_points", models.SmallIntegerField()),
                (
                    "size_full_bp",
                    models.IntegerField(help_text="Quantity, in basis points of the average daily volume."),
                ),
                ("deviation_points", models.SmallIntegerField()),
                ("deviation_full_bp", models.IntegerField(help_text="Distance of the price from the middle.")),
                ("liquidity_points", models.SmallIntegerField()),
                ("liquidity_full_bp", models.IntegerField(help_text="Spread, in basis points of the middle.")),
                (
                    "unquoted_bp",
                    models.IntegerField(help_text="Taken as the spread of a liquid security that has no quote."),
                ),
                ("counterparty_points", models.SmallIntegerField()),
                (
                    "counterparty_full_bp",
                    models.IntegerField(help_text="Share of one counterparty in a participant's trading."),
                ),
                ("settlement_points", models.SmallIntegerField()),
                ("settlement_full_days", models.SmallIntegerField(help_text="Calendar days from trade to settlement.")),
                ("volume_days", models.SmallIntegerField(help_text="Trading days over which a volume is averaged.")),
                (
                    "counterparty_days",
                    models.SmallIntegerField(help_text="Calendar days of trading that the share is taken of."),
                ),
            ],
            options={
                "verbose_name_plural": "risk weights",
                "ordering": ["-valid_from"],
            },
        ),
        migrations.CreateModel(
            name="TradeEnrichment",
            fields=[
                (
                    "price_source",
                    models.CharField(
                        choices=[
                            ("QUOTE", "Quote that stood when it came"),
                            ("CLOSE", "Close of the day before: no quote stood"),
                            ("NONE", "Nothing: no price was known"),
                        ],
                        max_length=5,
                    ),
                ),
                (
                    "mid",
                    models.DecimalField(
                        decimal_places=6, help_text="Middle of the quote, or the close.", max_digits=18, null=True
                    ),
                ),
                ("spread", models.DecimalField(decimal_places=6, max_digits=18, null=True)),
                ("quoted_at", models.DateTimeField(help_text="When the quote was given. Business time.", null=True)),
                ("priced_on", models.DateField(help_text="Day of the quote, or of the close.", null=True)),
                (
                    "notional_minor",
                    models.BigIntegerField(help_text="In its own currency; empty: it has no price yet.", null=True),
                ),
                (
                    "notional_base_minor",
                    models.BigIntegerField(help_text="In EUR; empty: no exchange rate was known.", null=True),
                ),
                (
                    "average_volume_units",
                    models.BigIntegerField(help_text="Average daily volume; empty: none was known.", null=True),
                ),
                (
                    "size_bp",
                    models.BigIntegerField(
                        help_text="Quantity in basis points of the average daily volume.", null=True
                    ),
                ),
                (
                    "deviation_bp",
                    models.BigIntegerField(help_text="Price above (+) or below (−) the middle.", null=True),
                ),
                ("spread_bp", models.BigIntegerField(null=True)),
                (
                    "counterparty_bp",
                    models.BigIntegerField(help_text="Share of the counterparty in the reporter's trading.", null=True),
                ),
                ("settlement_days", models.IntegerField(help_text="Calendar days from trade to settlement.")),
                ("size_points", models.SmallIntegerField()),
                ("deviation_points", models.SmallIntegerField()),
                ("liquidity_points", models.SmallIntegerField()),
                ("counterparty_points", models.SmallIntegerField()),
                ("settlement_points", models.SmallIntegerField()),
                ("risk_score", models.SmallIntegerField(help_text="0 to 100: the sum of its parts.")),
                ("enriched_at", models.DateTimeField(help_text="Business time.")),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="Wall-clock time."
                    ),
                ),
                (
                    "trade",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="enrichment",
                        serialize=False,
                        to="trades.trade",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="ComplianceRule",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("code", models.CharField(max_length=30, unique=True)),
                ("name", models.CharField(max_length=120)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("RESTRICTED_LIST", "Restricted list"),
                            ("FAT_FINGER", "Fat finger"),
                            ("PRICE_COLLAR", "Price collar"),
                            ("WASH_TRADE", "Wash trade"),
                            ("CONCENTRATION", "Concentration"),
                        ],
                        max_length=15,
                    ),
                ),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("PASS", "Pass: noted, severity low"),
                            ("WARN", "Warn: goes on, severity medium"),
                            ("REJECT", "Reject: an order is refused, severity high"),
                        ],
                        max_length=6,
                    ),
                ),
                ("active", models.BooleanField(default=True)),
                ("valid_from", models.DateField()),
                (
                    "volume_percent",
                    models.IntegerField(
                        blank=True, help_text="Fat finger: most of the average daily volume, in percent.", null=True
                    ),
                ),
                (
                    "ceiling_minor",
                    models.BigIntegerField(blank=True, help_text="Fat finger: highest notional.", null=True),
                ),
                (
                    "collar_bp",
                    models.IntegerField(
                        blank=True, help_text="Price collar: distance from the middle of the quote.", null=True
                    ),
                ),
                (
                    "close_collar_bp",
                    models.IntegerField(
                        blank=True,
                        help_text="Price collar where no quote stands: distance from the close of the day before.",
                        null=True,
                    ),
                ),
                (
                    "window_minutes",
                    models.IntegerField(blank=True, help_text="Wash trade: how far back is looked.", null=True),
                ),
                (
                    "tolerance_bp",
                    models.IntegerField(
                        blank=True, help_text="Wash trade: how far the prices of the two trades may differ.", null=True
                    ),
                ),
                (
                    "share_percent",
                    models.IntegerField(
                        blank=True, help_text="Concentration: highest share of one security in a portfolio.", null=True
                    ),
                ),
                (
                    "least_minor",
                    models.BigIntegerField(
                        blank=True, help_text="Concentration: smaller notionals are not looked at.", null=True
                    ),
                ),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="Wall-clock time."
                    ),
                ),
                (
                    "client",
                    models.ForeignKey(
                        blank=True,
                        help_text="Only this client's orders; empty: everybody's.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="trades.client",
                    ),
                ),
                (
                    "participant",
                    models.ForeignKey(
                        blank=True,
                        help_text="Only this broker's orders, and this participant's trades; empty: all.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="reference.participant",
                    ),
                ),
                (
                    "proposal",
                    models.OneToOneField(
                        blank=True,
                        help_text="By which approved proposal it is what it is; empty: as it came.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="reference.proposal",
                    ),
                ),
                (
                    "security",
                    models.ForeignKey(
                        blank=True,
                        help_text="Only this security; empty: all.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="reference.security",
                    ),
                ),
            ],
            options={
                "ordering": ["code"],
            },
        ),
        migrations.CreateModel(
            name="ComplianceAlert",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "severity",
                    models.CharField(choices=[("LOW", "Low"), ("MEDIUM", "Medium"), ("HIGH", "High")], max_length=6),
                ),
                ("words", models.TextField(help_text="What was found, as a person reads it.")),
                ("figure", models.BigIntegerField(help_text="What was measured, in the rule's unit.", null=True)),
                (
                    "allowed",
                    models.BigIntegerField(help_text="What the rule allowed then, in the same unit.", null=True),
                ),
                ("at", models.DateTimeField(help_text="When it was found. Business time.")),
                ("business_date", models.DateField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            (trades.core.alert_lifecycle.AlertStatus["OPEN"], "Open"),
                            (trades.core.alert_lifecycle.AlertStatus["ACKNOWLEDGED"], "Acknowledged"),
                            (trades.core.alert_lifecycle.AlertStatus["CLOSED"], "Closed"),
                        ],
                        default=trades.core.alert_lifecycle.AlertStatus["OPEN"],
                        max_length=12,
                    ),
                ),
                ("handled_by", models.CharField(blank=True, max_length=150)),
                ("handled_at", models.DateTimeField(help_text="Business time.", null=True)),
                ("note", models.TextField(blank=True)),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="Wall-clock time."
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="alerts",
                        to="trades.order",
                        to_field="public_id",
                    ),
                ),
                (
                    "participant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        help_text="Whose order or report it is.",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="reference.participant",
                    ),
                ),
                (
                    "security",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="reference.security",
                    ),
                ),
                (
                    "trade",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="alerts",
                        to="trades.trade",
                    ),
                ),
                (
                    "rule",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="alerts",
                        to="trades.compliancerule",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="CounterpartyVolume",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("business_date", models.DateField()),
                ("notional_base_minor", models.DecimalField(decimal_places=0, help_text="In EUR.", max_digits=30)),
                (
                    "counterparty",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="reference.participant",
                    ),
                ),
                (
                    "participant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="reference.participant",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="EnrichmentRun",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("subject", models.CharField(choices=[("TRADES", "Trades"), ("ORDERS", "Orders")], max_length=6)),
                ("at", models.DateTimeField(help_text="Business time.")),
                ("business_date", models.DateField()),
                ("enriched", models.IntegerField()),
                ("alerts", models.IntegerField()),
                ("first_id", models.BigIntegerField(help_text="The lowest id it enriched.")),
                ("floor_id", models.BigIntegerField()),
                ("seen_id", models.BigIntegerField()),
                (
                    "running",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=32), help_text="Virtual ids of transactions.", size=None
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
                "ordering": ["-id"],
                "indexes": [models.Index(fields=["subject", "at"], name="enrichmentrun_at")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("subject__in", ["TRADES", "ORDERS"])), name="enrichmentrun_subject"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("alerts__gte", 0),
                            ("enriched__gt", 0),
                            ("floor_id__gte", 0),
                            ("floor_id__lte", models.F("seen_id")),
                        ),
                        name="enrichmentrun_floor_under_what_was_seen",
                    ),
                ],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="enrichmentrun",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_enrichmentrun_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'trades_enrichmentrun is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="6346530746e04e1e1223c9d8d7cd0f6bb53379d8",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_trades_enrichmentrun_append_only_b4e53",
                    table="trades_enrichmentrun",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="enrichmentrun",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_enrichmentrun_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'trades_enrichmentrun is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="656ec4537e209ca97dcda7bd99496c8bc463dd77",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_trades_enrichmentrun_no_truncate_9f00d",
                    table="trades_enrichmentrun",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddField(
            model_name="restrictedentry",
            name="participant",
            field=models.ForeignKey(
                blank=True,
                help_text="For whom; empty: for everybody.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="reference.participant",
            ),
        ),
        migrations.AddField(
            model_name="restrictedentry",
            name="security",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.security"
            ),
        ),
        migrations.AddConstraint(
            model_name="riskweights",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "size_points",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        models.Value(100), "-", models.F("deviation_points")
                                    ),
                                    "-",
                                    models.F("liquidity_points"),
                                ),
                                "-",
                                models.F("counterparty_points"),
                            ),
                            "-",
                            models.F("settlement_points"),
                        ),
                    )
                ),
                name="riskweights_sum_to_100",
            ),
        ),
        migrations.AddConstraint(
            model_name="riskweights",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("counterparty_points__gte", 0),
                    ("deviation_points__gte", 0),
                    ("liquidity_points__gte", 0),
                    ("settlement_points__gte", 0),
                    ("size_points__gte", 0),
                ),
                name="riskweights_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="riskweights",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("counterparty_days__gte", 0),
                    ("counterparty_days__lte", 366),
                    ("counterparty_full_bp__gte", 1),
                    ("deviation_full_bp__gte", 1),
                    ("liquidity_full_bp__gte", 1),
                    ("settlement_full_days__gte", 1),
                    ("size_full_bp__gte", 1),
                    ("unquoted_bp__gte", 0),
                    ("volume_days__gte", 1),
                    ("volume_days__lte", 500),
                ),
                name="riskweights_measures",
            ),
        ),
        migrations.AddField(
            model_name="orderenrichment",
            name="weights",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="trades.riskweights",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="riskweights",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_riskweights_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'trades_riskweights is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="d6799d7a8af212dc8f02a4dd9d0d97ab0db33b79",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_trades_riskweights_append_only_910d6",
                    table="trades_riskweights",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="riskweights",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_riskweights_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'trades_riskweights is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="35dfa43858c46181f15ec6bcda216ff6ceeacb4a",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_trades_riskweights_no_truncate_54c6a",
                    table="trades_riskweights",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddField(
            model_name="tradeenrichment",
            name="weights",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="trades.riskweights",
            ),
        ),
        migrations.AddConstraint(
            model_name="compliancerule",
            constraint=models.CheckConstraint(
                condition=models.Q(("code__regex", "^[A-Z][A-Z0-9-]{1,29}$")), name="compliancerule_code"
            ),
        ),
        migrations.AddConstraint(
            model_name="compliancerule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("kind__in", ["RESTRICTED_LIST", "FAT_FINGER", "PRICE_COLLAR", "WASH_TRADE", "CONCENTRATION"])
                ),
                name="compliancerule_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="compliancerule",
            constraint=models.CheckConstraint(
                condition=models.Q(("action__in", ["PASS", "WARN", "REJECT"])), name="compliancerule_action"
            ),
        ),
        migrations.AddConstraint(
            model_name="compliancerule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("ceiling_minor__isnull", True),
                        ("close_collar_bp__isnull", True),
                        ("collar_bp__isnull", True),
                        ("kind", "RESTRICTED_LIST"),
                        ("least_minor__isnull", True),
                        ("share_percent__isnull", True),
                        ("tolerance_bp__isnull", True),
                        ("volume_percent__isnull", True),
                        ("window_minutes__isnull", True),
                    ),
                    models.Q(
                        ("close_collar_bp__isnull", True),
                        ("collar_bp__isnull", True),
                        ("kind", "FAT_FINGER"),
                        ("least_minor__isnull", True),
                        ("share_percent__isnull", True),
                        ("tolerance_bp__isnull", True),
                        ("window_minutes__isnull", True),
                        models.Q(("volume_percent__isnull", False), ("ceiling_minor__isnull", False), _connector="OR"),
                    ),
                    models.Q(
                        ("ceiling_minor__isnull", True),
                        ("kind", "PRICE_COLLAR"),
                        ("least_minor__isnull", True),
                        ("share_percent__isnull", True),
                        ("tolerance_bp__isnull", True),
                        ("volume_percent__isnull", True),
                        ("window_minutes__isnull", True),
                        models.Q(("collar_bp__isnull", False), ("close_collar_bp__isnull", False), _connector="OR"),
                    ),
                    models.Q(
                        ("ceiling_minor__isnull", True),
                        ("close_collar_bp__isnull", True),
                        ("collar_bp__isnull", True),
                        ("kind", "WASH_TRADE"),
                        ("least_minor__isnull", True),
                        ("share_percent__isnull", True),
                        ("volume_percent__isnull", True),
                        ("window_minutes__isnull", False),
                        ("tolerance_bp__isnull", False),
                    ),
                    models.Q(
                        ("ceiling_minor__isnull", True),
                        ("close_collar_bp__isnull", True),
                        ("collar_bp__isnull", True),
                        ("kind", "CONCENTRATION"),
                        ("tolerance_bp__isnull", True),
                        ("volume_percent__isnull", True),
                        ("window_minutes__isnull", True),
                        ("share_percent__isnull", False),
                        ("least_minor__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="compliancerule_parameters_of_its_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="compliancerule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("volume_percent__isnull", True),
                    models.Q(("volume_percent__gte", 1), ("volume_percent__lte", 100000)),
                    _connector="OR",
                ),
                name="compliancerule_volume_percent",
            ),
        ),
        migrations.AddConstraint(
            model_name="compliancerule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("ceiling_minor__isnull", True),
                    models.Q(("ceiling_minor__gte", 1), ("ceiling_minor__lte", 1000000000000000)),
                    _connector="OR",
                ),
                name="compliancerule_ceiling_minor",
            ),
        ),
        migrations.AddConstraint(
            model_name="compliancerule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("collar_bp__isnull", True),
                    models.Q(("collar_bp__gte", 1), ("collar_bp__lte", 100000)),
                    _connector="OR",
                ),
                name="compliancerule_collar_bp",
            ),
        ),
        migrations.AddConstraint(
            model_name="compliancerule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("close_collar_bp__isnull", True),
                    models.Q(("close_collar_bp__gte", 1), ("close_collar_bp__lte", 100000)),
                    _connector="OR",
                ),
                name="compliancerule_close_collar_bp",
            ),
        ),
        migrations.AddConstraint(
            model_name="compliancerule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("window_minutes__isnull", True),
                    models.Q(("window_minutes__gte", 1), ("window_minutes__lte", 1440)),
                    _connector="OR",
                ),
                name="compliancerule_window_minutes",
            ),
        ),
        migrations.AddConstraint(
            model_name="compliancerule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("tolerance_bp__isnull", True),
                    models.Q(("tolerance_bp__gte", 0), ("tolerance_bp__lte", 10000)),
                    _connector="OR",
                ),
                name="compliancerule_tolerance_bp",
            ),
        ),
        migrations.AddConstraint(
            model_name="compliancerule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("share_percent__isnull", True),
                    models.Q(("share_percent__gte", 1), ("share_percent__lte", 100)),
                    _connector="OR",
                ),
                name="compliancerule_share_percent",
            ),
        ),
        migrations.AddConstraint(
            model_name="compliancerule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("least_minor__isnull", True),
                    models.Q(("least_minor__gte", 0), ("least_minor__lte", 1000000000000000)),
                    _connector="OR",
                ),
                name="compliancerule_least_minor",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="compliancerule",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_compliancerule_no_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'trades_compliancerule rows are never deleted' USING ERRCODE = 'restrict_violation';",
                    hash="221d65a77fb4d146a47941ad9b858a0c426b3bc7",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_trades_compliancerule_no_delete_0ba53",
                    table="trades_compliancerule",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="compliancerule",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_compliancerule_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'trades_compliancerule is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="f15e5707ef8c25856489e0c05d37ca536381810f",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_trades_compliancerule_no_truncate_6562b",
                    table="trades_compliancerule",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="compliancerule",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_compliancerule_changed_by_two",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n    IF coalesce(NEW.proposal_id, 0) <= coalesce(OLD.proposal_id, 0) OR NOT EXISTS (\n        SELECT FROM reference_proposal p\n        WHERE p.id = NEW.proposal_id AND p.kind = 'compliance-rule' AND p.status = 'APPROVED'\n          AND p.subject_type = 'compliance-rule' AND p.subject_id = NEW.id\n          AND to_jsonb(OLD) || p.after || jsonb_build_object('proposal_id', p.id) = to_jsonb(NEW)) THEN\n        RAISE EXCEPTION 'fmi: compliance rule % changes by an approved proposal only', NEW.code\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'compliancerule_four_eyes';\n    END IF;\n    RETURN NEW;\n",
                    hash="2cc701f2add68ba8c91b19afceaa6ccf2f95eaaf",
                    operation="UPDATE",
                    pgid="pgtrigger_trades_compliancerule_changed_by_two_004da",
                    table="trades_compliancerule",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="compliancealert",
            index=models.Index(fields=["business_date", "rule"], name="compliancealert_by_day"),
        ),
        migrations.AddIndex(
            model_name="compliancealert",
            index=models.Index(
                condition=models.Q(("status", "OPEN")), fields=["severity", "id"], name="compliancealert_open"
            ),
        ),
        migrations.AddConstraint(
            model_name="compliancealert",
            constraint=models.UniqueConstraint(
                condition=models.Q(("trade__isnull", False)),
                fields=("trade", "rule"),
                name="compliancealert_once_a_trade",
            ),
        ),
        migrations.AddConstraint(
            model_name="compliancealert",
            constraint=models.UniqueConstraint(
                condition=models.Q(("order__isnull", False)),
                fields=("order", "rule"),
                name="compliancealert_once_an_order",
            ),
        ),
        migrations.AddConstraint(
            model_name="compliancealert",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("order__isnull", False), ("trade__isnull", True)),
                    models.Q(("order__isnull", True), ("trade__isnull", False)),
                    _connector="OR",
                ),
                name="compliancealert_of_a_trade_or_an_order",
            ),
        ),
        migrations.AddConstraint(
            model_name="compliancealert",
            constraint=models.CheckConstraint(
                condition=models.Q(("severity__in", ["LOW", "MEDIUM", "HIGH"])), name="compliancealert_severity"
            ),
        ),
        migrations.AddConstraint(
            model_name="compliancealert",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "status__in",
                        [
                            trades.core.alert_lifecycle.AlertStatus["OPEN"],
                            trades.core.alert_lifecycle.AlertStatus["ACKNOWLEDGED"],
                            trades.core.alert_lifecycle.AlertStatus["CLOSED"],
                        ],
                    )
                ),
                name="compliancealert_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="compliancealert",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("handled_at__isnull", True), ("handled_by", ""), ("note", ""), ("status", "OPEN")),
                    models.Q(
                        models.Q(
                            models.Q(("status", "OPEN"), _negated=True), models.Q(("handled_by", ""), _negated=True)
                        ),
                        ("handled_at__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="compliancealert_handled_by_somebody",
            ),
        ),
        migrations.AddConstraint(
            model_name="compliancealert",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "CLOSED"), _negated=True),
                    models.Q(("note", ""), _negated=True),
                    _connector="OR",
                ),
                name="compliancealert_closed_with_a_note",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="compliancealert",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_compliancealert_no_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'trades_compliancealert rows are never deleted' USING ERRCODE = 'restrict_violation';",
                    hash="bd005a24f98cee720d43c5003217c34c34ec0d3b",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_trades_compliancealert_no_delete_b509b",
                    table="trades_compliancealert",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="compliancealert",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_compliancealert_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'trades_compliancealert is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="3c554b927e75fce9c06cefc4c6ef8f846910bcc9",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_trades_compliancealert_no_truncate_dc9af",
                    table="trades_compliancealert",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="compliancealert",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_compliancealert_legal_step",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.status IS DISTINCT FROM NEW.status AND (OLD.status::text, NEW.status::text) NOT IN (('ACKNOWLEDGED', 'CLOSED'), ('OPEN', 'ACKNOWLEDGED'), ('OPEN', 'CLOSED')))",
                    func="\n            RAISE EXCEPTION 'trades_compliancealert cannot go from % to %', OLD.status, NEW.status\n                USING ERRCODE = 'check_violation', CONSTRAINT = 'trades_compliancealert_legal_step';\n        ",
                    hash="7b56df13d3222f03eeb862d1e0ec6a02585581b0",
                    operation='UPDATE OF "status"',
                    pgid="pgtrigger_trades_compliancealert_legal_step_a76d2",
                    table="trades_compliancealert",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="compliancealert",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_compliancealert_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'these columns of trades_compliancealert never change' USING ERRCODE = 'restrict_violation';",
                    hash="0742dec76e4a23beda68645419a4310f623e58c9",
                    level="STATEMENT",
                    operation='UPDATE OF "rule_id", "trade_id", "order_id", "participant_id", "security_id", "severity", "words", "figure", "allowed", "at", "business_date"',
                    pgid="pgtrigger_trades_compliancealert_immutable_19255",
                    table="trades_compliancealert",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="compliancealert",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_compliancealert_references",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE is_missing boolean;",
                    func="\n            EXECUTE 'SELECT EXISTS (\n                SELECT 1 FROM new_rows n WHERE n.trade_id IS NOT NULL\n                AND NOT EXISTS (SELECT 1 FROM trades_trade r WHERE r.id = n.trade_id))' INTO is_missing;\n            IF is_missing THEN\n                RAISE EXCEPTION 'trades_compliancealert.trade_id refers to no row of trades_trade'\n                    USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'trades_compliancealert_trade_id_exists';\n            END IF;\n            \n            IF EXISTS (\n                SELECT 1 FROM (SELECT DISTINCT participant_id FROM new_rows WHERE participant_id IS NOT NULL) n\n                WHERE NOT EXISTS (SELECT 1 FROM reference_participant r WHERE r.id = n.participant_id)\n            ) THEN\n                RAISE EXCEPTION 'trades_compliancealert.participant_id refers to no row of reference_participant'\n                    USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'trades_compliancealert_participant_id_exists';\n            END IF;\n            \n            IF EXISTS (\n                SELECT 1 FROM (SELECT DISTINCT security_id FROM new_rows WHERE security_id IS NOT NULL) n\n                WHERE NOT EXISTS (SELECT 1 FROM reference_security r WHERE r.asset_ptr_id = n.security_id)\n            ) THEN\n                RAISE EXCEPTION 'trades_compliancealert.security_id refers to no row of reference_security'\n                    USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'trades_compliancealert_security_id_exists';\n            END IF;\n            RETURN NULL;",
                    hash="9d7354d361a131ffa4af5fbc97eb2e76ab9e1ea4",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_trades_compliancealert_references_31bbb",
                    referencing="REFERENCING NEW TABLE AS new_rows ",
                    table="trades_compliancealert",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="compliancealert",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_compliancealert_handled_once",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n    IF OLD.handled_by <> '' AND NEW.status = OLD.status AND NEW IS DISTINCT FROM OLD THEN\n        RAISE EXCEPTION 'alert % is % by %; only its next step may be written', OLD.id, OLD.status, OLD.handled_by\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'compliancealert_handled_once';\n    END IF;\n    RETURN NEW;\n",
                    hash="0232130586608f07a1b91b11656f8ae24e721537",
                    operation="UPDATE",
                    pgid="pgtrigger_trades_compliancealert_handled_once_48cba",
                    table="trades_compliancealert",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="counterpartyvolume",
            constraint=models.UniqueConstraint(
                fields=("business_date", "participant", "counterparty"), name="counterpartyvolume_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="counterpartyvolume",
            constraint=models.CheckConstraint(
                condition=models.Q(("notional_base_minor__gte", 0)), name="counterpartyvolume_not_negative"
            ),
        ),
        migrations.AddConstraint(
            model_name="counterpartyvolume",
            constraint=models.CheckConstraint(
                condition=models.Q(("participant", models.F("counterparty")), _negated=True),
                name="counterpartyvolume_with_another",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="counterpartyvolume",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_counterpartyvolume_no_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'trades_counterpartyvolume rows are never deleted' USING ERRCODE = 'restrict_violation';",
                    hash="1939261e1adaa595df27b9ae075d9d3e03985b74",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_trades_counterpartyvolume_no_delete_3fce2",
                    table="trades_counterpartyvolume",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="counterpartyvolume",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_counterpartyvolume_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'trades_counterpartyvolume is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="daed738cd5c3499d59119c070b734f7c4dcdf33d",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_trades_counterpartyvolume_no_truncate_25702",
                    table="trades_counterpartyvolume",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="restrictedentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("valid_to__isnull", True), ("valid_to__gte", models.F("valid_from")), _connector="OR"
                ),
                name="restrictedentry_dates",
            ),
        ),
        migrations.AddConstraint(
            model_name="restrictedentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("reason", ""), _negated=True), models.Q(("entered_by", ""), _negated=True)
                ),
                name="restrictedentry_says_why",
            ),
        ),
        migrations.AddConstraint(
            model_name="restrictedentry",
            constraint=models.CheckConstraint(
                condition=models.Q(("ended_by", ""), ("valid_to__isnull", False), _connector="OR"),
                name="restrictedentry_ended_on_a_day",
            ),
        ),
        migrations.AddConstraint(
            model_name="restrictedentry",
            constraint=models.UniqueConstraint(
                condition=models.Q(("valid_to__isnull", True)),
                fields=("security", "participant"),
                name="restrictedentry_open_once",
                nulls_distinct=False,
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="restrictedentry",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_restrictedentry_no_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'trades_restrictedentry rows are never deleted' USING ERRCODE = 'restrict_violation';",
                    hash="25dc62026489f3823af3181627d7353475872232",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_trades_restrictedentry_no_delete_1ef03",
                    table="trades_restrictedentry",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="restrictedentry",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_restrictedentry_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'trades_restrictedentry is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="5ff14c35dbf6ea377a20812021eecee6c03d8c02",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_trades_restrictedentry_no_truncate_8974b",
                    table="trades_restrictedentry",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="restrictedentry",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_restrictedentry_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'these columns of trades_restrictedentry never change' USING ERRCODE = 'restrict_violation';",
                    hash="631d9b0841415316290f6be11dbc3a31d4ebf19e",
                    level="STATEMENT",
                    operation='UPDATE OF "security_id", "participant_id", "reason", "valid_from", "entered_by"',
                    pgid="pgtrigger_trades_restrictedentry_immutable_3190f",
                    table="trades_restrictedentry",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="orderenrichment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "risk_score",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("size_points"), "+", models.F("deviation_points")
                                    ),
                                    "+",
                                    models.F("liquidity_points"),
                                ),
                                "+",
                                models.F("counterparty_points"),
                            ),
                            "+",
                            models.F("settlement_points"),
                        ),
                    ),
                    ("risk_score__gte", 0),
                    ("risk_score__lte", 100),
                ),
                name="orderenrichment_score_is_the_sum_of_its_parts",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderenrichment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("counterparty_points__gte", 0),
                    ("deviation_points__gte", 0),
                    ("liquidity_points__gte", 0),
                    ("settlement_points__gte", 0),
                    ("size_points__gte", 0),
                ),
                name="orderenrichment_points_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderenrichment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("mid__gt", 0),
                        ("mid__isnull", False),
                        ("price_source", "QUOTE"),
                        ("quoted_at__isnull", False),
                        ("spread__gte", 0),
                        ("spread__isnull", False),
                    ),
                    models.Q(
                        ("mid__gt", 0),
                        ("mid__isnull", False),
                        ("price_source", "CLOSE"),
                        ("priced_on__isnull", False),
                        ("quoted_at__isnull", True),
                        ("spread__isnull", True),
                    ),
                    models.Q(
                        ("deviation_bp__isnull", True),
                        ("mid__isnull", True),
                        ("price_source", "NONE"),
                        ("quoted_at__isnull", True),
                        ("spread__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="orderenrichment_says_what_it_was_held_against",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderenrichment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("average_volume_units__isnull", True), ("size_bp__isnull", True)),
                    models.Q(
                        ("average_volume_units__gt", 0),
                        ("average_volume_units__isnull", False),
                        ("size_bp__isnull", False),
                        ("size_bp__gte", 0),
                    ),
                    _connector="OR",
                ),
                name="orderenrichment_size_needs_a_volume",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderenrichment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("notional_base_minor__isnull", True),
                    models.Q(
                        ("notional_base_minor__gte", 0),
                        ("notional_base_minor__lte", 1000000000000000),
                        ("notional_minor__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="orderenrichment_notional",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="orderenrichment",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_orderenrichment_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'trades_orderenrichment is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="022a0279046eb6a9a5de3ecdd06bfbb0ebafbe8f",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_trades_orderenrichment_append_only_e881c",
                    table="trades_orderenrichment",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="orderenrichment",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_orderenrichment_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'trades_orderenrichment is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="a33b8d109506b19af4e9951089fb2bdafb64c579",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_trades_orderenrichment_no_truncate_2857d",
                    table="trades_orderenrichment",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="orderenrichment",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_orderenrichment_references",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE is_missing boolean;",
                    func="\n            EXECUTE 'SELECT EXISTS (\n                SELECT 1 FROM new_rows n WHERE n.order_id IS NOT NULL\n                AND NOT EXISTS (SELECT 1 FROM trades_order r WHERE r.id = n.order_id))' INTO is_missing;\n            IF is_missing THEN\n                RAISE EXCEPTION 'trades_orderenrichment.order_id refers to no row of trades_order'\n                    USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'trades_orderenrichment_order_id_exists';\n            END IF;\n            \n            IF EXISTS (\n                SELECT 1 FROM (SELECT DISTINCT weights_id FROM new_rows WHERE weights_id IS NOT NULL) n\n                WHERE NOT EXISTS (SELECT 1 FROM trades_riskweights r WHERE r.id = n.weights_id)\n            ) THEN\n                RAISE EXCEPTION 'trades_orderenrichment.weights_id refers to no row of trades_riskweights'\n                    USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'trades_orderenrichment_weights_id_exists';\n            END IF;\n            RETURN NULL;",
                    hash="4e61b21244ee25aca8e215a1345bb8a56ca0b4e7",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_trades_orderenrichment_references_0224d",
                    referencing="REFERENCING NEW TABLE AS new_rows ",
                    table="trades_orderenrichment",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="tradeenrichment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "risk_score",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("size_points"), "+", models.F("deviation_points")
                                    ),
                                    "+",
                                    models.F("liquidity_points"),
                                ),
                                "+",
                                models.F("counterparty_points"),
                            ),
                            "+",
                            models.F("settlement_points"),
                        ),
                    ),
                    ("risk_score__gte", 0),
                    ("risk_score__lte", 100),
                ),
                name="tradeenrichment_score_is_the_sum_of_its_parts",
            ),
        ),
        migrations.AddConstraint(
            model_name="tradeenrichment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("counterparty_points__gte", 0),
                    ("deviation_points__gte", 0),
                    ("liquidity_points__gte", 0),
                    ("settlement_points__gte", 0),
                    ("size_points__gte", 0),
                ),
                name="tradeenrichment_points_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="tradeenrichment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("mid__gt", 0),
                        ("mid__isnull", False),
                        ("price_source", "QUOTE"),
                        ("quoted_at__isnull", False),
                        ("spread__gte", 0),
                        ("spread__isnull", False),
                    ),
                    models.Q(
                        ("mid__gt", 0),
                        ("mid__isnull", False),
                        ("price_source", "CLOSE"),
                        ("priced_on__isnull", False),
                        ("quoted_at__isnull", True),
                        ("spread__isnull", True),
                    ),
                    models.Q(
                        ("deviation_bp__isnull", True),
                        ("mid__isnull", True),
                        ("price_source", "NONE"),
                        ("quoted_at__isnull", True),
                        ("spread__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="tradeenrichment_says_what_it_was_held_against",
            ),
        ),
        migrations.AddConstraint(
            model_name="tradeenrichment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("average_volume_units__isnull", True), ("size_bp__isnull", True)),
                    models.Q(
                        ("average_volume_units__gt", 0),
                        ("average_volume_units__isnull", False),
                        ("size_bp__isnull", False),
                        ("size_bp__gte", 0),
                    ),
                    _connector="OR",
                ),
                name="tradeenrichment_size_needs_a_volume",
            ),
        ),
        migrations.AddConstraint(
            model_name="tradeenrichment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("notional_base_minor__isnull", True),
                    models.Q(
                        ("notional_base_minor__gte", 0),
                        ("notional_base_minor__lte", 1000000000000000),
                        ("notional_minor__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="tradeenrichment_notional",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="tradeenrichment",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_tradeenrichment_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'trades_tradeenrichment is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="eb282dc1e072c6b2041bb0723a4618ab1f27f411",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_trades_tradeenrichment_append_only_6257c",
                    table="trades_tradeenrichment",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="tradeenrichment",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_tradeenrichment_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'trades_tradeenrichment is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="941d8623f96b9ec0f48f3edd32172204ccff8c85",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_trades_tradeenrichment_no_truncate_164fa",
                    table="trades_tradeenrichment",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="tradeenrichment",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_tradeenrichment_references",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE is_missing boolean;",
                    func="\n            EXECUTE 'SELECT EXISTS (\n                SELECT 1 FROM new_rows n WHERE n.trade_id IS NOT NULL\n                AND NOT EXISTS (SELECT 1 FROM trades_trade r WHERE r.id = n.trade_id))' INTO is_missing;\n            IF is_missing THEN\n                RAISE EXCEPTION 'trades_tradeenrichment.trade_id refers to no row of trades_trade'\n                    USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'trades_tradeenrichment_trade_id_exists';\n            END IF;\n            \n            IF EXISTS (\n                SELECT 1 FROM (SELECT DISTINCT weights_id FROM new_rows WHERE weights_id IS NOT NULL) n\n                WHERE NOT EXISTS (SELECT 1 FROM trades_riskweights r WHERE r.id = n.weights_id)\n            ) THEN\n                RAISE EXCEPTION 'trades_tradeenrichment.weights_id refers to no row of trades_riskweights'\n                    USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'trades_tradeenrichment_weights_id_exists';\n            END IF;\n            RETURN NULL;",
                    hash="650013209cb6515145114ae89c6c6ce8c63a0a95",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_trades_tradeenrichment_references_496cb",
                    referencing="REFERENCING NEW TABLE AS new_rows ",
                    table="trades_tradeenrichment",
                    when="AFTER",
                ),
            ),
        ),
    ]
