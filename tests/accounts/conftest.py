"""People for the tests of accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rest_framework.test import APIClient

from accounts.models import User

if TYPE_CHECKING:
    from django.test import Client

PASSWORD = "Correct-horse-7"


@pytest.fixture
def person(db: None) -> User:
    """A user who may do nothing special and reads English."""
    return User.objects.create_user(
        "mei", PASSWORD, language="en", timezone="Europe/Paris", email="mei@example.org"
    )


@pytest.fixture
def api() -> APIClient:
    """A client of the API that sends no proof of identity."""
    return APIClient()


@pytest.fixture
def browser(client: Client, person: User) -> Client:
    """A browser in which ``person`` has logged in."""
    client.force_login(person)
    assert client.get("/settings/").status_code == 200
    return client
