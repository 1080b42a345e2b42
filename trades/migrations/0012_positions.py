import datetime
import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
import trades.core.positions
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("trades", "0011_allocation"),
    ]

    operations = [
        migrations.CreateModel(
            name="Position",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "method",
                    models.CharField(
                        choices=[
                            (trades.core.positions.CostMethod["AVERAGE"], "Average cost"),
                            (trades.core.positions.CostMethod["FIFO"], "First in, first out"),
                        ],
                        max_length=7,
                    ),
                ),
                ("quantity_units", models.BigIntegerField(help_text="Below zero: short.")),
                (
                    "cost_minor",
                    models.BigIntegerField(help_text="Of the open lots; below zero: received for a short position."),
                ),
                ("realised_minor", models.BigIntegerField(help_text="Since the first day, without fees.")),
                ("realised_day_minor", models.BigIntegerField(help_text="On this day, without fees.")),
                ("fees_minor", models.BigIntegerField(help_text="Since the first day.")),
                (
                    "price",
                    models.DecimalField(
                        decimal_places=6, help_text="The close; empty: none known.", max_digits=18, null=True
                    ),
                ),
                ("unrealised_minor", models.BigIntegerField(help_text="At the close; empty: no price.", null=True)),
                (
                    "lot_units",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(),
                        default=list,
                        help_text="First in, first out: oldest first.",
                        size=None,
                    ),
                ),
                (
                    "lot_minor",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, help_text="What each lot cost.", size=None
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PositionAlert",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("business_date", models.DateField()),
                ("at", models.DateTimeField(help_text="Business time.")),
                ("quantity_units", models.BigIntegerField()),
                ("limit_units", models.BigIntegerField()),
                ("acknowledged_at", models.DateTimeField(help_text="Business time.", null=True)),
                ("acknowledged_by", models.CharField(blank=True, max_length=150)),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="Wall-clock time."
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PositionLimit",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("largest_units", models.BigIntegerField(null=True)),
                (
                    "volume_percent",
                    models.DecimalField(
                        decimal_places=2,
                        help_text="Of the average daily volume of the last 20 trading days.",
                        max_digits=9,
                        null=True,
                    ),
                ),
                ("active", models.BooleanField(default=True)),
                ("set_by", models.CharField(max_length=150)),
                ("set_at", models.DateTimeField(help_text="Business time.")),
            ],
        ),
        migrations.CreateModel(
            name="PositionRun",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("business_date", models.DateField()),
                ("at", models.DateTimeField(help_text="Business time.")),
                ("moves", models.BigIntegerField()),
                ("positions", models.IntegerField()),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="Wall-clock time."
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="cancellationrequest",
            name="business_date",
            field=models.DateField(
                default=datetime.date(2000, 1, 1), help_text="A cancelled trade leaves the positions on the last one's."
            ),
            preserve_default=False,
        ),
        migrations.CreateModel(
            name="CostChoice",
            fields=[
                (
                    "participant",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="cost_choice",
                        serialize=False,
                        to="reference.participant",
                    ),
                ),
                (
                    "method",
                    models.CharField(
                        choices=[
                            (trades.core.positions.CostMethod["AVERAGE"], "Average cost"),
                            (trades.core.positions.CostMethod["FIFO"], "First in, first out"),
                        ],
                        max_length=7,
                    ),
                ),
                ("changed_by", models.CharField(max_length=150)),
                ("changed_at", models.DateTimeField(help_text="Business time.")),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "method__in",
                                [trades.core.positions.CostMethod["AVERAGE"], trades.core.positions.CostMethod["FIFO"]],
                            )
                        ),
                        name="costchoice_method",
                    )
                ],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="costchoice",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_costchoice_no_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'trades_costchoice rows are never deleted' USING ERRCODE = 'restrict_violation';",
                    hash="d4ea1d53d134d5d46d854db4ed55a65462e8c6b6",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_trades_costchoice_no_delete_0e771",
                    table="trades_costchoice",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="costchoice",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_costchoice_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'trades_costchoice is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="27cc66499e1f3e8fdc2f6b47f6866255b9b108ae",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_trades_costchoice_no_truncate_7aaed",
                    table="trades_costchoice",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddField(
            model_name="position",
            name="account",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.account"
            ),
        ),
        migrations.AddField(
            model_name="position",
            name="currency",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.currency"
            ),
        ),
        migrations.AddField(
            model_name="position",
            name="security",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.security"
            ),
        ),
        migrations.AddField(
            model_name="positionalert",
            name="account",
            field=models.ForeignKey(
                help_text="Empty: all together.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="ledger.account",
            ),
        ),
        migrations.AddField(
            model_name="positionalert",
            name="participant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.participant"
            ),
        ),
        migrations.AddField(
            model_name="positionalert",
            name="security",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.security"
            ),
        ),
        migrations.AddField(
            model_name="positionlimit",
            name="account",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.account"
            ),
        ),
        migrations.AddField(
            model_name="positionlimit",
            name="participant",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.participant"
            ),
        ),
        migrations.AddField(
            model_name="positionlimit",
            name="security",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.security"
            ),
        ),
        migrations.AddField(
            model_name="positionalert",
            name="limit",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="alerts", to="trades.positionlimit"
            ),
        ),
        migrations.AddIndex(
            model_name="positionrun",
            index=models.Index(fields=["business_date", "id"], name="positionrun_business_date"),
        ),
        migrations.AddConstraint(
            model_name="positionrun",
            constraint=models.CheckConstraint(
                condition=models.Q(("moves__gte", 0), ("positions__gte", 0)), name="positionrun_counts"
            ),
        ),
        migrations.AddField(
            model_name="position",
            name="run",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="rows",
                to="trades.positionrun",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="positionrun",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_positionrun_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'trades_positionrun is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="86e826cfaa2d89d86e1b7342fb380c7c7189d263",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_trades_positionrun_append_only_12022",
                    table="trades_positionrun",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="positionrun",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_positionrun_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'trades_positionrun is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="dcc8e2a74d797d0deeef95d647d45e397cefe124",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_trades_positionrun_no_truncate_3cf2f",
                    table="trades_positionrun",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="positionlimit",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("largest_units__gte", 0),
                        ("largest_units__lte", 1000000000000000),
                        ("volume_percent__isnull", True),
                    ),
                    models.Q(("largest_units__isnull", True), ("volume_percent__gte", 0)),
                    _connector="OR",
                ),
                name="positionlimit_units_or_percent",
            ),
        ),
        migrations.AddConstraint(
            model_name="positionlimit",
            constraint=models.CheckConstraint(
                condition=models.Q(("account__isnull", True), ("participant__isnull", True), _connector="OR"),
                name="positionlimit_one_holder",
            ),
        ),
        migrations.AddConstraint(
            model_name="positionlimit",
            constraint=models.UniqueConstraint(
                condition=models.Q(("active", True)),
                fields=("participant", "account", "security"),
                name="positionlimit_one_active",
                nulls_distinct=False,
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="positionlimit",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_positionlimit_no_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'trades_positionlimit rows are never deleted' USING ERRCODE = 'restrict_violation';",
                    hash="52793b4b939a559ad62fd8d144601a9ac943940e",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_trades_positionlimit_no_delete_b58e1",
                    table="trades_positionlimit",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="positionlimit",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_positionlimit_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'trades_positionlimit is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="068d002b2082d44678140563e27b2ec18949591d",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_trades_positionlimit_no_truncate_41be6",
                    table="trades_positionlimit",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="positionlimit",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_positionlimit_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'these columns of trades_positionlimit never change' USING ERRCODE = 'restrict_violation';",
                    hash="5e672eb3b1093f969c81e48d83305c4b9fcc899e",
                    level="STATEMENT",
                    operation='UPDATE OF "participant_id", "account_id", "security_id", "largest_units", "volume_percent", "set_by", "set_at"',
                    pgid="pgtrigger_trades_positionlimit_immutable_ac7fc",
                    table="trades_positionlimit",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="positionalert",
            constraint=models.UniqueConstraint(
                fields=("limit", "participant", "account", "security", "business_date"),
                name="positionalert_once_a_day",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="positionalert",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("quantity_units__gt", models.F("limit_units")),
                    (
                        "quantity_units__lt",
                        django.db.models.expressions.CombinedExpression(models.F("limit_units"), "*", models.Value(-1)),
                    ),
                    _connector="OR",
                ),
                name="positionalert_above_its_limit",
            ),
        ),
        migrations.AddConstraint(
            model_name="positionalert",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("acknowledged_at__isnull", True), ("acknowledged_by", "")),
                    models.Q(("acknowledged_at__isnull", False), models.Q(("acknowledged_by", ""), _negated=True)),
                    _connector="OR",
                ),
                name="positionalert_acknowledged_by_somebody",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="positionalert",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_positionalert_no_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'trades_positionalert rows are never deleted' USING ERRCODE = 'restrict_violation';",
                    hash="bca18ee3da44fd87b129b574e7e8df1790f2ee8c",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_trades_positionalert_no_delete_38b24",
                    table="trades_positionalert",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="positionalert",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_positionalert_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'trades_positionalert is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="2d6716b5329772617b90632fdc94dafe5bc82564",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_trades_positionalert_no_truncate_ba1f2",
                    table="trades_positionalert",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="positionalert",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_positionalert_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'these columns of trades_positionalert never change' USING ERRCODE = 'restrict_violation';",
                    hash="53b7a89e9f618bc930106476250e9c1f825c1ca0",
                    level="STATEMENT",
                    operation='UPDATE OF "limit_id", "participant_id", "account_id", "security_id", "business_date", "at", "quantity_units", "limit_units"',
                    pgid="pgtrigger_trades_positionalert_immutable_38690",
                    table="trades_positionalert",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="position",
            index=models.Index(fields=["account", "security", "run"], name="position_account_security"),
        ),
        migrations.AddConstraint(
            model_name="position",
            constraint=models.UniqueConstraint(fields=("run", "account", "security", "currency"), name="position_once"),
        ),
        migrations.AddConstraint(
            model_name="position",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "method__in",
                        [trades.core.positions.CostMethod["AVERAGE"], trades.core.positions.CostMethod["FIFO"]],
                    )
                ),
                name="position_method",
            ),
        ),
        migrations.AddConstraint(
            model_name="position",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("cost_minor", 0), ("quantity_units", 0)),
                    models.Q(("cost_minor__gte", 0), ("quantity_units__gt", 0)),
                    models.Q(("cost_minor__lte", 0), ("quantity_units__lt", 0)),
                    _connector="OR",
                ),
                name="position_cost_has_its_sign",
            ),
        ),
        migrations.AddConstraint(
            model_name="position",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("price__isnull", True), ("unrealised_minor__isnull", True)),
                    models.Q(("price__isnull", False), ("unrealised_minor__isnull", False)),
                    _connector="OR",
                ),
                name="position_valued_iff_priced",
            ),
        ),
        migrations.AddConstraint(
            model_name="position",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("method", trades.core.positions.CostMethod["FIFO"]),
                    models.Q(("lot_minor__len", 0), ("lot_units__len", 0)),
                    _connector="OR",
                ),
                name="position_lots_only_fifo",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="position",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_position_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'trades_position is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="c507854620ebecf0d03be6430e0d4507fc9ff107",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_trades_position_append_only_e5659",
                    table="trades_position",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="position",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_position_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'trades_position is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="5e06a05bc5725fcebf15dc2e82d6918d934e8f44",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_trades_position_no_truncate_cd1d2",
                    table="trades_position",
                    when="BEFORE",
                ),
            ),
        ),
    ]
