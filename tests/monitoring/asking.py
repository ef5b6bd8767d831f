"""People of the pages of operations, and what was asked of the workers."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import Permission

from accounts.models import User
from btc_watcher.lib.redis_keys import BACKUPS_QUEUE, DEFAULT_QUEUE

if TYPE_CHECKING:
    import redis


def person(name: str, *, staff: bool = True, operator: bool = False) -> User:
    """Return somebody who reads English; an operator may have work done now."""
    user = User.objects.create_user(
        name, password="x", is_staff=staff, language="en", timezone="UTC"
    )
    if operator:
        codename = "change_periodictask"
        user.user_permissions.add(Permission.objects.get(codename=codename))
    return user


def asked(client: redis.Redis) -> list[tuple[str, dict[str, Any]]]:
    """Return the tasks that wait for any worker or that of the backups, by name."""
    queues: Any = [client.lrange(q, 0, -1) for q in (DEFAULT_QUEUE, BACKUPS_QUEUE)]
    messages = [json.loads(text) for texts in queues for text in texts]
    return [
        (message["headers"]["task"], json.loads(base64.b64decode(message["body"]))[1])
        for message in messages
    ]
