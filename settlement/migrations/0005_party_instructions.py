from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("settlement", "0004_parts_and_links"),
    ]

    operations = []
