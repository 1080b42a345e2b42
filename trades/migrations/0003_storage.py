"""Half of every page of trades stays free, so that a step of the status is a heap-only update."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("trades", "0002_limits")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE trades_trade SET (fillfactor = 50)", "ALTER TABLE trades_trade RESET (fillfactor)"
        ),
    ]
