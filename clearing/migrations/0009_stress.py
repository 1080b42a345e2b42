from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("clearing", "0008_collateral")]

    operations: list = []
