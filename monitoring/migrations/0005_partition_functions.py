"""The functions that keep the partitions, for databases made before they existed."""

from django.db import migrations

from btc_watcher.lib import partition_functions
from btc_watcher.lib.partitions import TABLES


def install(apps, schema_editor):
    partition_functions.install(schema_editor.connection, TABLES)


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0003_error_groups"),
        ("monitoring", "0004_metrics_and_heartbeats"),
    ]

    operations = [
        # Backwards nothing is removed: the application goes on calling them.
        migrations.RunPython(install, migrations.RunPython.noop),
    ]
