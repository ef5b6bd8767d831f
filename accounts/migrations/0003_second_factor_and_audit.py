"""The second factor, and the audit with its functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import django.contrib.postgres.fields
import django.contrib.postgres.functions
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import btc_watcher.lib.columns
import btc_watcher.lib.indexes
from accounts.audit.triggers import functions_install

if TYPE_CHECKING:
    from django.apps.registry import Apps
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor

GUARD = """
CREATE TRIGGER btcw_audit_guard BEFORE UPDATE OR DELETE ON audit_log
FOR EACH STATEMENT EXECUTE FUNCTION btcw_audit_guard()
"""
# The triggers go with the function that they call.
REMOVE = """
DROP FUNCTION btcw_audit_guard() CASCADE;
DROP FUNCTION btcw_audit() CASCADE;
DROP FUNCTION btcw_audit_masked(text, jsonb, text[]);
DROP FUNCTION btcw_audit_diff(jsonb, jsonb)
"""


def install(_apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Make the functions; triggers are put on after the migration."""
    functions_install(editor.connection)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_roles_and_scopes")]

    operations = [
        migrations.CreateModel(
            name="SecondFactor",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="second_factor",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
                ("secret", models.TextField(verbose_name="secret")),
                ("last_step", models.BigIntegerField(db_default=0, default=0)),
                (
                    "recovery_codes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64),
                        default=list,
                        size=None,
                    ),
                ),
                (
                    "confirmed_at",
                    models.DateTimeField(
                        blank=True, null=True, verbose_name="confirmed"
                    ),
                ),
                (
                    "created_at",
                    btc_watcher.lib.columns.CreatedField(
                        db_default=django.contrib.postgres.functions.TransactionNow(),
                        default=django.utils.timezone.now,
                        editable=False,
                        verbose_name="created",
                    ),
                ),
            ],
            options={
                "verbose_name": "second factor",
                "verbose_name_plural": "second factors",
                "db_table": "user_second_factors",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "at",
                    models.DateTimeField(
                        db_default=django.contrib.postgres.functions.TransactionNow(),
                        default=django.utils.timezone.now,
                        verbose_name="time",
                    ),
                ),
                (
                    "actor_id",
                    models.IntegerField(
                        blank=True, null=True, verbose_name="person's number"
                    ),
                ),
                (
                    "actor_name",
                    models.CharField(blank=True, max_length=150, verbose_name="by"),
                ),
                (
                    "via",
                    models.CharField(blank=True, max_length=60, verbose_name="through"),
                ),
                (
                    "ip_address",
                    models.GenericIPAddressField(
                        blank=True, null=True, verbose_name="address"
                    ),
                ),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("insert", "made"),
                            ("update", "changed"),
                            ("delete", "removed"),
                        ],
                        max_length=10,
                        verbose_name="what",
                    ),
                ),
                ("target", models.CharField(max_length=63, verbose_name="kind")),
                (
                    "target_id",
                    models.CharField(blank=True, max_length=64, verbose_name="number"),
                ),
                (
                    "target_name",
                    models.CharField(blank=True, max_length=150, verbose_name="name"),
                ),
                (
                    "before",
                    models.JSONField(blank=True, null=True, verbose_name="before"),
                ),
                (
                    "after",
                    models.JSONField(blank=True, null=True, verbose_name="after"),
                ),
            ],
            options={
                "verbose_name": "audit entry",
                "verbose_name_plural": "audit",
                "db_table": "audit_log",
                "ordering": ["-at", "-id"],
                "default_permissions": ("view",),
                "indexes": [
                    btc_watcher.lib.indexes.NamedIndex(
                        fields=["-at", "-id"], name="idx_audit_log_at"
                    ),
                    btc_watcher.lib.indexes.NamedIndex(
                        fields=["actor_id", "-at"], name="idx_audit_log_actor"
                    ),
                    btc_watcher.lib.indexes.NamedIndex(
                        fields=["target", "-at"],
                        name="idx_audit_log_target",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("action__in", ["insert", "update", "delete"])
                        ),
                        name="audit_log_action_check",
                    )
                ],
            },
        ),
        migrations.RunPython(install, migrations.RunPython.noop),
        migrations.RunSQL(GUARD, REMOVE),
    ]
