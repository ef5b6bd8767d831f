"""Pages on the live feed, and telling them something."""

from __future__ import annotations

import asyncio
from typing import Any

from channels.routing import URLRouter

from accounts.models import User
from signals_app.feed import cursor_now, publish
from signals_app.routing import urlpatterns

PERSON = User(username="trader")
ROUTER = URLRouter(urlpatterns)


def event(number: int) -> dict[str, Any]:
    return {"type": "delivered", "number": number}


async def tell(*events: dict[str, Any]) -> str:
    """Publish events; return the cursor after them."""
    await asyncio.to_thread(publish, events)
    return await asyncio.to_thread(cursor_now)
