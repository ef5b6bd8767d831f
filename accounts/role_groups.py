"""The groups of the roles, kept equal to the table in ``accounts.roles``.

Permissions come into being after a migration, so this runs after each; it changes
nothing where nothing is to be changed.
"""

from __future__ import annotations

from django.contrib.auth.models import Group, Permission
from django.db import DEFAULT_DB_ALIAS

from accounts.roles import Role, allows


def role_groups_keep(using: str = DEFAULT_DB_ALIAS) -> None:
    """Make the groups and give each the permissions of its role, and no other."""
    permissions = {
        f"{app}.{codename}": key
        for key, app, codename in Permission.objects.using(using).values_list(
            "pk", "content_type__app_label", "codename"
        )
    }
    for role in Role:
        group, _made = Group.objects.using(using).get_or_create(name=role.value)
        group.permissions.set(
            [key for name, key in permissions.items() if allows(role, name)]
        )
