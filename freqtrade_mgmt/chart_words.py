"""What the chart page says, in the reader's language."""

from __future__ import annotations

from typing import Any, Final

from django.utils import timezone
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from signals_app.models import Level, SignalType

REASONS: Final = {
    "unknown": _("This strategy does not exist any more."),
    "nobody": _("No strategy watches this pair in candles that fit this timeframe."),
    "stopped": _("The bot of %(name)s is stopped. Start the strategy to see candles."),
    "starting": _(
        "The bot of %(name)s is starting. Candles appear after its first analysis."
    ),
    "error": _(
        "The bot of %(name)s ended with an error. The strategy's page says why."
    ),
    "silent": _(
        "The bot of %(name)s does not answer. The chart tries again by itself."
    ),
    "empty": _("The bot of %(name)s has not analysed this pair yet."),
}
BEHIND: Final = _(
    "The bot of %(name)s is behind: its newest candle closed some time ago."
)


def reason_text(reason: str, name: str) -> str:
    """Return the sentence for why there are no (new) candles, "" for no reason."""
    return str(REASONS[reason]) % {"name": name} if reason else ""


def behind_text(name: str) -> str:
    """Return the sentence for a bot that answers and lacks closed candles."""
    return str(BEHIND) % {"name": name}


def chart_words() -> dict[str, Any]:
    """Return what the page's script says, and how it writes times.

    ``{name}`` stands for a value that the script puts in.
    """
    return {
        "language": "zh-CN" if (get_language() or "").startswith("zh") else "en-GB",
        "zone": timezone.get_current_timezone_name(),
        "types": {str(key): str(word) for key, word in SignalType.choices},
        "levels": {str(key): str(word) for key, word in Level.choices},
        "connection": {
            "online": str(_("Connected")),
            "connecting": str(_("Connecting")),
            "offline": str(_("Disconnected; trying again")),
        },
        "prices": {name: str(text) for name, text in PRICES.items()},
        **{name: str(text) for name, text in SENTENCES.items()},
    }


PRICES: Final = {
    "open": pgettext_lazy("price of a candle", "O"),
    "high": pgettext_lazy("price of a candle", "H"),
    "low": pgettext_lazy("price of a candle", "L"),
    "close": pgettext_lazy("price of a candle", "C"),
}


SENTENCES: Final = {
    "loading": _("Loading candles …"),
    "noAnswer": _("The server does not answer. Trying again in {seconds} s."),
    "kept": _("The candles shown were read at {time}."),
    "windowEnds": _("The bot's candles begin here, at {time}."),
    "beforeWindow": _("The bot keeps no candles before {time}."),
    "afterWindow": _("There are no candles after {time} yet."),
    "noDate": _("Write a date and a time first."),
    "cut": _("Only the newest {count} signals of this range are drawn."),
    "noMarkersInView": _("No signals in view."),
    "forming": _("forming"),
    "strength": _("Strength"),
    "price": _("Price"),
    "candleClose": _("Candle close"),
    "strategy": _("Strategy"),
    "timeframe": _("Timeframe"),
    "mark": _("Mark"),
    "tag": _("Tag"),
    "streak": _("Streak"),
    "late": _("late"),
    "open": _("Open the signal"),
    "close": _("Close"),
    "others": _("On the same candle"),
    "inView": _("{count} in view"),
    "volume": _("Vol"),
    "source": _("{timeframe} candles of the bot of {name}"),
    "made": _("{timeframe} candles made from the {base} candles of the bot of {name}"),
    "chartLabel": _(
        "Candles of {pair}. Arrow keys move, plus and minus zoom, Home and End jump,"
        " N and P go from signal to signal."
    ),
}
