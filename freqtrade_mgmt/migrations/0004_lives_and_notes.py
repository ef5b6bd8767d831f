import django.contrib.postgres.functions
import django.utils.timezone
from django.db import migrations, models

import btc_watcher.lib.columns


class Migration(migrations.Migration):
    dependencies = [
        ("freqtrade_mgmt", "0003_nodes_and_leases"),
    ]

    operations = [
        migrations.AddField(
            model_name="supervisornode",
            name="beat",
            field=models.CharField(
                blank=True, db_default="", max_length=64, verbose_name="beat"
            ),
        ),
        migrations.AddField(
            model_name="supervisornode",
            name="life",
            field=models.CharField(
                blank=True, db_default="", max_length=200, verbose_name="life"
            ),
        ),
        migrations.CreateModel(
            name="LeaseNote",
            fields=[
                (
                    "id",
                    models.AutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("strategy_id", models.IntegerField(verbose_name="strategy")),
                ("node", models.CharField(max_length=100, verbose_name="node")),
                ("reason", models.TextField(verbose_name="reason")),
                (
                    "failures",
                    models.IntegerField(
                        db_default=1, default=1, verbose_name="failures"
                    ),
                ),
                (
                    "noted_at",
                    btc_watcher.lib.columns.CreatedField(
                        db_default=django.contrib.postgres.functions.TransactionNow(),
                        default=django.utils.timezone.now,
                        editable=False,
                        verbose_name="noted",
                    ),
                ),
                ("until", models.DateTimeField(verbose_name="not before")),
            ],
            options={
                "verbose_name": "note at a lease",
                "verbose_name_plural": "notes at leases",
                "db_table": "strategy_lease_notes",
                "ordering": ["node", "strategy_id"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("strategy_id", "node"), name="strategy_lease_notes_key"
                    )
                ],
            },
        ),
    ]
