"""Which way a strategy goes to its exchange, for pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from proxies.ranking import policy_read
from proxies.words import POLICY_WORDS, STATE_WORDS, way_words
from strategies.selectors import proxy_names

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from strategies.models import Strategy

# Ways that are as they were asked for.
PLAIN = frozenset({"wanted", "unwanted"})


@dataclass(frozen=True, slots=True)
class RouteShown:
    """The way in words: ``wanted`` is the proxy's name (empty: directly), ``policy``
    what happens when it is out, ``now`` a sentence where it goes another way, ``since``
    since when. ``waits`` says that it does not run for want of a way.
    """

    wanted: str
    policy: str
    now: str = ""
    since: datetime | None = None
    waits: bool = False


def route_shown(strategy: Strategy) -> RouteShown:
    """Return the way of a strategy, as it is chosen and as it was decided on last."""
    wanted = strategy.freqtrade_config.get("proxy")
    if not wanted:
        return RouteShown("", "")
    route = strategy.health_metrics.get("route")
    stored: Mapping[str, Any] = route if isinstance(route, dict) else {}
    names = proxy_names([wanted, stored.get("proxy")])
    policy = policy_read(strategy.freqtrade_config.get("proxy_policy"))
    own = names.get(str(wanted), f"#{wanted}")
    shown = RouteShown(own, str(dict(POLICY_WORDS)[policy]))
    why = stored.get("why")
    if stored.get("wanted") != wanted or why in PLAIN or not isinstance(why, str):
        return shown
    since = stored.get("since")
    return RouteShown(
        shown.wanted,
        shown.policy,
        now=_now(stored, own, names),
        since=parse_datetime(since) if isinstance(since, str) else None,
        waits=stored.get("allowed") is not True,
    )


def _now(stored: Mapping[str, Any], own: str, names: Mapping[str, str]) -> str:
    state = str(stored.get("state") or "unhealthy")
    if stored.get("allowed") is not True:
        values = {"own": own, "state": STATE_WORDS.get(state, state)}
        if stored.get("why") == "nothing":
            text = _("It waits: proxy %(own)s %(state)s, and no other one is healthy.")
        else:
            text = _("It waits: proxy %(own)s %(state)s, and it goes no other way.")
        return text % values
    used = names.get(str(stored.get("proxy")), "")
    facts = {"why": stored.get("why"), "name": used, "wanted": own, "state": state}
    return way_words(facts)
