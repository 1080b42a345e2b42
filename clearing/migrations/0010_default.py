import clearing.core.default_lifecycle
import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("clearing", "0009_stress"),
        ("ledger", "0004_balances_moved_once"),
        ("reference", "0003_issuer_sector"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuctionLot",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("number", models.SmallIntegerField()),
                ("name", models.CharField(max_length=80)),
                ("worth_minor", models.BigIntegerField()),
                ("gross_minor", models.BigIntegerField(help_text="Sum of the absolute market values.")),
                (
                    "reserve_minor",
                    models.BigIntegerField(help_text="The most the CCP pays; empty: whatever is asked.", null=True),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[("DRAFT", "Draft"), ("OPEN", "Open"), ("SOLD", "Sold"), ("UNSOLD", "Unsold")],
                        default="DRAFT",
                        max_length=6,
                    ),
                ),
                ("opened_at", models.DateTimeField(help_text="Business time.", null=True)),
                ("deadline", models.DateTimeField(help_text="Business time; until then bids are sealed.", null=True)),
                ("closed_at", models.DateTimeField(help_text="Business time.", null=True)),
                (
                    "currency",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.currency"
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="Bid",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "price_minor",
                    models.BigIntegerField(help_text="What it wants to be paid to take the lot; negative: it pays."),
                ),
                ("made_by", models.CharField(max_length=150)),
                ("at", models.DateTimeField(help_text="Business time.")),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="Wall-clock time."
                    ),
                ),
                (
                    "lot",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="bids", to="clearing.auctionlot"
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.participant"
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.AddField(
            model_name="auctionlot",
            name="winning_bid",
            field=models.OneToOneField(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="won", to="clearing.bid"
            ),
        ),
        migrations.CreateModel(
            name="DefaultCase",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("reason", models.CharField(max_length=400)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("PROPOSED", "Proposed"),
                            ("WITHDRAWN", "Withdrawn"),
                            ("DECLARED", "Declared"),
                            ("SUSPENDED", "Suspended"),
                            ("AUCTION", "Auction"),
                            ("TRANSFERRED", "Transferred"),
                            ("ALLOCATED", "Allocated"),
                            ("CLOSED", "Closed"),
                        ],
                        default="PROPOSED",
                        max_length=11,
                    ),
                ),
                (
                    "juniorise",
                    models.BooleanField(
                        help_text="Contributions of members that bid poorly or not at all are used before the others'."
                    ),
                ),
                (
                    "assessment_percent",
                    models.IntegerField(help_text="Cap of each survivor's assessment, of its contribution."),
                ),
                ("proposed_by", models.CharField(max_length=150)),
                ("proposed_at", models.DateTimeField(help_text="Business time.")),
                ("declared_by", models.CharField(blank=True, max_length=150)),
                ("declared_at", models.DateTimeField(help_text="Business time.", null=True)),
                ("closed_at", models.DateTimeField(help_text="Business time.", null=True)),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="Wall-clock time."
                    ),
                ),
                (
                    "margin_run",
                    models.ForeignKey(
                        help_text="The last run in which it still paid and received variation margin.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="clearing.marginrun",
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="default_cases",
                        to="reference.participant",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="CaseStep",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("action", models.CharField(max_length=20)),
                ("status", models.CharField(help_text="Where the case stood afterwards.", max_length=11)),
                ("summary", models.CharField(max_length=400)),
                ("done_by", models.CharField(max_length=150)),
                ("at", models.DateTimeField(help_text="Business time.")),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="Wall-clock time."
                    ),
                ),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="steps", to="clearing.defaultcase"
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="CaseMovement",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("VARIATION", "Variation margin that it did not pay"),
                            ("PRICE", "Price of an auctioned lot"),
                            ("HEDGE", "Hedge of its positions"),
                            ("WORTH", "Worth of positions that another member takes over"),
                            ("COLLATERAL", "Sale of its collateral"),
                            ("PORT", "Margin of a client that is ported"),
                            ("GAIN", "What closing out brought, to its estate"),
                            ("RETURN", "What was not needed, to its estate"),
                            ("SKIN", "Own resources filled up again"),
                        ],
                        max_length=10,
                    ),
                ),
                ("amount_minor", models.BigIntegerField()),
                ("text", models.CharField(blank=True, max_length=200)),
                ("at", models.DateTimeField(help_text="Business time.")),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="Wall-clock time."
                    ),
                ),
                (
                    "currency",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.currency"
                    ),
                ),
                (
                    "lot",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="movements",
                        to="clearing.auctionlot",
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        help_text="Who is paid or pays.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="reference.participant",
                    ),
                ),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="movements", to="clearing.defaultcase"
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="CaseHedge",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("quantity_units", models.BigIntegerField(help_text="Positive: bought; negative: sold.")),
                (
                    "cost_minor",
                    models.BigIntegerField(help_text="Its result: positive, it cost so much; negative, it brought it."),
                ),
                ("entered_by", models.CharField(max_length=150)),
                ("at", models.DateTimeField(help_text="Business time.")),
                (
                    "counterparty",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.participant"
                    ),
                ),
                (
                    "currency",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.currency"
                    ),
                ),
                (
                    "security",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.security"
                    ),
                ),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="hedges", to="clearing.defaultcase"
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="CaseCall",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "call",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="default_call",
                        to="clearing.margincall",
                    ),
                ),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="calls", to="clearing.defaultcase"
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="auctionlot",
            name="case",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="lots", to="clearing.defaultcase"
            ),
        ),
        migrations.CreateModel(
            name="DefaultDrill",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("inputs", models.JSONField(help_text="What the drill assumed.")),
                ("outcome", models.JSONField(help_text="Each step, and the waterfall.")),
                ("played_by", models.CharField(max_length=150)),
                ("at", models.DateTimeField(help_text="Business time.")),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="Wall-clock time."
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.participant"
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="LotPosition",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("quantity_units", models.BigIntegerField(help_text="Positive: to be received.")),
                ("cash_minor", models.BigIntegerField(help_text="Positive: to be received.")),
                ("mark_minor", models.BigIntegerField(help_text="Market value of the quantity.")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.account"
                    ),
                ),
                (
                    "lot",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="positions", to="clearing.auctionlot"
                    ),
                ),
                (
                    "security",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.security"
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="Porting",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "status",
                    models.CharField(
                        choices=[("OFFERED", "Offered"), ("PORTED", "Ported"), ("REFUSED", "Refused")],
                        default="OFFERED",
                        max_length=7,
                    ),
                ),
                ("offered_by", models.CharField(max_length=150)),
                ("offered_at", models.DateTimeField(help_text="Business time.")),
                ("answered_by", models.CharField(blank=True, max_length=150)),
                ("answered_at", models.DateTimeField(help_text="Business time.", null=True)),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="portings", to="clearing.defaultcase"
                    ),
                ),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.participant"
                    ),
                ),
                (
                    "to_member",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.participant"
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="WaterfallUse",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "layer",
                    models.SmallIntegerField(
                        choices=[
                            (1, "Defaulter's margin"),
                            (2, "Defaulter's fund contribution"),
                            (3, "CCP's dedicated own resources"),
                            (4, "Survivors' fund contributions, juniorised"),
                            (5, "Survivors' fund contributions"),
                            (6, "Assessments of the survivors"),
                            (7, "CCP's equity"),
                        ]
                    ),
                ),
                ("available_minor", models.BigIntegerField()),
                ("used_minor", models.BigIntegerField()),
                ("at", models.DateTimeField(help_text="Business time.")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.account"
                    ),
                ),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="uses", to="clearing.defaultcase"
                    ),
                ),
                (
                    "currency",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.currency"
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="reference.participant",
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="bid",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_bid_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'clearing_bid is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="aa5fa7952888015a1a15cd58b4dbdd7aaa55c5b2",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_clearing_bid_append_only_1727c",
                    table="clearing_bid",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="bid",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_bid_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'clearing_bid is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="ce585dc4a74f9b6015278bd86bab0090d1927be2",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_clearing_bid_no_truncate_8a11c",
                    table="clearing_bid",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="bid",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_bid_in_time",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE lot record;",
                    func="\n    SELECT l.status, l.opened_at, l.deadline, c.member_id INTO lot\n    FROM clearing_auctionlot l JOIN clearing_defaultcase c ON c.id = l.case_id WHERE l.id = NEW.lot_id\n    FOR SHARE OF l;\n    IF lot.status IS DISTINCT FROM 'OPEN' OR NEW.at > lot.deadline OR NEW.at < lot.opened_at\n       OR EXISTS (SELECT 1 FROM reference_businessclock WHERE at > lot.deadline) THEN\n        RAISE EXCEPTION 'a bid is made while its lot is open' USING ERRCODE = 'check_violation',\n            CONSTRAINT = 'bid_in_time';\n    END IF;\n    IF NEW.member_id = lot.member_id OR NOT EXISTS (\n        SELECT 1 FROM clearing_membership m WHERE m.member_id = NEW.member_id AND m.status = 'ACTIVE'\n    ) THEN\n        RAISE EXCEPTION 'an active member bids, not the defaulter' USING ERRCODE = 'check_violation',\n            CONSTRAINT = 'bid_of_an_active_member';\n    END IF;\n    RETURN NEW;\n",
                    hash="3a75ef60adbb6bd0bb376a727893234ec856d846",
                    operation="INSERT",
                    pgid="pgtrigger_clearing_bid_in_time_0aaad",
                    table="clearing_bid",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="defaultcase",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status__in", ["WITHDRAWN", "CLOSED"]), _negated=True),
                fields=("member",),
                name="defaultcase_one_a_member",
            ),
        ),
        migrations.AddConstraint(
            model_name="defaultcase",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "status__in",
                        [
                            clearing.core.default_lifecycle.CaseStatus["PROPOSED"],
                            clearing.core.default_lifecycle.CaseStatus["WITHDRAWN"],
                            clearing.core.default_lifecycle.CaseStatus["DECLARED"],
                            clearing.core.default_lifecycle.CaseStatus["SUSPENDED"],
                            clearing.core.default_lifecycle.CaseStatus["AUCTION"],
                            clearing.core.default_lifecycle.CaseStatus["TRANSFERRED"],
                            clearing.core.default_lifecycle.CaseStatus["ALLOCATED"],
                            clearing.core.default_lifecycle.CaseStatus["CLOSED"],
                        ],
                    )
                ),
                name="defaultcase_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="defaultcase",
            constraint=models.CheckConstraint(
                condition=models.Q(("proposed_by", models.F("declared_by")), _negated=True),
                name="defaultcase_four_eyes",
            ),
        ),
        migrations.AddConstraint(
            model_name="defaultcase",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("reason", ""), _negated=True), models.Q(("proposed_by", ""), _negated=True)
                ),
                name="defaultcase_said_why_by_whom",
            ),
        ),
        migrations.AddConstraint(
            model_name="defaultcase",
            constraint=models.CheckConstraint(
                condition=models.Q(("assessment_percent__gte", 0), ("assessment_percent__lte", 1000)),
                name="defaultcase_cap",
            ),
        ),
        migrations.AddConstraint(
            model_name="defaultcase",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("declared_at", None), ("declared_by", ""), ("status__in", ["PROPOSED", "WITHDRAWN"])),
                    models.Q(
                        ("declared_at__isnull", False),
                        models.Q(("status__in", ["PROPOSED", "WITHDRAWN"]), _negated=True),
                        models.Q(("declared_by", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="defaultcase_declared_by_someone",
            ),
        ),
        migrations.AddConstraint(
            model_name="defaultcase",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("closed_at__isnull", False), ("status", "CLOSED")),
                    models.Q(models.Q(("status", "CLOSED"), _negated=True), ("closed_at", None)),
                    _connector="OR",
                ),
                name="defaultcase_closed_at",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="defaultcase",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_defaultcase_no_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'clearing_defaultcase rows are never deleted' USING ERRCODE = 'restrict_violation';",
                    hash="096eea776e7db9f88d5e4991a0261ebe35f7c3be",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_clearing_defaultcase_no_delete_15e84",
                    table="clearing_defaultcase",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="defaultcase",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_defaultcase_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'clearing_defaultcase is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="44e03a2093979fa650babcfdd4ec950fe572d0db",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_clearing_defaultcase_no_truncate_521e8",
                    table="clearing_defaultcase",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="defaultcase",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_defaultcase_legal_step",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.status IS DISTINCT FROM NEW.status AND (OLD.status::text, NEW.status::text) NOT IN (('ALLOCATED', 'CLOSED'), ('AUCTION', 'SUSPENDED'), ('AUCTION', 'TRANSFERRED'), ('DECLARED', 'SUSPENDED'), ('PROPOSED', 'DECLARED'), ('PROPOSED', 'WITHDRAWN'), ('SUSPENDED', 'AUCTION'), ('SUSPENDED', 'TRANSFERRED'), ('TRANSFERRED', 'ALLOCATED')))",
                    func="\n            RAISE EXCEPTION 'clearing_defaultcase cannot go from % to %', OLD.status, NEW.status\n                USING ERRCODE = 'check_violation', CONSTRAINT = 'clearing_defaultcase_legal_step';\n        ",
                    hash="160756cb2ecda8690637735705369cfea51543c6",
                    operation='UPDATE OF "status"',
                    pgid="pgtrigger_clearing_defaultcase_legal_step_c1d10",
                    table="clearing_defaultcase",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="defaultcase",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_defaultcase_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'these columns of clearing_defaultcase never change' USING ERRCODE = 'restrict_violation';",
                    hash="97e1c77414ea1162e4a90b70ac0e636078252a16",
                    level="STATEMENT",
                    operation='UPDATE OF "member_id", "reason", "juniorise", "assessment_percent", "proposed_by", "proposed_at"',
                    pgid="pgtrigger_clearing_defaultcase_immutable_ebf00",
                    table="clearing_defaultcase",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="defaultcase",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_defaultcase_born_proposed",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (NEW.status <> 'PROPOSED')",
                    func="RAISE EXCEPTION 'a default case begins PROPOSED' USING ERRCODE = 'check_violation';",
                    hash="9dae298b1a3b957078b64d20e127287d545d6f86",
                    operation="INSERT",
                    pgid="pgtrigger_clearing_defaultcase_born_proposed_0482e",
                    table="clearing_defaultcase",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="defaultcase",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_defaultcase_declared_once",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.declared_at IS NOT NULL AND (OLD.declared_by, OLD.declared_at) IS DISTINCT FROM (NEW.declared_by, NEW.declared_at) OR OLD.margin_run_id IS NOT NULL AND OLD.margin_run_id IS DISTINCT FROM NEW.margin_run_id)",
                    func="\n    RAISE EXCEPTION 'a default is declared once' USING ERRCODE = 'check_violation',\n        CONSTRAINT = 'defaultcase_declared_once';\n",
                    hash="f372e625f3e162b8fdd2e64f91427c40f8a72024",
                    operation='UPDATE OF "declared_by", "declared_at", "margin_run_id"',
                    pgid="pgtrigger_clearing_defaultcase_declared_once_8ead1",
                    table="clearing_defaultcase",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="defaultcase",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_defaultcase_allocated_in_order",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.status <> NEW.status AND NEW.status = 'ALLOCATED')",
                    func="\n    IF EXISTS (\n        SELECT 1 FROM (\n            SELECT currency_id, greatest(sum(amount_minor), 0) AS lost FROM clearing_casemovement\n            WHERE case_id = NEW.id AND kind IN ('VARIATION', 'PRICE', 'HEDGE') GROUP BY currency_id\n        ) m\n        FULL JOIN (\n            SELECT currency_id, sum(used_minor) AS borne FROM clearing_waterfalluse\n            WHERE case_id = NEW.id GROUP BY currency_id\n        ) u USING (currency_id)\n        WHERE coalesce(m.lost, 0) <> coalesce(u.borne, 0)\n    ) THEN\n        RAISE EXCEPTION 'default case %: what the layers bear is not what it lost', NEW.id\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'defaultcase_losses_borne';\n    END IF;\n    IF EXISTS (\n        SELECT 1 FROM clearing_waterfalluse above\n        JOIN clearing_waterfalluse below USING (case_id, currency_id)\n        WHERE case_id = NEW.id AND above.layer < below.layer\n          AND above.used_minor < above.available_minor AND below.used_minor > 0\n    ) THEN\n        RAISE EXCEPTION 'default case %: a layer bears losses before those above it are used up', NEW.id\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'defaultcase_order_respected';\n    END IF;\n    RETURN NULL;\n",
                    hash="ee37efc850ae0ca05cf0495dc04d2d450e0bc980",
                    operation='UPDATE OF "status"',
                    pgid="pgtrigger_clearing_defaultcase_allocated_in_order_63eba",
                    table="clearing_defaultcase",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="casestep",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "status__in",
                        [
                            clearing.core.default_lifecycle.CaseStatus["PROPOSED"],
                            clearing.core.default_lifecycle.CaseStatus["WITHDRAWN"],
                            clearing.core.default_lifecycle.CaseStatus["DECLARED"],
                            clearing.core.default_lifecycle.CaseStatus["SUSPENDED"],
                            clearing.core.default_lifecycle.CaseStatus["AUCTION"],
                            clearing.core.default_lifecycle.CaseStatus["TRANSFERRED"],
                            clearing.core.default_lifecycle.CaseStatus["ALLOCATED"],
                            clearing.core.default_lifecycle.CaseStatus["CLOSED"],
                        ],
                    )
                ),
                name="casestep_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="casestep",
            constraint=models.CheckConstraint(
                condition=models.Q(models.Q(("done_by", ""), _negated=True), models.Q(("summary", ""), _negated=True)),
                name="casestep_says_what_by_whom",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="casestep",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_casestep_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'clearing_casestep is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="6f2361cd881aacb1a9378fe89d54db7d2e165c8f",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_clearing_casestep_append_only_a2c8c",
                    table="clearing_casestep",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="casestep",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_casestep_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'clearing_casestep is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="6352ac918976892c810c3a35f7a54cc35a888f05",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_clearing_casestep_no_truncate_a18d0",
                    table="clearing_casestep",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="casemovement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        ["VARIATION", "PRICE", "HEDGE", "WORTH", "COLLATERAL", "PORT", "GAIN", "RETURN", "SKIN"],
                    )
                ),
                name="casemovement_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="casemovement",
            constraint=models.CheckConstraint(
                condition=models.Q(models.Q(("amount_minor", 0), _negated=True), ("kind", "RETURN"), _connector="OR"),
                name="casemovement_moves_something",
            ),
        ),
        migrations.AddConstraint(
            model_name="casemovement",
            constraint=models.UniqueConstraint(
                condition=models.Q(("lot__isnull", False)), fields=("lot", "kind"), name="casemovement_lot_settled_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="casemovement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind__in", ["PRICE", "WORTH"]), ("lot__isnull", False), ("member__isnull", False)),
                    models.Q(
                        ("kind__in", ["HEDGE", "COLLATERAL", "PORT", "GAIN", "RETURN"]),
                        ("lot", None),
                        ("member__isnull", False),
                    ),
                    models.Q(("kind__in", ["VARIATION", "SKIN"]), ("lot", None), ("member", None)),
                    _connector="OR",
                ),
                name="casemovement_fits_its_kind",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="casemovement",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_casemovement_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'clearing_casemovement is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="2a7a85b09d4411ff7d58fe6e0b3a784878a01f6d",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_clearing_casemovement_append_only_2588e",
                    table="clearing_casemovement",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="casemovement",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_casemovement_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'clearing_casemovement is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="9c35c7a146cdb44f416038bc0293cee007f2b102",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_clearing_casemovement_no_truncate_8e500",
                    table="clearing_casemovement",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="casemovement",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_casemovement_while_open",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n    IF EXISTS (\n        SELECT 1 FROM new_rows n JOIN clearing_defaultcase c ON c.id = n.case_id\n        WHERE c.status IN ('PROPOSED', 'WITHDRAWN', 'CLOSED')\n           OR n.kind IN ('VARIATION', 'PRICE', 'HEDGE') AND c.status IN ('ALLOCATED')\n    ) THEN\n        RAISE EXCEPTION 'money moves for a declared default, and costs arise before they are allocated'\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'casemovement_while_open';\n    END IF;\n    RETURN NULL;\n",
                    hash="772c1d79d65bf596b46a0dffcb4718874f774913",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_clearing_casemovement_while_open_b6976",
                    referencing="REFERENCING NEW TABLE AS new_rows ",
                    table="clearing_casemovement",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="casemovement",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_casemovement_posted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    constraint="CONSTRAINT",
                    func="\n    IF NOT EXISTS (\n        SELECT 1 FROM ledger_journalentry e\n        JOIN ledger_posting p ON p.entry_id = e.id AND (p.amount = NEW.amount_minor AND p.asset_id = NEW.currency_id OR NEW.amount_minor = 0)\n        WHERE e.source = 'DEFAULT' AND e.source_id = NEW.id\n    ) THEN\n        RAISE EXCEPTION 'movement of a default % has no journal entry', NEW.id\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'casemovement_posted';\n    END IF;\n    RETURN NULL;\n",
                    hash="45c3bc1fb1e2b685b4fdbab621c48f6ed3645f56",
                    operation="INSERT",
                    pgid="pgtrigger_clearing_casemovement_posted_6a48d",
                    table="clearing_casemovement",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="casehedge",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity_units", 0), _negated=True), name="casehedge_of_something"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="casehedge",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_casehedge_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'clearing_casehedge is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="b7cadd3c8c1c26713188fc6bf4a99c5aa6d0b10f",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_clearing_casehedge_append_only_111a3",
                    table="clearing_casehedge",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="casehedge",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_casehedge_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'clearing_casehedge is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="3a6878d12ee88484fc584ba53e19a65b9497b191",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_clearing_casehedge_no_truncate_879c1",
                    table="clearing_casehedge",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="casecall",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_casecall_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'clearing_casecall is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="a88fe921be0e978fafcb21fc8c8a968e686eecba",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_clearing_casecall_append_only_df90b",
                    table="clearing_casecall",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="casecall",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_casecall_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'clearing_casecall is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="8b4852edc1f00f8175f0227baaffb453a28edbff",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_clearing_casecall_no_truncate_57d82",
                    table="clearing_casecall",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="auctionlot",
            constraint=models.UniqueConstraint(fields=("case", "number"), name="auctionlot_number"),
        ),
        migrations.AddConstraint(
            model_name="auctionlot",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "status__in",
                        [
                            clearing.core.default_lifecycle.LotStatus["DRAFT"],
                            clearing.core.default_lifecycle.LotStatus["OPEN"],
                            clearing.core.default_lifecycle.LotStatus["SOLD"],
                            clearing.core.default_lifecycle.LotStatus["UNSOLD"],
                        ],
                    )
                ),
                name="auctionlot_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="auctionlot",
            constraint=models.CheckConstraint(condition=models.Q(("gross_minor__gte", 0)), name="auctionlot_gross"),
        ),
        migrations.AddConstraint(
            model_name="auctionlot",
            constraint=models.CheckConstraint(
                condition=models.Q(("deadline__gte", models.F("opened_at"))), name="auctionlot_open_for_a_while"
            ),
        ),
        migrations.AddConstraint(
            model_name="auctionlot",
            constraint=models.CheckConstraint(
                condition=models.Q(("closed_at__gte", models.F("deadline"))), name="auctionlot_closed_after_deadline"
            ),
        ),
        migrations.AddConstraint(
            model_name="auctionlot",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("closed_at", None),
                        ("deadline", None),
                        ("opened_at", None),
                        ("status", "DRAFT"),
                        ("winning_bid", None),
                    ),
                    models.Q(
                        ("closed_at", None),
                        ("deadline__isnull", False),
                        ("opened_at__isnull", False),
                        ("status", "OPEN"),
                        ("winning_bid", None),
                    ),
                    models.Q(
                        ("closed_at__isnull", False),
                        ("deadline__isnull", False),
                        ("opened_at__isnull", False),
                        ("status", "UNSOLD"),
                        ("winning_bid", None),
                    ),
                    models.Q(
                        ("closed_at__isnull", False),
                        ("deadline__isnull", False),
                        ("opened_at__isnull", False),
                        ("status", "SOLD"),
                        ("winning_bid__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="auctionlot_is_as_it_says",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="auctionlot",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_auctionlot_no_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'clearing_auctionlot rows are never deleted' USING ERRCODE = 'restrict_violation';",
                    hash="95721d56f4be56910422ffa12b4ed009a3b91e9e",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_clearing_auctionlot_no_delete_8e77f",
                    table="clearing_auctionlot",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="auctionlot",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_auctionlot_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'clearing_auctionlot is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="aa304037421a74ee61d5586ced7af313b48eddf5",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_clearing_auctionlot_no_truncate_2d981",
                    table="clearing_auctionlot",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="auctionlot",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_auctionlot_legal_step",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.status IS DISTINCT FROM NEW.status AND (OLD.status::text, NEW.status::text) NOT IN (('DRAFT', 'OPEN'), ('OPEN', 'SOLD'), ('OPEN', 'UNSOLD')))",
                    func="\n            RAISE EXCEPTION 'clearing_auctionlot cannot go from % to %', OLD.status, NEW.status\n                USING ERRCODE = 'check_violation', CONSTRAINT = 'clearing_auctionlot_legal_step';\n        ",
                    hash="7b65d364f7fe0e2846f685f5894f45064cff7211",
                    operation='UPDATE OF "status"',
                    pgid="pgtrigger_clearing_auctionlot_legal_step_3420d",
                    table="clearing_auctionlot",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="auctionlot",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_auctionlot_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'these columns of clearing_auctionlot never change' USING ERRCODE = 'restrict_violation';",
                    hash="c2d7872882506f99af666333aaa716c879cf3324",
                    level="STATEMENT",
                    operation='UPDATE OF "case_id", "number", "currency_id", "name", "worth_minor", "gross_minor"',
                    pgid="pgtrigger_clearing_auctionlot_immutable_225d8",
                    table="clearing_auctionlot",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="auctionlot",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_auctionlot_terms_once_open",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.status <> 'DRAFT' AND (OLD.opened_at, OLD.deadline, OLD.reserve_minor) IS DISTINCT FROM (NEW.opened_at, NEW.deadline, NEW.reserve_minor) OR OLD.status IN ('SOLD', 'UNSOLD'))",
                    func="RAISE EXCEPTION 'the terms of a lot that is offered never change' USING ERRCODE = 'check_violation', CONSTRAINT = 'auctionlot_terms_once_open';",
                    hash="e673077876cd2e6aedee3368643df7048b4892ff",
                    operation='UPDATE OF "opened_at", "deadline", "reserve_minor", "winning_bid_id", "closed_at"',
                    pgid="pgtrigger_clearing_auctionlot_terms_once_open_191aa",
                    table="clearing_auctionlot",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="auctionlot",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_auctionlot_sold_to_its_best_bid",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (NEW.status = 'SOLD')",
                    func="\n    IF NOT EXISTS (\n        SELECT 1 FROM clearing_bid b WHERE b.id = NEW.winning_bid_id AND b.lot_id = NEW.id\n          AND (NEW.reserve_minor IS NULL OR b.price_minor <= NEW.reserve_minor)\n          AND NOT EXISTS (SELECT 1 FROM clearing_bid r\n                          WHERE r.lot_id = b.lot_id AND r.member_id = b.member_id AND r.id > b.id)\n          AND NOT EXISTS (\n              SELECT 1 FROM (SELECT DISTINCT ON (member_id) id, price_minor, at FROM clearing_bid\n                             WHERE lot_id = NEW.id ORDER BY member_id, id DESC) o\n              WHERE (o.price_minor, o.at, o.id) < (b.price_minor, b.at, b.id))\n    ) THEN\n        RAISE EXCEPTION 'lot % is sold to its best bid', NEW.id\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'auctionlot_sold_to_its_best_bid';\n    END IF;\n    RETURN NULL;\n",
                    hash="7b5e95f86eea58961a6bafeb558d969bc41c8437",
                    operation='UPDATE OF "status"',
                    pgid="pgtrigger_clearing_auctionlot_sold_to_its_best_bid_0866d",
                    table="clearing_auctionlot",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="auctionlot",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_auctionlot_born_draft",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (NEW.status <> 'DRAFT')",
                    func="RAISE EXCEPTION 'a lot begins as a draft' USING ERRCODE = 'check_violation';",
                    hash="7526fb67db23cf0462bf7691152e696a8e7a075f",
                    operation="INSERT",
                    pgid="pgtrigger_clearing_auctionlot_born_draft_51269",
                    table="clearing_auctionlot",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="defaultdrill",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_defaultdrill_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'clearing_defaultdrill is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="1cb1822eb9549636737ff5bfe65e975376c2077a",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_clearing_defaultdrill_append_only_ad91f",
                    table="clearing_defaultdrill",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="defaultdrill",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_defaultdrill_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'clearing_defaultdrill is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="d6e96414d2c802cfae3207c9feb30b172e8e25f1",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_clearing_defaultdrill_no_truncate_d5431",
                    table="clearing_defaultdrill",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="lotposition",
            constraint=models.UniqueConstraint(fields=("lot", "account", "security"), name="lotposition_once"),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="lotposition",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_lotposition_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'clearing_lotposition is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="3c0b89815e2edf989ffe6a97c60b5f74805a2844",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_clearing_lotposition_append_only_542e1",
                    table="clearing_lotposition",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="lotposition",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_lotposition_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'clearing_lotposition is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="bfe98a618796b1948be8908db2fab968a9e2be9e",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_clearing_lotposition_no_truncate_6be28",
                    table="clearing_lotposition",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="lotposition",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_lotposition_cut_in_draft",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n    IF EXISTS (\n        SELECT 1 FROM new_rows n JOIN clearing_auctionlot l ON l.id = n.lot_id\n        JOIN clearing_defaultcase c ON c.id = l.case_id\n        JOIN ledger_account a ON a.id = n.account_id JOIN reference_participant p ON p.id = a.participant_id\n        WHERE l.status <> 'DRAFT' OR a.kind <> 'SECURITIES' OR c.member_id NOT IN (p.id, p.clearing_member_id)\n    ) THEN\n        RAISE EXCEPTION 'a lot is cut of what clears through the defaulter, before it is offered'\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'lotposition_cut_in_draft';\n    END IF;\n    RETURN NULL;\n",
                    hash="e80027ae16ebc203c9a237f27e3bd2451c6c0174",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_clearing_lotposition_cut_in_draft_260f7",
                    referencing="REFERENCING NEW TABLE AS new_rows ",
                    table="clearing_lotposition",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="porting",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "REFUSED"), _negated=True),
                fields=("case", "client"),
                name="porting_one_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="porting",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["OFFERED", "PORTED", "REFUSED"])), name="porting_status"
            ),
        ),
        migrations.AddConstraint(
            model_name="porting",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("answered_at", None), ("answered_by", ""), ("status", "OFFERED")),
                    models.Q(
                        ("answered_at__isnull", False),
                        models.Q(("status", "OFFERED"), _negated=True),
                        models.Q(("answered_by", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="porting_answered_by_someone",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="porting",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_porting_no_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'clearing_porting rows are never deleted' USING ERRCODE = 'restrict_violation';",
                    hash="ea801d683592a79a5d00e1b7f709726b23490018",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_clearing_porting_no_delete_a8a48",
                    table="clearing_porting",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="porting",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_porting_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'clearing_porting is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="345720abcc0c77e76b7de0c04a8ca84fca94dc2e",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_clearing_porting_no_truncate_745a7",
                    table="clearing_porting",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="porting",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_porting_legal_step",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.status IS DISTINCT FROM NEW.status AND (OLD.status::text, NEW.status::text) NOT IN (('OFFERED', 'PORTED'), ('OFFERED', 'REFUSED')))",
                    func="\n            RAISE EXCEPTION 'clearing_porting cannot go from % to %', OLD.status, NEW.status\n                USING ERRCODE = 'check_violation', CONSTRAINT = 'clearing_porting_legal_step';\n        ",
                    hash="90ccda0c32efef94059a51aaf5b7d1457177dfb6",
                    operation='UPDATE OF "status"',
                    pgid="pgtrigger_clearing_porting_legal_step_f96cd",
                    table="clearing_porting",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="porting",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_porting_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'these columns of clearing_porting never change' USING ERRCODE = 'restrict_violation';",
                    hash="951a5050b6fb41a6b286fcc8be1863790af4a03c",
                    level="STATEMENT",
                    operation='UPDATE OF "case_id", "client_id", "to_member_id", "offered_by", "offered_at"',
                    pgid="pgtrigger_clearing_porting_immutable_8916d",
                    table="clearing_porting",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="waterfalluse",
            constraint=models.UniqueConstraint(
                fields=("case", "currency", "layer", "member"), name="waterfalluse_once", nulls_distinct=False
            ),
        ),
        migrations.AddConstraint(
            model_name="waterfalluse",
            constraint=models.CheckConstraint(
                condition=models.Q(("layer__in", [1, 2, 3, 4, 5, 6, 7])), name="waterfalluse_layer"
            ),
        ),
        migrations.AddConstraint(
            model_name="waterfalluse",
            constraint=models.CheckConstraint(
                condition=models.Q(("used_minor__gte", 0), ("used_minor__lte", models.F("available_minor"))),
                name="waterfalluse_no_more_than_there_is",
            ),
        ),
        migrations.AddConstraint(
            model_name="waterfalluse",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("layer__in", [3, 7]), ("member", None)),
                    models.Q(models.Q(("layer__in", [3, 7]), _negated=True), ("member__isnull", False)),
                    _connector="OR",
                ),
                name="waterfalluse_of_a_member_or_the_ccp",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="waterfalluse",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_waterfalluse_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'clearing_waterfalluse is append-only' USING ERRCODE = 'restrict_violation';",
                    hash="9bbddce360989ef78796b935ef1392baac924c77",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_clearing_waterfalluse_append_only_cdd7d",
                    table="clearing_waterfalluse",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="waterfalluse",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_waterfalluse_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'clearing_waterfalluse is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="de7b85586056d67d93f6ae26959119ae00cbbeb4",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_clearing_waterfalluse_no_truncate_c1426",
                    table="clearing_waterfalluse",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="waterfalluse",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_waterfalluse_when_transferred",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n    IF EXISTS (\n        SELECT 1 FROM new_rows n JOIN clearing_defaultcase c ON c.id = n.case_id WHERE c.status <> 'TRANSFERRED'\n           OR n.member_id = c.member_id AND n.layer > 2 OR n.member_id <> c.member_id AND n.layer <= 2\n    ) THEN\n        RAISE EXCEPTION 'losses are allocated once its positions are transferred, its own resources first'\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'waterfalluse_when_transferred';\n    END IF;\n    RETURN NULL;\n",
                    hash="79f5719073d634649754c399ca9d27e4c44c5f0e",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_clearing_waterfalluse_when_transferred_c68a8",
                    referencing="REFERENCING NEW TABLE AS new_rows ",
                    table="clearing_waterfalluse",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="waterfalluse",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_waterfalluse_posted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (NEW.used_minor > 0)",
                    constraint="CONSTRAINT",
                    func="\n    IF NOT EXISTS (\n        SELECT 1 FROM ledger_journalentry e\n        JOIN ledger_posting p ON p.entry_id = e.id AND p.amount = -NEW.used_minor AND p.asset_id = NEW.currency_id AND p.account_id = NEW.account_id\n        WHERE e.source = 'WATERFALL' AND e.source_id = NEW.id\n    ) THEN\n        RAISE EXCEPTION 'use of a layer % has no journal entry', NEW.id\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'waterfalluse_posted';\n    END IF;\n    RETURN NULL;\n",
                    hash="208cf4532ea4816f1a90d56d61dad485d56019f3",
                    operation="INSERT",
                    pgid="pgtrigger_clearing_waterfalluse_posted_9c858",
                    table="clearing_waterfalluse",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
    ]
