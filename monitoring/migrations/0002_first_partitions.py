"""The current month and three ahead for every monthly table."""

from django.db import migrations
from django.utils import timezone

from btc_watcher.lib import partition_functions
from btc_watcher.lib.partitions import (
    NOTIFICATIONS,
    PROXY_TESTS,
    SIGNALS,
    TABLES,
    month_start,
    months_ensure,
)

# Those that exist by now; a table that comes later makes its first months itself.
FIRST = (SIGNALS, NOTIFICATIONS, PROXY_TESTS)


def create_first_partitions(apps, schema_editor):
    """Make the months in which the first rows will fall."""
    today = timezone.now()
    partition_functions.install(schema_editor.connection, TABLES)
    for table in FIRST:
        months = [month_start(today, ahead) for ahead in range(table.months_ahead + 1)]
        months_ensure(table, months, using=schema_editor.connection.alias)


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0001_initial"),
        ("notifications", "0001_initial"),
        ("proxies", "0001_initial"),
        ("signals_app", "0001_initial"),
    ]

    operations = [
        # Backwards nothing is removed: by then the partitions may hold rows, and
        # they leave together with their tables.
        migrations.RunPython(create_first_partitions, migrations.RunPython.noop),
    ]
