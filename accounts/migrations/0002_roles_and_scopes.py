"""Roles as groups; names, scopes and last use of API tokens."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

import django.contrib.postgres.fields
from django.db import migrations, models
from django.db.models import Q

if TYPE_CHECKING:
    from django.apps.registry import Apps
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# The name used to be the first line of the agent.
MOVE_NAMES = """
UPDATE user_sessions
   SET name = left(split_part(user_agent, E'\\n', 1), 100),
       user_agent = substr(user_agent, position(E'\\n' IN user_agent) + 1)
 WHERE token_hash NOT LIKE 'browser:%' AND position(E'\\n' IN user_agent) > 0
"""
MOVE_NAMES_BACK = """
UPDATE user_sessions SET user_agent = concat(name, E'\\n', user_agent)
 WHERE token_hash NOT LIKE 'browser:%'
"""


# Permissions to add, change or delete, of one's own or through a group.
PERMISSIONS = ("user_permissions", "groups__permissions")
CHANGES = ("add_", "change_", "delete_")


def give_roles(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Make operators of those who were allowed to change something, viewers of others.

    Who is not active gets no more than that.
    """
    groups = apps.get_model("auth", "Group").objects.using(editor.connection.alias)
    users = apps.get_model("accounts", "User").objects.using(editor.connection.alias)
    made = {
        name: groups.get_or_create(name=name)[0]
        for name in ("viewer", "operator", "administrator")
    }
    begins = [f"{way}__codename__startswith" for way in PERMISSIONS]
    may_change = reduce(
        or_, (Q(**{begin: word}) for begin in begins for word in CHANGES)
    )
    changing = set(
        users.filter(may_change, is_active=True).values_list("pk", flat=True)
    )
    for user in users.iterator():
        role = "operator" if user.pk in changing else "viewer"
        user.groups.add(made["administrator" if user.is_superuser else role])
    users.filter(Q(pk__in=changing) | Q(is_superuser=True)).update(is_staff=True)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="user",
            options={
                "ordering": ["username"],
                "permissions": [
                    ("write", "May write: make and change what others see"),
                    ("operate", "May operate: start, stop, test, install"),
                    ("administer", "May administer: users, roles, the audit"),
                ],
                "verbose_name": "user",
                "verbose_name_plural": "users",
            },
        ),
        migrations.AddField(
            model_name="usersession",
            name="name",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                max_length=100,
                verbose_name="name",
            ),
        ),
        migrations.AddField(
            model_name="usersession",
            name="scopes",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=20),
                blank=True,
                null=True,
                size=None,
                verbose_name="scopes",
            ),
        ),
        migrations.AddField(
            model_name="usersession",
            name="last_used_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="last used"),
        ),
        migrations.RunSQL(MOVE_NAMES, MOVE_NAMES_BACK),
        migrations.RunPython(give_roles, migrations.RunPython.noop),
    ]
