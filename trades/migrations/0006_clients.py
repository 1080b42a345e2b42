from django.conf import settings
import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0004_balances_moved_once"),
        ("reference", "0004_proposals"),
        ("trades", "0005_checks_planned_anew"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Client",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("code", models.CharField(max_length=20, unique=True)),
                ("name", models.CharField(max_length=120)),
                (
                    "status",
                    models.CharField(
                        choices=[("ACTIVE", "Active"), ("SUSPENDED", "Suspended"), ("CLOSED", "Closed")],
                        default="ACTIVE",
                        max_length=9,
                    ),
                ),
                (
                    "credit_limit_minor",
                    models.BigIntegerField(help_text="The most that open orders and unsettled buys may cost."),
                ),
                (
                    "daily_limit_minor",
                    models.BigIntegerField(help_text="The most that may be ordered in one business day."),
                ),
                (
                    "margin_percent",
                    models.DecimalField(
                        decimal_places=2, default=0, help_text="Cash to be held, of an order's notional.", max_digits=5
                    ),
                ),
                ("short_sale_allowed", models.BooleanField(default=False)),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="Wall-clock time."
                    ),
                ),
                (
                    "broker",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="order_clients",
                        to="reference.participant",
                    ),
                ),
                (
                    "default_currency",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.currency"
                    ),
                ),
                (
                    "limits_proposal",
                    models.OneToOneField(
                        blank=True,
                        help_text="By which approved proposal the limits are what they are; empty: as they were opened.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="reference.proposal",
                    ),
                ),
                (
                    "settlement_account",
                    models.ForeignKey(
                        help_text="A securities account of the broker.",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="ledger.account",
                    ),
                ),
            ],
            options={
                "ordering": ["code"],
            },
        ),
        migrations.CreateModel(
            name="Trader",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("code", models.CharField(max_length=20, unique=True)),
                ("name", models.CharField(max_length=120)),
                ("active", models.BooleanField(default=True)),
                (
                    "broker",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="traders", to="reference.participant"
                    ),
                ),
                (
                    "user",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="trader",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["code"],
            },
        ),
        migrations.AddConstraint(
            model_name="client",
            constraint=models.CheckConstraint(
                condition=models.Q(("code__regex", "^[A-Z0-9][A-Z0-9-]{1,19}$")), name="client_code_shape"
            ),
        ),
        migrations.AddConstraint(
            model_name="client",
            constraint=models.CheckConstraint(
                condition=models.Q(("name", ""), _negated=True), name="client_has_a_name"
            ),
        ),
        migrations.AddConstraint(
            model_name="client",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["ACTIVE", "SUSPENDED", "CLOSED"])), name="client_status"
            ),
        ),
        migrations.AddConstraint(
            model_name="client",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("credit_limit_minor__gte", 0),
                    ("credit_limit_minor__lte", 1000000000000000),
                    ("daily_limit_minor__gte", 0),
                    ("daily_limit_minor__lte", 1000000000000000),
                    ("margin_percent__gte", 0),
                    ("margin_percent__lte", 100),
                ),
                name="client_limits",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="client",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_client_no_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'trades_client rows are never deleted' USING ERRCODE = 'restrict_violation';",
                    hash="fb9944f36cd51c8ab488864f748d7ea9a1ddf7b7",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_trades_client_no_delete_baf7d",
                    table="trades_client",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="client",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_client_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'trades_client is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="d87cd0ec1e3534540ad068e600ee787e4f7036f2",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_trades_client_no_truncate_496eb",
                    table="trades_client",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="client",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_client_legal_step",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.status IS DISTINCT FROM NEW.status AND (OLD.status::text, NEW.status::text) NOT IN (('ACTIVE', 'CLOSED'), ('ACTIVE', 'SUSPENDED'), ('SUSPENDED', 'ACTIVE'), ('SUSPENDED', 'CLOSED')))",
                    func="\n            RAISE EXCEPTION 'trades_client cannot go from % to %', OLD.status, NEW.status\n                USING ERRCODE = 'check_violation', CONSTRAINT = 'trades_client_legal_step';\n        ",
                    hash="e3f14b997713e9213088677624045313a2d848a7",
                    operation='UPDATE OF "status"',
                    pgid="pgtrigger_trades_client_legal_step_65239",
                    table="trades_client",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="client",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_client_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'these columns of trades_client never change' USING ERRCODE = 'restrict_violation';",
                    hash="0d891331cf6e34917f8f317890c3697d7757108e",
                    level="STATEMENT",
                    operation='UPDATE OF "code", "broker_id", "default_currency_id"',
                    pgid="pgtrigger_trades_client_immutable_a0766",
                    table="trades_client",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="client",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_client_account_of_the_broker",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF NOT EXISTS (\n    SELECT FROM reference_participant WHERE id = NEW.broker_id AND role IN ('CLEARING_MEMBER', 'BANK', 'BROKER')) THEN\n    RAISE EXCEPTION 'fmi: participant % serves no clients', NEW.broker_id\n        USING ERRCODE = 'check_violation', CONSTRAINT = 'client_broker_role';\nEND IF;\n\nIF NOT EXISTS (\n    SELECT FROM ledger_account\n    WHERE id = NEW.settlement_account_id AND participant_id = NEW.broker_id AND kind = 'SECURITIES') THEN\n    RAISE EXCEPTION 'fmi: account % is no securities account of the broker', NEW.settlement_account_id\n        USING ERRCODE = 'check_violation', CONSTRAINT = 'client_settlement_account';\nEND IF;\nRETURN NEW;\n",
                    hash="ec00125c45a4976965e994074a77084cb5993fe0",
                    operation='INSERT OR UPDATE OF "broker_id", "settlement_account_id"',
                    pgid="pgtrigger_trades_client_account_of_the_broker_b2109",
                    table="trades_client",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="client",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_client_born_without_proposal",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (NEW.limits_proposal_id IS NOT NULL)",
                    func="RAISE EXCEPTION 'a client is opened without a proposal' USING ERRCODE = 'check_violation';",
                    hash="9635c77c0d8f474cb35e7a947f15764b90083113",
                    operation="INSERT",
                    pgid="pgtrigger_trades_client_born_without_proposal_77d55",
                    table="trades_client",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="client",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_client_limits_changed_by_two",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (ROW(OLD.credit_limit_minor, OLD.daily_limit_minor, OLD.margin_percent, OLD.short_sale_allowed, OLD.limits_proposal_id) IS DISTINCT FROM ROW(NEW.credit_limit_minor, NEW.daily_limit_minor, NEW.margin_percent, NEW.short_sale_allowed, NEW.limits_proposal_id))",
                    func="\nIF coalesce(NEW.limits_proposal_id, 0) <= coalesce(OLD.limits_proposal_id, 0) OR NOT EXISTS (\n    SELECT FROM reference_proposal p\n    WHERE p.id = NEW.limits_proposal_id AND p.kind = 'client-limits' AND p.status = 'APPROVED'\n      AND p.subject_type = 'client' AND p.subject_id = NEW.id\n      AND jsonb_build_object(\n              'credit_limit_minor', OLD.credit_limit_minor, 'daily_limit_minor', OLD.daily_limit_minor,\n              'margin_percent', OLD.margin_percent::text, 'short_sale_allowed', OLD.short_sale_allowed) || p.after\n          = jsonb_build_object(\n              'credit_limit_minor', NEW.credit_limit_minor, 'daily_limit_minor', NEW.daily_limit_minor,\n              'margin_percent', NEW.margin_percent::text, 'short_sale_allowed', NEW.short_sale_allowed)) THEN\n    RAISE EXCEPTION 'fmi: limits of client % change by an approved proposal only', NEW.code\n        USING ERRCODE = 'check_violation', CONSTRAINT = 'client_limits_four_eyes';\nEND IF;\nRETURN NEW;\n",
                    hash="866d53a44c0dbd82cca9c94330d540c3565dc7bf",
                    operation='UPDATE OF "credit_limit_minor", "daily_limit_minor", "margin_percent", "short_sale_allowed", "limits_proposal_id"',
                    pgid="pgtrigger_trades_client_limits_changed_by_two_b4705",
                    table="trades_client",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="client",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_client_closed_for_good",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.status = 'CLOSED')",
                    func="RAISE EXCEPTION 'a closed client never changes' USING ERRCODE = 'check_violation';",
                    hash="dfe00934fd5eb1a823cce23d72876d276c90ea34",
                    operation="UPDATE",
                    pgid="pgtrigger_trades_client_closed_for_good_d87e7",
                    table="trades_client",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="trader",
            constraint=models.CheckConstraint(
                condition=models.Q(("code__regex", "^[A-Z0-9][A-Z0-9-]{1,19}$")), name="trader_code_shape"
            ),
        ),
        migrations.AddConstraint(
            model_name="trader",
            constraint=models.CheckConstraint(
                condition=models.Q(("name", ""), _negated=True), name="trader_has_a_name"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="trader",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_trader_no_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'trades_trader rows are never deleted' USING ERRCODE = 'restrict_violation';",
                    hash="9cb0ef2737573c2226d32eb7bed1735bac0ff679",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_trades_trader_no_delete_da546",
                    table="trades_trader",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="trader",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_trader_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'trades_trader is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="bd962171e7f8fbbc693244f3c45e2ed30542cfc5",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_trades_trader_no_truncate_33cbf",
                    table="trades_trader",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="trader",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_trader_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'these columns of trades_trader never change' USING ERRCODE = 'restrict_violation';",
                    hash="8dbf967d67b1dd852bfd04179fddd037f30e306c",
                    level="STATEMENT",
                    operation='UPDATE OF "code", "broker_id"',
                    pgid="pgtrigger_trades_trader_immutable_b6461",
                    table="trades_trader",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="trader",
            trigger=pgtrigger.compiler.Trigger(
                name="trades_trader_user_of_the_broker",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF NOT EXISTS (\n    SELECT FROM reference_participant WHERE id = NEW.broker_id AND role IN ('CLEARING_MEMBER', 'BANK', 'BROKER')) THEN\n    RAISE EXCEPTION 'fmi: participant % serves no clients', NEW.broker_id\n        USING ERRCODE = 'check_violation', CONSTRAINT = 'trader_broker_role';\nEND IF;\n\nIF NEW.user_id IS NOT NULL AND NOT EXISTS (\n    SELECT FROM reference_membership WHERE user_id = NEW.user_id AND participant_id = NEW.broker_id) THEN\n    RAISE EXCEPTION 'fmi: the login of trader % acts for another than its broker', NEW.code\n        USING ERRCODE = 'check_violation', CONSTRAINT = 'trader_user_of_the_broker';\nEND IF;\nRETURN NEW;\n",
                    hash="1a07d806b09377922a7fb74125aaa19e6eafa56e",
                    operation='INSERT OR UPDATE OF "user_id", "broker_id"',
                    pgid="pgtrigger_trades_trader_user_of_the_broker_96fbd",
                    table="trades_trader",
                    when="BEFORE",
                ),
            ),
        ),
    ]
