import django.contrib.postgres.functions
import django.utils.timezone
from django.db import migrations, models

import btc_watcher.lib.columns


class Migration(migrations.Migration):
    dependencies = [("freqtrade_mgmt", "0002_keep_the_running_release")]

    operations = [
        migrations.CreateModel(
            name="SupervisorNode",
            fields=[
                (
                    "name",
                    models.CharField(
                        max_length=100,
                        primary_key=True,
                        serialize=False,
                        verbose_name="name",
                    ),
                ),
                ("home", models.CharField(max_length=36, verbose_name="home")),
                (
                    "address",
                    models.CharField(
                        blank=True, max_length=255, verbose_name="address"
                    ),
                ),
                ("capacity", models.IntegerField(verbose_name="room for bots")),
                (
                    "draining",
                    models.BooleanField(
                        db_default=False, default=False, verbose_name="draining"
                    ),
                ),
                (
                    "guards",
                    models.BooleanField(
                        db_default=False, default=False, verbose_name="guarded"
                    ),
                ),
                (
                    "started_at",
                    btc_watcher.lib.columns.CreatedField(
                        db_default=django.contrib.postgres.functions.TransactionNow(),
                        default=django.utils.timezone.now,
                        editable=False,
                        verbose_name="started",
                    ),
                ),
                (
                    "seen_at",
                    btc_watcher.lib.columns.CreatedField(
                        db_default=django.contrib.postgres.functions.TransactionNow(),
                        default=django.utils.timezone.now,
                        editable=False,
                        verbose_name="last seen",
                    ),
                ),
                (
                    "stopped_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="stopped"),
                ),
            ],
            options={
                "verbose_name": "supervisor node",
                "verbose_name_plural": "supervisor nodes",
                "db_table": "supervisor_nodes",
                "ordering": ["name"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("home",), name="supervisor_nodes_home_key"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="StrategyLease",
            fields=[
                (
                    "strategy_id",
                    models.IntegerField(
                        primary_key=True, serialize=False, verbose_name="strategy"
                    ),
                ),
                (
                    "node",
                    models.CharField(
                        blank=True, max_length=100, null=True, verbose_name="node"
                    ),
                ),
                (
                    "term",
                    models.BigIntegerField(
                        db_default=0, default=0, verbose_name="term"
                    ),
                ),
                (
                    "expires_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="until"),
                ),
                (
                    "guarded",
                    models.BooleanField(
                        db_default=False, default=False, verbose_name="guarded"
                    ),
                ),
                (
                    "came_from",
                    models.CharField(
                        blank=True,
                        db_default="",
                        max_length=100,
                        verbose_name="taken from",
                    ),
                ),
                (
                    "taken_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="taken"),
                ),
            ],
            options={
                "verbose_name": "lease of a strategy",
                "verbose_name_plural": "leases of strategies",
                "db_table": "strategy_leases",
                "ordering": ["strategy_id"],
            },
        ),
    ]
