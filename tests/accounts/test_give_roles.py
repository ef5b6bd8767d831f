"""The migration that gives people of before their roles."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db import connection

from accounts.models import User
from accounts.roles import Role, role_of

pytestmark = pytest.mark.django_db


def test_who_could_change_something_becomes_an_operator_and_others_viewers() -> None:
    permission = Permission.objects.get(codename="change_proxy")
    looks = Permission.objects.get(codename="view_proxy")
    group = Group.objects.create(name="traders")
    group.permissions.add(permission)
    for name in ("direct", "grouped", "looking", "nothing", "gone"):
        User.objects.create_user(name, "x", is_active=name != "gone")
    User.objects.create_superuser("admin", "x")
    found = {user.username: user for user in User.objects.all()}
    found["direct"].user_permissions.add(permission)
    found["gone"].user_permissions.add(permission)
    found["looking"].user_permissions.add(looks)
    found["grouped"].groups.add(group)

    migration = import_module("accounts.migrations.0002_roles_and_scopes")
    with connection.schema_editor() as editor:
        migration.give_roles(apps, editor)

    given = {
        user.username: (
            set(user.groups.values_list("name", flat=True)) - {"traders"},
            user.is_staff,
            user.is_superuser,
        )
        for user in User.objects.all()
    }
    assert given == {
        "direct": ({"operator"}, True, False),
        "grouped": ({"operator"}, True, False),
        "looking": ({"viewer"}, False, False),
        "nothing": ({"viewer"}, False, False),
        "gone": ({"viewer"}, False, False),
        "admin": ({"administrator"}, True, True),
    }
    assert role_of(User.objects.get(username="direct")) is Role.OPERATOR


def test_names_of_tokens_move_out_of_the_agent_and_back() -> None:
    migration = import_module("accounts.migrations.0002_roles_and_scopes")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO user_sessions (token_hash, expires_at, user_agent) VALUES"
            " ('aa', now(), E'night script\\ncurl/8'), ('bb', now(), 'curl/8'),"
            " ('browser:cc', now(), E'Fire\\nfox')"
        )
        read = "SELECT token_hash, name, user_agent FROM user_sessions ORDER BY 1"
        cursor.execute(migration.MOVE_NAMES)
        cursor.execute(read)
        assert cursor.fetchall() == [
            ("aa", "night script", "curl/8"),
            ("bb", "", "curl/8"),
            ("browser:cc", "", "Fire\nfox"),
        ]
        cursor.execute(migration.MOVE_NAMES_BACK)
        cursor.execute(read)
        assert cursor.fetchall()[0][2] == "night script\ncurl/8"
