"""The migration that makes people of before operators."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection

from accounts.models import User
from accounts.roles import Role, role_of

pytestmark = pytest.mark.django_db


def test_superusers_stay_administrators_and_everybody_else_becomes_an_operator() -> (
    None
):
    User.objects.create_user("mei", "x")
    User.objects.create_superuser("admin", "x")
    migration = import_module("accounts.migrations.0002_roles_and_scopes")
    with connection.schema_editor() as editor:
        migration.give_roles(apps, editor)
    found = {user.username: user for user in User.objects.all()}
    assert role_of(found["mei"]) is Role.OPERATOR
    assert role_of(found["admin"]) is Role.ADMINISTRATOR
    assert found["mei"].is_staff
    assert not found["mei"].is_superuser
    assert found["admin"].groups.get().name == "administrator"


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
