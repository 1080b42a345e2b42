from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("trades", "0010_enrichment")]

    operations = []
