"""People with and without permissions, and their browsers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User

if TYPE_CHECKING:
    import redis


@pytest.fixture
def viewer(db: None) -> User:
    """Somebody who may look."""
    return User.objects.create_user("lin", "x", language="en", timezone="Asia/Shanghai")


@pytest.fixture
def trader(db: None) -> User:
    """Somebody who may change strategies."""
    user = User.objects.create_user("mei", "x", language="en", timezone="UTC")
    user.user_permissions.add(Permission.objects.get(codename="change_strategy"))
    return user


@pytest.fixture
def pages(trader: User, redis_client: redis.Redis) -> Client:
    """A browser of the trader."""
    browser = Client()
    browser.force_login(trader)
    return browser


@pytest.fixture
def looking(viewer: User, redis_client: redis.Redis) -> Client:
    """A browser of the viewer."""
    browser = Client()
    browser.force_login(viewer)
    return browser
