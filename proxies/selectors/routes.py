"""Which way somebody goes: the one place where a proxy is chosen and its address read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from btc_watcher.lib.encryption import key_ring
from btc_watcher.lib.sockets import ProxyAddress
from proxies.models import Proxy
from proxies.ranking import choose, ranked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from proxies.ranking import Policy


@dataclass(frozen=True, slots=True)
class Route:
    """The way to take: ``proxy``, or directly without one, if it is ``allowed`` at all.

    ``why`` and ``state`` are those of proxies.ranking.Choice; ``wanted`` is the number
    that was asked for.
    """

    proxy: Proxy | None
    allowed: bool
    why: str
    wanted: int | None
    state: str = ""

    def told(self) -> dict[str, object]:
        """Return the way as it is recorded: numbers and words, never an address."""
        facts: dict[str, object] = {"why": self.why}
        if self.proxy is not None:
            facts |= {"proxy": self.proxy.pk, "name": self.proxy.name}
        if self.state:
            facts |= {"wanted": self.wanted, "state": self.state}
        return facts


def proxy_identity(proxy_id: int) -> str:
    """Return what a proxy's password is bound to (see btc_watcher.lib.encryption)."""
    return f"proxies:{proxy_id}:password_encrypted"


def proxy_address(proxy: Proxy) -> ProxyAddress:
    """Return the whole address; raises EncryptionError when the password is unreadable."""
    password = ""
    if proxy.password_encrypted:
        password = key_ring().decrypt(
            proxy.password_encrypted, proxy_identity(proxy.pk)
        )
    return ProxyAddress(
        proxy.type, proxy.host, proxy.port, proxy.username or "", password
    )


def proxy_fingerprint(proxy: Proxy) -> str:
    """Return 16 hexadecimal digits that change with whatever leads through the proxy."""
    facts = (
        proxy.type,
        proxy.host,
        str(proxy.port),
        proxy.username or "",
        proxy.password_encrypted or "",
    )
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()[:16]


def proxies_all() -> dict[int, Proxy]:
    """Return every proxy by its number, also those that are switched off."""
    return {proxy.pk: proxy for proxy in Proxy.objects.all()}


def proxy_ranked() -> list[Proxy]:
    """Return those that are switched on, the best first."""
    return ranked(Proxy.objects.filter(enabled=True))


def route_of(
    wanted: int | None,
    policy: Policy,
    *,
    proxies: Mapping[int, Proxy] | None = None,
    current: int | None = None,
) -> Route:
    """Return the way of somebody who wants the proxy ``wanted``.

    Pass ``proxies`` (of ``proxies_all``) to ask for many without a query for each, and
    ``current``, the proxy that is used now, for whom each change costs something.
    """
    if wanted is None:
        return Route(None, allowed=True, why="unwanted", wanted=None)
    known = proxies_all() if proxies is None else proxies
    choice = choose(wanted, policy, known, current=current)
    return Route(
        known[choice.id] if choice.id is not None else None,
        allowed=choice.allowed,
        why=choice.why,
        wanted=wanted,
        state=choice.state,
    )


def routes_of(wishes: Iterable[tuple[int | None, Policy]]) -> list[Route]:
    """Return the way for each (wanted, policy), with one query for all of them."""
    known = proxies_all()
    return [route_of(wanted, policy, proxies=known) for wanted, policy in wishes]
