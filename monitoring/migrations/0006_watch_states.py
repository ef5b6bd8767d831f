from django.db import migrations, models

import btc_watcher.lib.columns


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0005_partition_functions"),
    ]

    operations = [
        migrations.CreateModel(
            name="WatchState",
            fields=[
                (
                    "kind",
                    models.CharField(
                        max_length=50,
                        primary_key=True,
                        serialize=False,
                        verbose_name="kind",
                    ),
                ),
                (
                    "wrong_since",
                    models.DateTimeField(
                        blank=True, null=True, verbose_name="wrong since"
                    ),
                ),
                (
                    "right_since",
                    models.DateTimeField(
                        blank=True, null=True, verbose_name="in order since"
                    ),
                ),
                (
                    "told",
                    models.BooleanField(
                        db_default=False, default=False, verbose_name="told"
                    ),
                ),
                (
                    "memory",
                    btc_watcher.lib.columns.ObjectField(
                        blank=True, db_default={}, default=dict, verbose_name="memory"
                    ),
                ),
            ],
            options={
                "verbose_name": "state of the watch",
                "verbose_name_plural": "states of the watch",
                "db_table": "watch_states",
                "ordering": ["kind"],
            },
        ),
    ]
