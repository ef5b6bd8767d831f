"""Who looks at signals: a viewer, unless a module has its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accounts.roles import Role
from tests.test_access import a_person

if TYPE_CHECKING:
    from django.test import Client

    from accounts.models import User


@pytest.fixture
def user(db: None) -> User:
    return a_person(Role.VIEWER, "trader")


@pytest.fixture
def browser(client: Client, user: User) -> Client:
    client.force_login(user)
    return client
