from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("settlement", "0005_party_instructions"),
    ]

    operations = []
