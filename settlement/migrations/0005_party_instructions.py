import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
import settlement.core.party_lifecycle
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0004_balances_moved_once"),
        ("reference", "0003_issuer_sector"),
        ("settlement", "0004_parts_and_links"),
    ]

    operations = [
        migrations.CreateModel(
            name="PartyInstruction",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("public_id", models.UUIDField(unique=True)),
                ("movement", models.CharField(choices=[("DELI", "Deliver"), ("RECE", "Receive")], max_length=4)),
                (
                    "payment",
                    models.CharField(
                        choices=[("APMT", "Against payment"), ("FREE", "Free of payment"), ("PFOD", "Payment only")],
                        max_length=4,
                    ),
                ),
                ("quantity_units", models.BigIntegerField()),
                ("cash_minor", models.BigIntegerField(help_text="What the receiver pays the deliverer.")),
                ("intended_date", models.DateField()),
                ("trade_date", models.DateField(help_text="Optional matching field.", null=True)),
                ("reference", models.CharField(help_text="The party's own, once for each party.", max_length=35)),
                ("common_reference", models.CharField(blank=True, help_text="Optional matching field.", max_length=35)),
                ("priority", models.SmallIntegerField(default=4, help_text="1 reserved, 2 top, 3 high, 4 normal.")),
                (
                    "partial",
                    models.CharField(
                        choices=[
                            ("NPAR", "Not in parts"),
                            ("PART", "In parts"),
                            ("PARQ", "In parts, from a least quantity"),
                        ],
                        default="NPAR",
                        max_length=4,
                    ),
                ),
                ("partial_minimum_units", models.BigIntegerField(default=0, help_text="The least part, with PARQ.")),
                ("held", models.BooleanField(default=False, help_text="The party keeps it from settling.")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            (settlement.core.party_lifecycle.PartyStatus["UNMATCHED"], "Unmatched"),
                            (settlement.core.party_lifecycle.PartyStatus["MATCHED"], "Matched"),
                            (settlement.core.party_lifecycle.PartyStatus["CANCELLED"], "Cancelled"),
                        ],
                        max_length=9,
                    ),
                ),
                (
                    "checked",
                    models.BooleanField(default=False, help_text="Whether matching has looked at it since it came."),
                ),
                (
                    "alleged_at",
                    models.DateTimeField(help_text="When the counterparty was told. Business time.", null=True),
                ),
                ("created_at", models.DateTimeField(help_text="Business time.")),
                ("changed_at", models.DateTimeField(help_text="Entry or last change. Business time.")),
                (
                    "ended_at",
                    models.DateTimeField(help_text="When it was matched or cancelled. Business time.", null=True),
                ),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="Wall-clock time."
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PartyLink",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("WITH", "Settle together or not at all"),
                            ("AFTER", "Settle once the other has"),
                            ("BEFORE", "Settle before the other may"),
                        ],
                        max_length=6,
                    ),
                ),
                ("created_at", models.DateTimeField(help_text="Business time.")),
                ("resolved_at", models.DateTimeField(help_text="When it took effect. Business time.", null=True)),
                ("removed_at", models.DateTimeField(help_text="Business time.", null=True)),
            ],
        ),
        migrations.AddField(
            model_name="partyinstruction",
            name="account",
            field=models.ForeignKey(
                db_index=False,
                help_text="The party's securities account; its cash moves on the cash account linked to it.",
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="ledger.account",
            ),
        ),
        migrations.AddField(
            model_name="partyinstruction",
            name="counterparty",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.participant"
            ),
        ),
        migrations.AddField(
            model_name="partyinstruction",
            name="counterparty_account",
            field=models.ForeignKey(
                db_index=False,
                help_text="Optional matching field.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="ledger.account",
            ),
        ),
        migrations.AddField(
            model_name="partyinstruction",
            name="currency",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.currency"
            ),
        ),
        migrations.AddField(
            model_name="partyinstruction",
            name="instruction",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="parties",
                to="settlement.instruction",
            ),
        ),
        migrations.AddField(
            model_name="partyinstruction",
            name="participant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reference.participant"
            ),
        ),
        migrations.AddField(
            model_name="partyinstruction",
            name="security",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="reference.security",
            ),
        ),
        migrations.AddField(
            model_name="partylink",
            name="other",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="wanted_links_from",
                to="settlement.partyinstruction",
            ),
        ),
        migrations.AddField(
            model_name="partylink",
            name="party_instruction",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="wanted_links",
                to="settlement.partyinstruction",
            ),
        ),
        migrations.AddIndex(
            model_name="partyinstruction",
            index=models.Index(
                condition=models.Q(("status", "UNMATCHED")), fields=["id"], name="partyinstruction_open"
            ),
        ),
        migrations.AddConstraint(
            model_name="partyinstruction",
            constraint=models.UniqueConstraint(
                fields=("participant", "reference"), name="partyinstruction_reference_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="partyinstruction",
            constraint=models.UniqueConstraint(fields=("instruction", "movement"), name="partyinstruction_one_a_side"),
        ),
        migrations.AddConstraint(
            model_name="partyinstruction",
            constraint=models.CheckConstraint(
                condition=models.Q(("movement__in", ["DELI", "RECE"])), name="partyinstruction_movement"
            ),
        ),
        migrations.AddConstraint(
            model_name="partyinstruction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "status__in",
                        [
                            settlement.core.party_lifecycle.PartyStatus["UNMATCHED"],
                            settlement.core.party_lifecycle.PartyStatus["MATCHED"],
                            settlement.core.party_lifecycle.PartyStatus["CANCELLED"],
                        ],
                    )
                ),
                name="partyinstruction_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="partyinstruction",
            constraint=models.CheckConstraint(
                condition=models.Q(("priority__gte", 1), ("priority__lte", 4)), name="partyinstruction_priority"
            ),
        ),
        migrations.AddConstraint(
            model_name="partyinstruction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("counterparty_account__isnull", True),
                    models.Q(("counterparty_account", models.F("account")), _negated=True),
                    _connector="OR",
                ),
                name="partyinstruction_two_accounts",
            ),
        ),
        migrations.AddConstraint(
            model_name="partyinstruction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("cash_minor__gt", 0),
                        ("payment", "APMT"),
                        ("quantity_units__gt", 0),
                        ("security__isnull", False),
                    ),
                    models.Q(
                        ("cash_minor", 0), ("payment", "FREE"), ("quantity_units__gt", 0), ("security__isnull", False)
                    ),
                    models.Q(
                        ("cash_minor__gt", 0), ("payment", "PFOD"), ("quantity_units", 0), ("security__isnull", True)
                    ),
                    _connector="OR",
                ),
                name="partyinstruction_payment",
            ),
        ),
        migrations.AddConstraint(
            model_name="partyinstruction",
            constraint=models.CheckConstraint(
                condition=models.Q(("cash_minor__lte", 1000000000000000), ("quantity_units__lte", 1000000000000000)),
                name="partyinstruction_not_absurd",
            ),
        ),
        migrations.AddConstraint(
            model_name="partyinstruction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("partial", "NPAR"), ("partial_minimum_units", 0)),
                    models.Q(("partial", "PART"), ("partial_minimum_units", 0), ("quantity_units__gt", 0)),
                    models.Q(
                        ("partial", "PARQ"),
                        ("partial_minimum_units__gt", 0),
                        ("partial_minimum_units__lte", models.F("quantity_units")),
                    ),
                    _connector="OR",
                ),
                name="partyinstruction_partial",
            ),
        ),
        migrations.AddConstraint(
            model_name="partyinstruction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("trade_date__isnull", True), ("trade_date__lte", models.F("intended_date")), _connector="OR"
                ),
                name="partyinstruction_dates",
            ),
        ),
        migrations.AddConstraint(
            model_name="partyinstruction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at__isnull", True), ("instruction__isnull", True), ("status", "UNMATCHED")),
                    models.Q(("ended_at__isnull", False), ("instruction__isnull", False), ("status", "MATCHED")),
                    models.Q(("ended_at__isnull", False), ("instruction__isnull", True), ("status", "CANCELLED")),
                    _connector="OR",
                ),
                name="partyinstruction_matched_into_one",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="partyinstruction",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_partyinstruction_no_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'settlement_partyinstruction rows are never deleted' USING ERRCODE = 'restrict_violation';",
                    hash="98cce973b6360c64dc5b889598926f94258bcfc1",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_settlement_partyinstruction_no_delete_10131",
                    table="settlement_partyinstruction",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="partyinstruction",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_partyinstruction_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'settlement_partyinstruction is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="26231d5b9b61e1afe2cce4e88b2d667384bcee22",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_settlement_partyinstruction_no_truncate_beb8f",
                    table="settlement_partyinstruction",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="partyinstruction",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_partyinstruction_legal_step",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.status IS DISTINCT FROM NEW.status AND (OLD.status::text, NEW.status::text) NOT IN (('UNMATCHED', 'CANCELLED'), ('UNMATCHED', 'MATCHED')))",
                    func="\n            RAISE EXCEPTION 'settlement_partyinstruction cannot go from % to %', OLD.status, NEW.status\n                USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_partyinstruction_legal_step';\n        ",
                    hash="dc625b72063f6230307efc9d6145c70f20149f6a",
                    operation='UPDATE OF "status"',
                    pgid="pgtrigger_settlement_partyinstruction_legal_step_f6e3d",
                    table="settlement_partyinstruction",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="partyinstruction",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_partyinstruction_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'these columns of settlement_partyinstruction never change' USING ERRCODE = 'restrict_violation';",
                    hash="d8e48995b2f5b9f471a316b59726e0b0c7daf847",
                    level="STATEMENT",
                    operation='UPDATE OF "public_id", "movement", "participant_id", "account_id", "counterparty_id", "counterparty_account_id", "payment", "security_id", "quantity_units", "currency_id", "cash_minor", "intended_date", "trade_date", "reference", "common_reference", "created_at"',
                    pgid="pgtrigger_settlement_partyinstruction_immutable_e21e2",
                    table="settlement_partyinstruction",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="partyinstruction",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_partyinstruction_born_unmatched",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (NEW.status <> 'UNMATCHED')",
                    func="RAISE EXCEPTION 'an instruction of a party begins UNMATCHED' USING ERRCODE = 'check_violation';",
                    hash="ec77110886aed1442ef0092c32b73dfcbe9457d9",
                    operation="INSERT",
                    pgid="pgtrigger_settlement_partyinstruction_born_unmatched_0be4c",
                    table="settlement_partyinstruction",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="partyinstruction",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_partyinstruction_own_account",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n    IF NOT EXISTS (\n        SELECT 1 FROM ledger_account a\n        WHERE a.id = NEW.account_id AND a.participant_id = NEW.participant_id AND a.kind = 'SECURITIES'\n    ) OR NEW.counterparty_account_id IS NOT NULL AND NOT EXISTS (\n        SELECT 1 FROM ledger_account a\n        WHERE a.id = NEW.counterparty_account_id AND a.participant_id = NEW.counterparty_id AND a.kind = 'SECURITIES'\n    ) THEN\n        RAISE EXCEPTION 'each party instructs over its own securities accounts' USING ERRCODE = 'check_violation';\n    END IF;\n    RETURN NEW;\n",
                    hash="cb7ff4e9881c2af1d1e8cfd3302caafb4bb5c7f4",
                    operation="INSERT",
                    pgid="pgtrigger_settlement_partyinstruction_own_account_a6af1",
                    table="settlement_partyinstruction",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="partyinstruction",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_partyinstruction_same_terms",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE is_wrong boolean;",
                    func="\n    EXECUTE 'SELECT EXISTS (\n        SELECT 1 FROM new_rows n JOIN old_rows o ON o.id = n.id\n        LEFT JOIN settlement_instruction i ON i.id = n.instruction_id\n        WHERE n.instruction_id IS NOT NULL AND n.instruction_id IS DISTINCT FROM o.instruction_id AND (\n            i.id IS NULL\n            OR CASE n.movement WHEN ''DELI'' THEN i.deliverer_account_id ELSE i.receiver_account_id END <> n.account_id\n            OR i.security_id IS DISTINCT FROM n.security_id OR i.quantity_units <> n.quantity_units\n            OR i.currency_id <> n.currency_id OR i.intended_date <> n.intended_date\n            OR n.movement = ''DELI'' AND i.cash_minor <> n.cash_minor))' INTO is_wrong;\n    IF is_wrong THEN\n        RAISE EXCEPTION 'an instruction settles what its parties instructed' USING ERRCODE = 'check_violation';\n    END IF;\n    RETURN NULL;\n",
                    hash="4ba2c842eb4f8a89b0aebe1890d5b198bb80aff7",
                    level="STATEMENT",
                    operation="UPDATE",
                    pgid="pgtrigger_settlement_partyinstruction_same_terms_ddf92",
                    referencing="REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ",
                    table="settlement_partyinstruction",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="partylink",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["WITH", "AFTER", "BEFORE"])), name="partylink_kind"
            ),
        ),
        migrations.AddConstraint(
            model_name="partylink",
            constraint=models.CheckConstraint(
                condition=models.Q(("party_instruction", models.F("other")), _negated=True),
                name="partylink_two_instructions",
            ),
        ),
        migrations.AddConstraint(
            model_name="partylink",
            constraint=models.UniqueConstraint(
                condition=models.Q(("removed_at__isnull", True)),
                fields=("party_instruction", "other"),
                name="partylink_once",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="partylink",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_partylink_no_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'settlement_partylink rows are never deleted' USING ERRCODE = 'restrict_violation';",
                    hash="3bf7ad68c3df598ba3c85f76148bafe9a91aee0f",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_settlement_partylink_no_delete_3fc29",
                    table="settlement_partylink",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="partylink",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_partylink_no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'settlement_partylink is never truncated' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="0aead238ea0308c857de8b7a95a3f5f7c49afa8f",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_settlement_partylink_no_truncate_e2e1b",
                    table="settlement_partylink",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="partylink",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_partylink_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'these columns of settlement_partylink never change' USING ERRCODE = 'restrict_violation';",
                    hash="42ea0abe7927ae1881fced90b19e88e3499818da",
                    level="STATEMENT",
                    operation='UPDATE OF "kind", "party_instruction_id", "other_id", "created_at"',
                    pgid="pgtrigger_settlement_partylink_immutable_310a9",
                    table="settlement_partylink",
                    when="BEFORE",
                ),
            ),
        ),
    ]
