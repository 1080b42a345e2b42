from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("reference", "0003_issuer_sector")]

    operations = []
