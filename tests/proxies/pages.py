"""What tests of the pages, the admin and the API share."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import Permission

from accounts.models import User
from notifications.models import NotificationChannel

if TYPE_CHECKING:
    from django.test import Client

    from proxies.models import Proxy

URL = "http://target.test/ip"


def person(*permissions: str, name: str = "li", language: str = "en") -> User:
    """Make somebody who has these permissions on proxies."""
    user = User.objects.create_user(
        name, "x", language=language, timezone="Asia/Shanghai"
    )
    for each in permissions:
        user.user_permissions.add(Permission.objects.get(codename=f"{each}_proxy"))
    return user


def shown(browser: Client, address: str, status: int = 200) -> str:
    """Return the page at ``address``."""
    response = browser.get(address)
    assert response.status_code == status, response.content[:2000]
    return response.content.decode()


def plain(html: str) -> str:
    """Return the text of a page, its tags removed."""
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html)))


def filled(**changes: Any) -> dict[str, Any]:
    """Return what a browser sends for a form that is right."""
    values = {
        "name": "Tokyo",
        "type": "socks5",
        "host": "proxy.example.net",
        "port": "1080",
        "username": "me",
        "password": "s3cret-word",
        "enabled": "on",
        "priority": "2",
        "test_url": URL,
        "timeout_seconds": "2",
        "expected_status": "200, 204",
    }
    return values | changes


def channel(proxy: Proxy, name: str = "on duty") -> NotificationChannel:
    """Store a channel that goes through a proxy."""
    config = {"proxy": proxy.pk}
    return NotificationChannel.objects.create(name=name, type="telegram", config=config)
