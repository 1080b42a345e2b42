import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
import trades.core.allocation_lifecycle
import trades.core.book.terms
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("trades", "0010_enrichment"),
    ]

    operations = [
        migrations.CreateModel(
            name="Allocation",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("public_id", models.UUIDField(unique=True)),
                ("trade_date", models.DateField()),
                (
                    "side",
                    models.CharField(
                        choices=[
                            (trades.core.book.terms.OrderSide["BUY"], "Buy"),
                            (trades.core.book.terms.OrderSide["SELL"], "Sell"),
                        ],
                        max_length=4,
                    ),
                ),
                (
                    "method",
                    models.CharField(
                        choices=[
                            ("QUANTITY", "By quantity"),
                            ("PERCENTAGE", "By percentage"),
                            ("PRO_RATA", "Pro rata"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            (trades.core.allocation_lifecycle.AllocationStatus["WAITING"], "Waiting"),
                            (trades.core.allocation_lifecycle.AllocationStatus["APPLIED"], "Applied"),
                            (trades.core.allocation_lifecycle.AllocationStatus["CANCELLED"], "Cancelled"),
                            (trades.core.allocation_lifecycle.AllocationStatus["LAPSED"], "Lapsed"),
                        ],
                        max_length=9,
                    ),
                ),
                ("settlement_date", models.DateField(help_text="The block's; empty until it is applied.", null=True)),
                (
                    "quantity_units",
                    models.BigIntegerField(help_text="The block's; empty until it is applied.", null=True),
                ),
                ("amount_minor", models.BigIntegerField(help_text="The block's, without fees.", null=True)),
                ("fee_minor", models.BigIntegerField(help_text="The block's; below zero: a rebate.", null=True)),
                ("instructed_by", models.CharField(max_length=150)),
                ("instructed_at", models.DateTimeField(help_text="Business time.")),
                ("business_date", models.DateField(help_text="When it was instructed.")),
                ("applied_at", models.DateTimeField(help_text="Business time.", null=True)),
                ("applied_on", models.DateField(help_text="Business date; positions move on it.", null=True)),
                (
                    "ended_at",
                    models.DateTimeField(help_text="When it was cancelled or lapsed. Business time.", null=True),
                ),
                ("ended_on", models.DateField(help_text="Business date.", null=True)),
                ("note", models.TextField(blank=True, help_text="Why it ended, in words.")),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="Wall-clock time."
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        help_text="Where the block stands.",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="ledger.account",
                    ),
                ),
                (
                    "currency",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.currency"
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="allocations",
                        to="trades.order",
                    ),
                ),
                (
                    "participant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.participant"
                    ),
                ),
                (
                    "replaces",
                    models.OneToOneField(
                        help_text="The version before.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="replaced_by",
                        to="trades.allocation",
                    ),
                ),
                (
                    "security",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.security"
                    ),
                ),
                (
                    "trade",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="allocations",
                        to="trades.trade",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="AllocationLine",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "told",
                    models.DecimalField(
                        decimal_places=6, help_text="Units, percent or weight, by the method.", max_digits=24
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.account"
                    ),
                ),
                (
                    "allocation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="lines", to="trades.allocation"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="AllocationShare",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("quantity_units", models.BigIntegerField()),
                ("amount_minor", models.BigIntegerField()),
                ("fee_minor", models.BigIntegerField()),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.account"
                    ),
                ),
                (
                    "allocation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="shares", to="trades.allocation"
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="allocation",
            index=models.Index(condition=models.Q(("status", "WAITING")), fields=["id"], name="allocation_waiting"),
        ),
        migrations.AddIndex(
            model_name="allocation",
            index=models.Index(fields=["applied_on"], name="allocation_applied_on"),
        ),
        migrations.AddIndex(
            model_name="allocation",
            index=models.Index(fields=["ended_on"], name="allocation_ended_on"),
        ),
        migrations.AddIndex(
            model_name="allocation",
            index=models.Index(
                condition=models.Q(("status", "APPLIED")), fields=["settlement_date"], name="allocation_settlement_date"
            ),
        ),
        migrations.AddConstraint(
            model_name="allocation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("order__isnull", True), ("trade__isnull", False)),
                    models.Q(("order__isnull", False), ("trade__isnull", True)),
                    _connector="OR",
                ),
                name="allocation_of_a_trade_or_an_order",
            ),
        ),
        migrations.AddConstraint(
            model_name="allocation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("side__in", [trades.core.book.terms.OrderSide["BUY"], trades.core.book.terms.OrderSide["SELL"]])
                ),
                name="allocation_side",
            ),
        ),
        migrations.AddConstraint(
            model_name="allocation",
            constraint=models.CheckConstraint(
                condition=models.Q(("method__in", ["QUANTITY", "PERCENTAGE", "PRO_RATA"])), name="allocation_method"
            ),
        ),
        migrations.AddConstraint(
            model_name="allocation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "status__in",
                        [
                            trades.core.allocation_lifecycle.AllocationStatus["WAITING"],
                            trades.core.allocation_lifecycle.AllocationStatus["APPLIED"],
                            trades.core.allocation_lifecycle.AllocationStatus["CANCELLED"],
                            trades.core.allocation_lifecycle.AllocationStatus["LAPSED"],
                        ],
                    )
                ),
                name="allocation_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="allocation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("amount_minor__isnull", True),
                        ("applied_at__isnull", True),
                        ("applied_on__isnull", True),
                        ("fee_minor__isnull", True),
                        ("quantity_units__isnull", True),
                        ("settlement_date__isnull", True),
                        models.Q(("status", "APPLIED"), _negated=True),
                    ),
                    models.Q(
                        ("amount_minor__gt", 0),
                        ("amount_minor__lte", 1000000000000000),
                        ("applied_at__isnull", False),
                        ("applied_on__isnull", False),
                        ("fee_minor__isnull", False),
                        ("quantity_units__gt", 0),
                        ("quantity_units__lte", 1000000000000000),
                        ("settlement_date__isnull", False),
                        ("status__in", ["APPLIED", "CANCELLED"]),
                    ),
                    _connector="OR",
                ),
                name="allocation_has_a_block_iff_applied",
            ),
        ),
        migrations.AddConstraint(
            model_name="allocation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("ended_at__isnull", True),
                        ("ended_on__isnull", True),
                        (
                            "status__in",
                            [
                                trades.core.allocation_lifecycle.AllocationStatus["WAITING"],
                                trades.core.allocation_lifecycle.AllocationStatus["APPLIED"],
                            ],
                        ),
                    ),
                    models.Q(
                        ("ended_at__isnull", False),
                        ("ended_on__isnull", False),
                        ("status__in", ["CANCELLED", "LAPSED"]),
                    ),
                    _connector="OR",
                ),
                name="allocation_ended",
            ),
        ),
        migrations.AddConstraint(
            model_name="allocation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("replaces__isnull", True), models.Q(("replaces", models.F("id")), _negated=True), _connector="OR"
                ),
                name="allocation_replaces_another",
            ),
        ),
        migrations.AddConstraint(
            model_name="allocation",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    (
                        "status__in",
                        [
                            trades.core.allocation_lifecycle.AllocationStatus["WAITING"],
                            trades.core.allocation_lifecycle.AllocationStatus["APPLIED"],
                        ],
                    ),
                    ("trade__isnull", False),
                ),
                fields=("trade", "side"),
                name="allocation_one_a_trade_side",
            ),
        ),
        migrations.AddConstraint(
            model_name="allocation",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("order__isnull", False),
                    (
                        "status__in",
                        [
                            trades.core.allocation_lifecycle.AllocationStatus["WAITING"],
                            trades.core.allocation_lifecycle.AllocationStatus["APPLIED"],
                        ],
                    ),
                ),
                fields=("order", "trade_date"),
                name="allocation_one_an_order_and_date",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="allocation",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_allocation_no_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'trades_allocation rows are never deleted' USING ERRCODE = 'restrict_violation';",
                    hash="3555430d527690c7d73f03a5626dff2793a6b5e3",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_trades_allocation_no_delete_2ef9a",
                    table="trades_allocation",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="allocation",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_allocation_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'trades_allocation is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="aaa0c2e5732d688a211e61c671a44a1e6c7a2cda",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_trades_allocation_no_truncate_b9939",
                    table="trades_allocation",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="allocation",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_allocation_legal_step",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.status IS DISTINCT FROM NEW.status AND (OLD.status::text, NEW.status::text) NOT IN (('APPLIED', 'CANCELLED'), ('WAITING', 'APPLIED'), ('WAITING', 'CANCELLED'), ('WAITING', 'LAPSED')))",
                    func="\n            RAISE EXCEPTION 'trades_allocation cannot go from % to %', OLD.status, NEW.status\n                USING ERRCODE = 'check_violation', CONSTRAINT = 'trades_allocation_legal_step';\n        ",
                    hash="c88cdffdb1d11394ec9b10061dc6aca819ad9368",
                    operation='UPDATE OF "status"',
                    pgid="pgtrigger_trades_allocation_legal_step_71314",
                    table="trades_allocation",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="allocation",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_allocation_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'these columns of trades_allocation never change' USING ERRCODE = 'restrict_violation';",
                    hash="098713c313ef54a97f697aff9247971d704cb427",
                    level="STATEMENT",
                    operation='UPDATE OF "public_id", "participant_id", "account_id", "trade_id", "order_id", "trade_date", "side", "security_id", "currency_id", "method", "instructed_by", "instructed_at", "business_date", "replaces_id"',
                    pgid="pgtrigger_trades_allocation_immutable_d7815",
                    table="trades_allocation",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="allocation",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_allocation_block_stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.applied_at IS NOT NULL)",
                    func="RAISE EXCEPTION 'what was applied never changes' USING ERRCODE = 'restrict_violation';",
                    hash="e60253e03f6ea69c270c3871952cc5caa8f5273e",
                    operation='UPDATE OF "settlement_date", "quantity_units", "amount_minor", "fee_minor", "applied_at", "applied_on"',
                    pgid="pgtrigger_trades_allocation_block_stays_a0511",
                    table="trades_allocation",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="allocation",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_allocation_block_is_its_partys",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n    IF NOT EXISTS (\n        SELECT FROM ledger_account a\n        WHERE a.id = NEW.account_id AND a.kind = 'SECURITIES' AND a.participant_id = NEW.participant_id\n    ) OR NOT EXISTS (\n        SELECT FROM trades_trade t\n        WHERE t.id = NEW.trade_id AND t.cleared AND t.side IN (NEW.side, 'BOTH') AND t.trade_date = NEW.trade_date\n          AND NEW.account_id = CASE NEW.side WHEN 'BUY' THEN t.buyer_account_id ELSE t.seller_account_id END\n        UNION ALL\n        SELECT FROM trades_order o WHERE o.id = NEW.order_id AND o.side = NEW.side AND o.account_id = NEW.account_id\n    ) THEN\n        RAISE EXCEPTION 'the block stands in another account, or is not cleared'\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'allocation_block_is_its_partys';\n    END IF;\n    IF EXISTS (\n        SELECT FROM trades_fill f JOIN trades_order o ON o.id = f.order_id\n        WHERE f.trade_id = NEW.trade_id AND o.side = NEW.side\n    ) THEN\n        RAISE EXCEPTION 'an order''s fill is allocated with its order'\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'allocation_fills_go_with_their_order';\n    END IF;\n    RETURN NULL;\n",
                    hash="fe010a2026242f742e59cfedc3f92a1e16cba162",
                    operation="INSERT",
                    pgid="pgtrigger_trades_allocation_block_is_its_partys_e6053",
                    table="trades_allocation",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="allocation",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_allocation_is_whole",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (NEW.status = 'APPLIED')",
                    constraint="CONSTRAINT",
                    func="\n    IF (SELECT (coalesce(sum(s.quantity_units), 0), coalesce(sum(s.amount_minor), 0), coalesce(sum(s.fee_minor), 0))\n        FROM trades_allocationshare s WHERE s.allocation_id = NEW.id)\n        IS DISTINCT FROM (NEW.quantity_units::numeric, NEW.amount_minor::numeric, NEW.fee_minor::numeric) THEN\n        RAISE EXCEPTION 'the shares of allocation % do not add up to its block', NEW.id\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'allocation_is_whole';\n    END IF;\n    IF (SELECT (coalesce(sum(b.quantity_units), 0), coalesce(sum(b.amount_minor), 0), coalesce(sum(b.fee_minor), 0))\n        FROM (\n            SELECT m.quantity_units, m.amount_minor, 0 AS fee_minor FROM trades_match m\n            WHERE NEW.trade_id = CASE NEW.side WHEN 'BUY' THEN m.buy_trade_id ELSE m.sell_trade_id END\n            UNION ALL\n            SELECT f.quantity_units, f.amount_minor, f.fee_minor\n            FROM trades_fill f JOIN trades_trade t ON t.id = f.trade_id\n            WHERE f.order_id = NEW.order_id AND t.trade_date = NEW.trade_date AND t.status <> 'CANCELLED'\n        ) b) IS DISTINCT FROM (NEW.quantity_units::numeric, NEW.amount_minor::numeric, NEW.fee_minor::numeric) THEN\n        RAISE EXCEPTION 'allocation % is not of what was traded', NEW.id\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'allocation_is_of_its_block';\n    END IF;\n    RETURN NULL;\n",
                    hash="d81b90fddaa462793f2278935453828f9f146d80",
                    operation='INSERT OR UPDATE OF "status"',
                    pgid="pgtrigger_trades_allocation_is_whole_80369",
                    table="trades_allocation",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="allocationline",
            constraint=models.UniqueConstraint(fields=("allocation", "account"), name="allocationline_once"),
        ),
        migrations.AddConstraint(
            model_name="allocationline",
            constraint=models.CheckConstraint(condition=models.Q(("told__gt", 0)), name="allocationline_positive"),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="allocationline",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_allocationline_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'trades_allocationline is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="6184bd3837ad28c05b6ea0b15afd0f5cc814090c",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_trades_allocationline_append_only_9ce9e",
                    table="trades_allocationline",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="allocationline",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_allocationline_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'trades_allocationline is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="79047a9d3854d57fac2154cd9fe60582c101b8bf",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_trades_allocationline_no_truncate_87e9d",
                    table="trades_allocationline",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="allocationline",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_allocationline_rows_checked",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n    IF EXISTS (\n        SELECT FROM new_rows n\n        JOIN trades_allocation l ON l.id = n.allocation_id\n        JOIN ledger_account a ON a.id = n.account_id\n        WHERE a.kind <> 'SECURITIES' OR a.participant_id <> l.participant_id\n    ) THEN\n        RAISE EXCEPTION 'a block is allocated to securities accounts of its own party'\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'allocationline_accounts_are_the_partys';\n    END IF;\n RETURN NULL;",
                    hash="ffb78e3476fa99f48e84ad4f6e61a890de99278b",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_trades_allocationline_rows_checked_dae93",
                    referencing="REFERENCING NEW TABLE AS new_rows ",
                    table="trades_allocationline",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="allocationshare",
            constraint=models.UniqueConstraint(fields=("allocation", "account"), name="allocationshare_once"),
        ),
        migrations.AddConstraint(
            model_name="allocationshare",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gte", 0), ("quantity_units__gt", 0)),
                name="allocationshare_at_least_a_unit",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="allocationshare",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_allocationshare_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'trades_allocationshare is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="b4a65c517e0623b3b8e9701253adff3fac0f9932",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_trades_allocationshare_append_only_f9216",
                    table="trades_allocationshare",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="allocationshare",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_allocationshare_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'trades_allocationshare is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="3ef5f8b9e478120f27ea1093420736192869f86e",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_trades_allocationshare_no_truncate_44f7a",
                    table="trades_allocationshare",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="allocationshare",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_allocationshare_rows_checked",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n    IF EXISTS (\n        SELECT FROM new_rows n\n        JOIN trades_allocation l ON l.id = n.allocation_id\n        JOIN ledger_account a ON a.id = n.account_id\n        WHERE a.kind <> 'SECURITIES' OR a.participant_id <> l.participant_id\n    ) THEN\n        RAISE EXCEPTION 'a block is allocated to securities accounts of its own party'\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'allocationshare_accounts_are_the_partys';\n    END IF;\n\n    IF EXISTS (\n        SELECT FROM (SELECT DISTINCT allocation_id FROM new_rows) n\n        JOIN trades_allocation a ON a.id = n.allocation_id\n        CROSS JOIN LATERAL (\n            SELECT sum(quantity_units) AS quantity, sum(amount_minor) AS amount, sum(fee_minor) AS fee\n            FROM trades_allocationshare s WHERE s.allocation_id = a.id\n        ) s\n        WHERE a.status <> 'APPLIED' OR (s.quantity, s.amount, s.fee)\n              IS DISTINCT FROM (a.quantity_units::numeric, a.amount_minor::numeric, a.fee_minor::numeric)\n    ) THEN\n        RAISE EXCEPTION 'the shares do not add up to the block'\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'allocationshare_adds_up';\n    END IF;\n RETURN NULL;",
                    hash="9efe2fea4b1cd4f0363970fafad5d6eb13d68618",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_trades_allocationshare_rows_checked_d28f3",
                    referencing="REFERENCING NEW TABLE AS new_rows ",
                    table="trades_allocationshare",
                    when="AFTER",
                ),
            ),
        ),
    ]
