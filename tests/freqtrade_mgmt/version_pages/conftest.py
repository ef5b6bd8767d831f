"""Two installed releases, and who looks at them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import Permission

from accounts.models import User
from tests.freqtrade_mgmt.version_world import NEW, OLD, installed

if TYPE_CHECKING:
    from pathlib import Path

    from django.test import Client


@pytest.fixture
def home(tmp_path: Path, settings: Any) -> Path:
    """Where environments lie."""
    settings.BTCW_HOME = tmp_path
    return tmp_path


@pytest.fixture
def viewer(client: Client) -> Client:
    """Somebody without any permission, who reads English."""
    client.force_login(User.objects.create_user("viewer", language="en"))
    return client


@pytest.fixture
def manager(client: Client) -> Client:
    """Somebody who may install and upgrade."""
    user = User.objects.create_user("mei", language="en")
    user.user_permissions.add(
        Permission.objects.get(codename="change_freqtradeversion")
    )
    client.force_login(user)
    return client


@pytest.fixture
def two(home: Path) -> Path:
    """An old release, which is the current one, and a new one, both installed."""
    installed(home, OLD, release_date=date(2026, 7, 31))
    installed(home, NEW, release_date=date(2026, 9, 30), startup_seconds=2.4)
    return home
