"""The way of a strategy as it is stored in ``health_metrics.route``. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from proxies.ranking import policy_read

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from proxies.ranking import Policy

CHANGES: Final = 10
DIRECT: Final = ""
# Stands for what cannot be read as a number: a proxy that is gone.
NO_PROXY: Final = 0
# Ways that are as somebody asked for them, so nobody has to be told.
PLAIN: Final = frozenset({"wanted", "unwanted"})


@dataclass(frozen=True, slots=True)
class Wish:
    """Which way a strategy asks for: ``proxy`` None is directly."""

    proxy: int | None
    policy: Policy

    @classmethod
    def of(cls, freqtrade_config: Mapping[str, Any]) -> Wish:
        """Return what a strategy asks for; what is no number asks for a proxy too."""
        policy = policy_read(freqtrade_config.get("proxy_policy"))
        value = freqtrade_config.get("proxy")
        if value in (None, ""):
            return cls(None, policy)
        number = proxy_number(value)
        return cls(NO_PROXY if number is None else number, policy)


@dataclass(frozen=True, slots=True)
class StoredRoute:
    """The way that was decided on, for which wish, since when, and where it led before.

    ``proxy`` None with ``allowed`` is directly; without ``allowed`` the strategy does
    not run. ``print`` is the fingerprint of the proxy, ``why`` and ``state`` are those
    of proxies.ranking.Choice, ``before`` (stored as ``from``) is the proxy of before.
    ``told`` says that people know of it. ``since`` is an ISO time.
    """

    wanted: int | None
    policy: Policy
    proxy: int | None
    allowed: bool
    why: str
    state: str
    print: str
    since: str
    before: int | None = None
    told: bool = True
    changes: tuple[Mapping[str, Any], ...] = ()

    @property
    def mark(self) -> str:
        """What the revision of a bot says about its way."""
        return f"{self.proxy}.{self.print}" if self.proxy is not None else DIRECT

    def answers(self, wish: Wish) -> bool:
        """Tell whether this was decided for what is asked for now."""
        return (self.wanted, self.policy) == (wish.proxy, wish.policy)

    def stored(self) -> dict[str, Any]:
        """Return it as it is stored."""
        values = asdict(self)
        values["from"] = values.pop("before")
        values["changes"] = [dict(change) for change in self.changes]
        return values


@dataclass(frozen=True, slots=True)
class Way:
    """What a decision said now: a proxy and its fingerprint, or directly, or neither."""

    proxy: int | None
    allowed: bool
    why: str
    state: str = ""
    print: str = ""


def route_read(value: object) -> StoredRoute | None:
    """Return a stored route; None when there is none, or none that can be read."""
    if not isinstance(value, dict):
        return None
    try:
        changes = value.get("changes") or ()
        return StoredRoute(
            wanted=proxy_number(value["wanted"]),
            policy=policy_read(value["policy"]),
            proxy=proxy_number(value["proxy"]),
            allowed=value["allowed"] is True,
            why=str(value["why"]),
            state=str(value.get("state") or ""),
            print=str(value.get("print") or ""),
            since=str(value["since"]),
            before=proxy_number(value.get("from")),
            told=value.get("told") is not False,
            changes=tuple(each for each in changes if isinstance(each, dict)),
        )
    except (KeyError, TypeError):
        return None


def route_next(
    old: StoredRoute | None, wish: Wish, way: Way, now: datetime
) -> StoredRoute:
    """Return the route that follows from a decision; ``old`` itself when all is as it was.

    People are to be told of it unless the way is as it was asked for and never was
    another one.
    """
    if old is not None and old.answers(wish) and _way_of(old) == way:
        return old
    moment = now.isoformat()
    moved = old is not None and ((old.proxy, old.allowed) != (way.proxy, way.allowed))
    route = StoredRoute(
        wanted=wish.proxy,
        policy=wish.policy,
        proxy=way.proxy,
        allowed=way.allowed,
        why=way.why,
        state=way.state,
        print=way.print,
        since=moment if moved or old is None else old.since,
        before=old.proxy if old is not None and moved else None,
        changes=old.changes if old is not None else (),
    )
    if old is None or not old.answers(wish):
        # Somebody has just chosen this: only what differs from it is news.
        return replace(route, since=moment, told=way.why in PLAIN)
    if not moved:
        # The same way for another reason, or with other settings.
        return replace(route, told=old.told, before=old.before)
    change = {"at": moment, "from": old.proxy, "to": way.proxy, "why": way.why}
    return replace(route, told=False, changes=(*old.changes, change)[-CHANGES:])


def _way_of(route: StoredRoute) -> Way:
    return Way(route.proxy, route.allowed, route.why, route.state, route.print)


def proxy_number(value: object) -> int | None:
    """Return the number of a proxy that is stored as a number or as digits."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.isdecimal() else None
