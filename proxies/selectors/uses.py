"""Who goes through which proxy, as the apps above tell it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from collections.abc import Collection

    from proxies.uses import ProxyUse


def proxies_users(proxy_ids: Collection[int]) -> dict[int, list[ProxyUse]]:
    """Return who uses each of the proxies, strategies before channels, by name."""
    found: dict[int, list[ProxyUse]] = defaultdict(list)
    for path in settings.PROXY_USERS:
        for use in import_string(path)(proxy_ids):
            found[use.proxy_id].append(use)
    # "strategy" comes after "channel" in the alphabet and first on the page.
    return {
        number: sorted(uses, key=lambda use: (use.kind == "channel", use.name, use.id))
        for number, uses in found.items()
    }


def proxy_users(proxy_id: int) -> list[ProxyUse]:
    """Return who uses one proxy."""
    return proxies_users([proxy_id]).get(proxy_id, [])
