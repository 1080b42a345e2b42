from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("trades", "0009_routing")]

    operations = []
