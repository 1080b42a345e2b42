from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("clearing", "0012_skin_percent")]

    operations = []
