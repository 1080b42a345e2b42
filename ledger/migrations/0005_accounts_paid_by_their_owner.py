import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0004_balances_moved_once"),
    ]

    operations = [
        pgtrigger.migrations.AddTrigger(
            model_name="account",
            trigger=pgtrigger.compiler.Trigger(
                name="ledger_account_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'these columns of ledger_account never change' USING ERRCODE = 'restrict_violation';",
                    hash="12020625102c975e41c6c3c732830490131e91b7",
                    level="STATEMENT",
                    operation='UPDATE OF "code", "participant_id", "kind", "name"',
                    pgid="pgtrigger_ledger_account_immutable_37af9",
                    table="ledger_account",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="account",
            trigger=pgtrigger.compiler.Trigger(
                name="ledger_account_paid_by_its_owner",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (NEW.linked_cash_id IS NOT NULL)",
                    func="\n    IF NOT EXISTS (\n        SELECT FROM ledger_account\n        WHERE id = NEW.linked_cash_id AND participant_id = NEW.participant_id AND kind = 'CASH') THEN\n        RAISE EXCEPTION 'fmi: account % is paid for by no cash account of its participant', NEW.code\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'account_linked_cash_own';\n    END IF;\n    RETURN NEW;\n",
                    hash="5e68f07b56abca452925a825507b52bc895fe698",
                    operation='INSERT OR UPDATE OF "linked_cash_id"',
                    pgid="pgtrigger_ledger_account_paid_by_its_owner_519ad",
                    table="ledger_account",
                    when="BEFORE",
                ),
            ),
        ),
    ]
