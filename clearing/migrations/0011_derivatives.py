from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("clearing", "0010_default")]

    operations: list = []
