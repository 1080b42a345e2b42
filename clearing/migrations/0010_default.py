from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("clearing", "0009_stress")]

    operations: list = []
