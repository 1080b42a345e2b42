"""Half of every page stays free, so that netting and discharge are heap-only updates."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("clearing", "0002_initial")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE clearing_novation SET (fillfactor = 50)",
            "ALTER TABLE clearing_novation RESET (fillfactor)",
        ),
        migrations.RunSQL(
            "ALTER TABLE clearing_obligation SET (fillfactor = 50)",
            "ALTER TABLE clearing_obligation RESET (fillfactor)",
        ),
    ]
