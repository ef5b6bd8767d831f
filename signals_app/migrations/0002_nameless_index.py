from django.db import migrations, models

from btc_watcher.lib.indexes import NamedIndex
from btc_watcher.lib.partition_indexes import index_make

# Beyond the specification: nothing finds the signals that were posted under a name of
# their own. It costs nothing where a signal belongs to a strategy.
NAME = "idx_signals_nameless"
ON = "(strategy_name, timestamp DESC) WHERE strategy_id IS NULL"


def make(apps, schema_editor):
    index_make(schema_editor.connection, table="signals", name=NAME, on=ON)


def drop(apps, schema_editor):
    schema_editor.execute(f"DROP INDEX {NAME}")


class Migration(migrations.Migration):
    # Indexes are made concurrently.
    atomic = False

    dependencies = [("signals_app", "0001_initial")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddIndex(
                    "signal",
                    NamedIndex(
                        fields=["strategy_name", "-timestamp"],
                        name=NAME,
                        condition=models.Q(strategy=None),
                    ),
                ),
            ],
            database_operations=[migrations.RunPython(make, drop)],
        ),
    ]
