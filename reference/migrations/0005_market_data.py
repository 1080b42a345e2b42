from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("reference", "0004_proposals")]

    operations = []
