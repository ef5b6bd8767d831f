"""Which proxies the list shows, and in which order. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from proxies.models import Proxy
from proxies.ranking import ORDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from django_stubs_ext import StrOrPromise

OFF: Final = "off"
STATES: Final[dict[str, StrOrPromise]] = {
    "": pgettext_lazy("proxies", "All"),
    "healthy": pgettext_lazy("proxies", "Healthy"),
    "unhealthy": pgettext_lazy("proxies", "Unhealthy"),
    "unknown": pgettext_lazy("proxies", "Not proven yet"),
    OFF: pgettext_lazy("proxies", "Switched off"),
}
DEFAULT_SORT: Final = "priority"
SORT_WORDS: Final[dict[str, StrOrPromise]] = {
    "priority": _("Priority"),
    "name": _("Name"),
    "state": _("State, worst first"),
    "latency": _("Latency"),
}
LONGEST_SEARCH: Final = 100


def _latency(proxy: Proxy) -> float:
    found = proxy.performance_metrics.get("p50_ms")
    return math.inf if found is None else found


SORTS: Final[dict[str, Callable[[Proxy], Any]]] = {
    "priority": lambda proxy: proxy.priority,
    "name": lambda proxy: 0,
    "state": lambda proxy: (not proxy.enabled, -ORDER.index(proxy.status)),
    "latency": _latency,
}


@dataclass(frozen=True, slots=True)
class Choice:
    """What is shown: a state, a type, a search, an order."""

    state: str = ""
    type: str = ""
    search: str = ""
    sort: str = DEFAULT_SORT

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Choice:
        """Read a query; what makes no sense is as if it was not there."""
        state, kind = query.get("state", ""), query.get("type", "")
        sort = query.get("sort", "")
        return cls(
            state=state if state in STATES else "",
            type=kind if kind in Proxy.Type.values else "",
            search=query.get("q", "").strip()[:LONGEST_SEARCH],
            sort=sort if sort in SORTS else DEFAULT_SORT,
        )

    @property
    def narrowed(self) -> bool:
        """Whether something is left out."""
        return bool(self.state or self.type or self.search)

    def query(self, **changes: str) -> str:
        """Return the query of this choice with some fields changed, such as ``?q=x``."""
        chosen = replace(self, **changes)
        given = {"state": chosen.state, "type": chosen.type, "q": chosen.search}
        if chosen.sort != DEFAULT_SORT:
            given["sort"] = chosen.sort
        text = urlencode({key: value for key, value in given.items() if value})
        return f"?{text}" if text else ""


@dataclass(frozen=True, slots=True)
class Tab:
    """A state with how many are in it, and the query that chooses it."""

    key: str
    label: str
    count: int
    query: str
    chosen: bool


def state_of(proxy: Proxy) -> str:
    """Return the key of STATES for a proxy."""
    return str(proxy.status) if proxy.enabled else OFF


def proxies_chosen(proxies: Iterable[Proxy], choice: Choice) -> list[Proxy]:
    """Return those that fit, in the order asked for."""
    fitting = [
        proxy
        for proxy in proxies
        if choice.state in ("", state_of(proxy)) and _fits(proxy, choice)
    ]
    by_name = sorted(fitting, key=lambda proxy: proxy.name.casefold())
    return sorted(by_name, key=SORTS[choice.sort])


def tabs(proxies: Iterable[Proxy], choice: Choice) -> list[Tab]:
    """Return the states with how many of those that fit otherwise are in each."""
    states = [state_of(proxy) for proxy in proxies if _fits(proxy, choice)]
    return [
        Tab(
            key=key,
            label=str(label),
            count=len(states) if not key else states.count(key),
            query=choice.query(state=key),
            chosen=key == choice.state,
        )
        for key, label in STATES.items()
    ]


def _fits(proxy: Proxy, choice: Choice) -> bool:
    if choice.type and proxy.type != choice.type:
        return False
    if not choice.search:
        return True
    exit_address = proxy.performance_metrics.get("exit_address") or ""
    texts = (proxy.name, f"{proxy.host}:{proxy.port}", exit_address)
    return any(choice.search.casefold() in text.casefold() for text in texts)
