"""What the editor offers to choose from."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from freqtrade_mgmt.bot_config import SIMULATED
from freqtrade_mgmt.models import FreqtradeVersion
from freqtrade_mgmt.selectors import current_version, version_order
from proxies.models import Proxy
from proxies.words import choice_words

Choices = list[tuple[str, str]]

OTHER: Final = "other"
# Those that freqtrade tests itself, most used first.
EXCHANGES: Final = {
    "binance": "Binance",
    "okx": "OKX",
    "bybit": "Bybit",
    "gate": "Gate.io",
    "bitget": "Bitget",
    "kucoin": "KuCoin",
    "htx": "HTX",
    "kraken": "Kraken",
    "hyperliquid": "Hyperliquid",
}
TIMEFRAMES: Final = {
    "1m": gettext_lazy("1 minute"),
    "3m": gettext_lazy("3 minutes"),
    "5m": gettext_lazy("5 minutes"),
    "15m": gettext_lazy("15 minutes"),
    "30m": gettext_lazy("30 minutes"),
    "1h": gettext_lazy("1 hour"),
    "2h": gettext_lazy("2 hours"),
    "4h": gettext_lazy("4 hours"),
    "6h": gettext_lazy("6 hours"),
    "8h": gettext_lazy("8 hours"),
    "12h": gettext_lazy("12 hours"),
    "1d": gettext_lazy("1 day"),
    "3d": gettext_lazy("3 days"),
    "1w": gettext_lazy("1 week"),
    "1M": gettext_lazy("1 month"),
}


def exchange_choices() -> Choices:
    """Return the exchanges; the simulated one only where it runs."""
    simulated = [(SIMULATED, _("Simulated (demonstration)"))]
    return [
        *(simulated if settings.DEMO else []),
        *EXCHANGES.items(),
        (OTHER, _("Another one …")),
    ]


def timeframe_choices(stored: str) -> Choices:
    """Return the timeframes, and what is stored where it is none of them."""
    known = [(value, f"{value} · {words}") for value, words in TIMEFRAMES.items()]
    return known if stored in TIMEFRAMES or not stored else [(stored, stored), *known]


def proxy_choices(stored: str) -> Choices:
    """Return the enabled proxies by id; one that is stored stays, with a word on it."""
    found = [("", _("Direct, without a proxy"))]
    found += [
        (str(proxy.pk), choice_words(proxy))
        for proxy in Proxy.objects.all()
        if proxy.enabled or str(proxy.pk) == stored
    ]
    if stored and stored not in dict(found):
        found.append((stored, _("Proxy %(number)s (gone)") % {"number": stored}))
    return found


def versions_installed() -> list[str]:
    """Return the installed releases of freqtrade, newest first."""
    rows = FreqtradeVersion.objects.filter(is_installed=True)
    return sorted(rows.values_list("version", flat=True), key=version_order)[::-1]


def version_choices(stored: str, installed: list[str]) -> Choices:
    """Return the releases to run on; what is stored stays, with a word on it."""
    current = current_version() or _("none yet")
    found = [("", _("The current version (%(version)s)") % {"version": current})]
    found += [(version, version) for version in installed]
    if stored and stored not in installed:
        gone = _("%(version)s (not installed)") % {"version": stored}
        found.append((stored, gone))
    return found
