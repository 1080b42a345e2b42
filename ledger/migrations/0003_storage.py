"""Half of every page of balances stays free, so that a posting moves them by heap-only updates."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_limits")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE ledger_balance SET (fillfactor = 50)",
            "ALTER TABLE ledger_balance RESET (fillfactor)",
        ),
    ]
