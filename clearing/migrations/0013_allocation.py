import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("clearing", "0012_skin_percent"),
        ("trades", "0011_allocation"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="carriedcontract",
            name="carriedcontract_cause",
        ),
        # A column that a trigger names cannot change its type.
        pgtrigger.migrations.RemoveTrigger(
            model_name="carriedcontract",
            name="clearing_carriedcontract_immutable",
        ),
        migrations.AlterField(
            model_name="carriedcontract",
            name="cause",
            field=models.CharField(
                choices=[
                    ("ROLL", "Rolled: it failed and joins the next net"),
                    ("TRANSFER", "Transferred to another account"),
                    ("CLOSE_OUT", "Closed out"),
                    ("ALLOCATION", "Allocated: of a block, to one of its accounts"),
                    ("REVERSAL", "An allocation taken back"),
                ],
                max_length=10,
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="carriedcontract",
            trigger=pgtrigger.compiler.Trigger(
                name="clearing_carriedcontract_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'these columns of clearing_carriedcontract never change' USING ERRCODE = 'restrict_violation';",
                    hash="c1a3a20e8eac674a386336d17a668d1c6aaebee8",
                    level="STATEMENT",
                    operation='UPDATE OF "cause", "cause_id", "account_id", "security_id", "currency_id", "settlement_date", "quantity_units", "cash_minor", "created_at"',
                    pgid="pgtrigger_clearing_carriedcontract_immutable_f20f6",
                    table="clearing_carriedcontract",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AlterField(
            model_name="carriedcontract",
            name="cause_id",
            field=models.BigIntegerField(
                help_text="ROLL: the obligation. ALLOCATION, REVERSAL: the share. Else the row of the default case."
            ),
        ),
        migrations.AddConstraint(
            model_name="carriedcontract",
            constraint=models.CheckConstraint(
                condition=models.Q(("cause__in", ["ROLL", "TRANSFER", "CLOSE_OUT", "ALLOCATION", "REVERSAL"])),
                name="carriedcontract_cause",
            ),
        ),
    ]
