"""What people are told of proxies that are out and of strategies that go another way."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _

from notifications.dispatch import alert_raise, alert_resolve
from notifications.saying import Words, message_said
from notifications.selectors import alerts_open
from proxies.selectors import metrics_of, proxies_users
from proxies.words import failure_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from freqtrade_mgmt.failover.shapes import StoredRoute
    from notifications.messages import Message
    from proxies.models import Proxy
    from proxies.uses import ProxyUse

NAMES_TOLD: Final = 20
# In the context of an alert about a proxy.
HAVING: Final = "proxy_out"


def proxy_key(proxy_id: int) -> str:
    """Return the key of the alert about a proxy: it mutes what has this proxy_id."""
    return f"proxy:{proxy_id}"


def proxies_tell(proxies: Mapping[int, Proxy], now: datetime) -> int:
    """Raise an alert for each proxy that is out, resolve those that are over.

    Each is told once; call it in the round's transaction. Returns how many changed. One
    of which nothing is known yet (its settings were changed) leaves its alert open.
    """
    opened = alerts_open(having=HAVING)
    out = [each for each in proxies.values() if each.enabled and _is_out(each)]
    users = proxies_users([each.pk for each in out]) if out else {}
    changed = 0
    for proxy in out:
        context = _context(proxy, users.get(proxy.pk, []))
        if opened.get(proxy_key(proxy.pk)) != context:
            changed += _raise(proxy, users.get(proxy.pk, []), context, now)
    for key, context in opened.items():
        proxy_now = proxies.get(int(context["proxy_id"]))
        if _goes_on(proxy_now):
            continue
        words = partial(_over_words, proxy_now, str(context.get("proxy_name")))
        changed += alert_resolve(key=key, now=now, words=words)
    return changed


def _is_out(proxy: Proxy) -> bool:
    return proxy.status == "unhealthy"


def _context(proxy: Proxy, users: Sequence[ProxyUse]) -> dict[str, Any]:
    own = [use for use in users if not use.via]
    return {
        HAVING: True,
        "proxy_id": proxy.pk,
        "proxy_name": proxy.name,
        "strategy_ids": sorted(use.id for use in own if use.kind == "strategy"),
        "channel_ids": sorted(use.id for use in own if use.kind == "channel"),
    }


def _raise(
    proxy: Proxy, users: Sequence[ProxyUse], context: Mapping[str, Any], now: datetime
) -> bool:
    own = [use for use in users if not use.via]
    return alert_raise(
        key=proxy_key(proxy.pk),
        priority="P0" if own else "P1",
        words=partial(_out_words, proxy, own),
        context=context,
        now=now,
    )


def _out_words(proxy: Proxy, own: Sequence[ProxyUse]) -> Words:
    lines = []
    if failure := metrics_of(proxy).last_failure:
        why = _("Its last test failed: %(failure)s.")
        lines.append(why % {"failure": failure_words(failure)})
    for kind, template in (
        ("strategy", _("Strategies that want it: %(names)s")),
        ("channel", _("Channels that want it: %(names)s")),
    ):
        names = [use.name for use in own if use.kind == kind]
        if names:
            more = " …" if len(names) > NAMES_TOLD else ""
            told = ", ".join(names[:NAMES_TOLD]) + more
            lines.append(template % {"names": told})
    lines.append(
        _("They go the way that was chosen for this case until it is well again.")
        if own
        else _("Nobody uses it at the moment.")
    )
    title = _("The proxy %(name)s is out") % {"name": proxy.name}
    return Words(title, "\n".join(lines))


def _goes_on(proxy: Proxy | None) -> bool:
    return proxy is not None and proxy.enabled and proxy.status != "healthy"


def _over_words(proxy: Proxy | None, name: str) -> Words:
    """Return how an alert about a proxy ends."""
    if proxy is None:
        gone = _("The proxy %(name)s is not there any more")
        return Words(gone % {"name": name}, _("Its alert is over."))
    values = {"name": proxy.name}
    if not proxy.enabled:
        off = _("The proxy %(name)s was switched off")
        return Words(off % values, _("Its alert is over."))
    back = _("All clear: the proxy %(name)s works again") % values
    return Words(back, _("Whoever wants it goes through it again."))


def moved_message(
    strategy_id: int, name: str, route: StoredRoute, proxies: Mapping[int, Proxy]
) -> Message:
    """Return the message that a strategy goes another way, or none, from now on."""
    return message_said(
        "system",
        "P1" if route.allowed else "P0",
        partial(_moved_words, name, route, proxies),
        {
            "strategy_id": strategy_id,
            "strategy": name,
            "route": {"from": route.before, "to": route.proxy, "why": route.why},
        },
    )


def _moved_words(name: str, route: StoredRoute, proxies: Mapping[int, Proxy]) -> Words:
    def named(number: int | None) -> str:
        proxy = proxies.get(number) if number is not None else None
        return proxy.name if proxy is not None else f"#{number}"

    values = {"name": name, "proxy": named(route.proxy), "own": named(route.wanted)}
    if not route.allowed:
        title = _("Strategy %(name)s waits: its proxy %(own)s cannot be used")
        rest = (
            _("No other proxy is well, and it never goes out directly.")
            if route.why == "nothing"
            else _("It was chosen that it goes no other way.")
        )
        again = _("No signals of it arrive. It starts again by itself.")
        return Words(title % values, f"{rest}\n{again}")
    titles = {
        "another": _("Strategy %(name)s goes through the proxy %(proxy)s now"),
        "direct": _("Strategy %(name)s goes to its exchange directly now"),
    }
    again = _("It goes back by itself when %(own)s is well again.") % values
    bodies = {
        "another": _("Its own proxy %(own)s cannot be used.") % values + "\n" + again,
        "direct": _("Its proxy %(own)s cannot be used, and its policy allows this.")
        % values
        + "\n"
        + again,
    }
    usual = _("Strategy %(name)s goes through its own proxy %(proxy)s again")
    return Words(
        titles.get(route.why, usual) % values,
        bodies.get(route.why, _("No signal was lost: missed candles are filled in.")),
    )
