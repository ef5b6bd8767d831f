import django.contrib.postgres.functions
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.utils import timezone

import btc_watcher.lib.columns


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("signals_app", "0003_outcomes"),
    ]

    operations = [
        migrations.CreateModel(
            name="SavedFilter",
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
                ("name", models.CharField(max_length=60, verbose_name="name")),
                ("query", models.TextField(blank=True, verbose_name="filter")),
                (
                    "is_default",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        verbose_name="when the page opens",
                    ),
                ),
                (
                    "created_at",
                    btc_watcher.lib.columns.CreatedField(
                        db_default=django.contrib.postgres.functions.TransactionNow(),
                        default=timezone.now,
                        editable=False,
                        verbose_name="created",
                    ),
                ),
                (
                    "updated_at",
                    btc_watcher.lib.columns.UpdatedField(
                        auto_now=True,
                        db_default=django.contrib.postgres.functions.TransactionNow(),
                        verbose_name="updated",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "saved filter",
                "verbose_name_plural": "saved filters",
                "db_table": "signal_filters",
                "ordering": ["name"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user", "name"), name="signal_filters_key"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("is_default", True)),
                        fields=("user",),
                        name="signal_filters_one_default",
                    ),
                ],
            },
        ),
    ]
