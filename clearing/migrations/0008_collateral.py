from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("clearing", "0007_risk")]

    operations: list = []
