"""Codes of proxies in words, for pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    from proxies.models import Proxy

POLICY_WORDS: Final = (
    ("another", gettext_lazy("take another healthy proxy")),
    ("direct", gettext_lazy("go directly, with this machine's address")),
    ("never", gettext_lazy("stop and tell: never another way")),
)
FAILURE_WORDS: Final = {
    "refused": gettext_lazy("connection refused"),
    "timeout": gettext_lazy("no answer in time"),
    "dns": gettext_lazy("name not found"),
    "authentication": gettext_lazy("login refused"),
    "tls": gettext_lazy("TLS failed"),
    "geo_block": gettext_lazy("blocked for its region"),
    "status": gettext_lazy("unexpected answer"),
    "proxy_error": gettext_lazy("proxy broke off"),
    "unreachable": gettext_lazy("target not reached"),
}
# Why a status has changed, where that is not a failure.
CHANGE_WORDS: Final = {
    "rate": gettext_lazy("too many failures"),
    "recovered": gettext_lazy("works again"),
    "proven": gettext_lazy("proven by tests"),
    "changed": gettext_lazy("settings changed"),
    "enabled": gettext_lazy("switched on"),
}
WHY_WORDS: Final = {
    "scheduled": gettext_lazy("regular test"),
    "on_demand": gettext_lazy("test on demand"),
    "assigned": gettext_lazy("test at assignment"),
    "retry": gettext_lazy("repeated test"),
}
STATE_WORDS: Final = {
    "unhealthy": gettext_lazy("is not healthy"),
    "disabled": gettext_lazy("is switched off"),
    "gone": gettext_lazy("is gone"),
}
WAYS: Final = {
    "wanted": gettext_lazy("Through proxy %(name)s."),
    "another": gettext_lazy(
        "Through proxy %(name)s, because proxy %(wanted)s %(state)s."
    ),
    "kept": gettext_lazy(
        "Through proxy %(name)s although its tests fail: no other one is healthy."
    ),
    "direct": gettext_lazy("Directly, because proxy %(wanted)s %(state)s."),
}


def choice_words(proxy: Proxy) -> str:
    """Return a proxy as lists of choices show it, with what speaks against it."""
    label = f"{proxy.name} · {proxy.get_type_display()}"
    if not proxy.enabled:
        return _("%(name)s (switched off)") % {"name": label}
    if proxy.status == "unhealthy":
        return _("%(name)s (unhealthy)") % {"name": label}
    return label


def failure_words(code: str) -> str:
    """Return what a class of failure is called; an unknown one as it is."""
    return _word(FAILURE_WORDS, code)


def change_words(why: str) -> str:
    """Return why a status has changed."""
    return _word(FAILURE_WORDS | CHANGE_WORDS, why)


def why_words(why: str) -> str:
    """Return why a test was made."""
    return _word(WHY_WORDS, why)


def way_words(way: object) -> str:
    """Return the sentence for a way as it was recorded (Route.told); empty for none."""
    if not isinstance(way, dict) or way.get("why") not in WAYS:
        return ""
    return str(WAYS[way["why"]]) % {
        "name": way.get("name", ""),
        "wanted": way.get("wanted"),
        "state": _word(STATE_WORDS, str(way.get("state", ""))),
    }


def _word(words: dict[str, _StrPromise], code: str) -> str:
    return str(words.get(code, code))
