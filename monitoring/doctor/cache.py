"""What the doctor asks the sentinels of Redis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings

from btc_watcher.lib.redis_address import RedisAddress
from btc_watcher.lib.redis_client import RedisError, sentinels
from monitoring.cache import cluster_refused

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["SentinelSeen", "cluster_refused", "sentinels_seen"]


@dataclass(frozen=True, slots=True)
class SentinelSeen:
    """What one sentinel says: who is the master, how many replicas could follow it.

    ``master`` is "" when it knows none that is well, and ``error`` why it did not
    answer, "" when it did. ``sentinels`` is how many it knows, itself included.
    """

    where: str
    master: str = ""
    replicas: int = 0
    sentinels: int = 1
    quorum: int = 0
    error: str = ""


def sentinels_seen() -> Sequence[SentinelSeen]:
    """Ask every sentinel of REDIS_URL; none for a single server."""
    address = RedisAddress.parse(settings.REDIS_URL)
    if not address.sentinels:
        return []
    manager = sentinels(address)
    places = [f"{host}:{port}" for host, port in address.sentinels]
    try:
        return [
            _seen(client, where, address.service)
            for client, where in zip(manager.sentinels, places, strict=True)
        ]
    finally:
        for client in manager.sentinels:
            client.close()


def _seen(client: Any, where: str, service: str) -> SentinelSeen:
    try:
        masters = client.sentinel_masters()
        state = masters.get(service)
        if state is None:
            known = ", ".join(sorted(masters)) or "-"
            return SentinelSeen(where, error=f"unknown service, it knows {known}")
        replicas = client.sentinel_slaves(service)
    except RedisError as error:
        return SentinelSeen(where, error=type(error).__name__)
    well = not (state["is_sdown"] or state["is_odown"])
    return SentinelSeen(
        where,
        f"{state['ip']}:{state['port']}" if well else "",
        sum(not (each["is_sdown"] or each["is_odown"]) for each in replicas),
        int(state["num-other-sentinels"]) + 1,
        int(state["quorum"]),
    )
