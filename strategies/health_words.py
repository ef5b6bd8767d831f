"""What is said about the health of a strategy, in the reader's language. Pure.

Health is stored as codes with values (``health_metrics.health.reasons`` and
``health_metrics.alarms``), so that everybody reads it in their own language.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from strategies.reason_words import reason_shown

if TYPE_CHECKING:
    from collections.abc import Mapping

LEVELS: Final = {
    "good": gettext_lazy("healthy"),
    "fair": gettext_lazy("impaired"),
    "bad": gettext_lazy("not healthy"),
    "none": gettext_lazy("not rated"),
}
REASONS: Final = {
    "error_state": gettext_lazy("It was given up: %(reason)s"),
    "starting": gettext_lazy("It is being started."),
    "not_started": gettext_lazy(
        "It should run, but has had no process for %(minutes)d min."
    ),
    "not_alive": gettext_lazy("Its process has ended."),
    "no_answer": gettext_lazy("Its bot does not answer within %(seconds)s s."),
    "stranger": gettext_lazy("Another program answers on the port of its bot."),
    "not_running": gettext_lazy(
        "Its bot is in the state %(state)s and analyses nothing."
    ),
    "stands_still": gettext_lazy("Its bot has been standing still for %(seconds)d s."),
    "stale": gettext_lazy(
        "No new candle of %(pair)s for %(minutes)d min"
        " (stale pairs: %(count)d of %(pairs)d)."
    ),
    "no_candles": gettext_lazy("It has not analysed a candle yet."),
    "pair_dropped": gettext_lazy("freqtrade has dropped %(pairs)s from its pairs."),
    "strategy_fails": gettext_lazy(
        "The strategy fails (%(count)d in %(minutes)d min): %(words)s"
    ),
    "errors": gettext_lazy(
        "Errors in its log (%(count)d in %(minutes)d min): %(words)s"
    ),
    "exchange_errors": gettext_lazy(
        "The exchange fails (%(count)d in %(minutes)d min): %(words)s"
    ),
    "quiet": gettext_lazy("No signal in 24 hours, where %(usual)s a day are usual."),
    "few_signals": gettext_lazy(
        "Signals in 24 hours: %(signals)d, where %(usual)s a day are usual."
    ),
    "cpu": gettext_lazy("It uses %(percent)d %% of a processor core."),
    "memory": gettext_lazy("It uses %(mb)d MB of memory."),
    "supervisor_silent": gettext_lazy(
        "The supervisor has been silent for %(minutes)d min: the bot lives, but its"
        " signals are not collected."
    ),
}
ADVICE: Final = {
    "not_started": gettext_lazy(
        "Look at the strategy's page for the reason; the supervisor goes on trying."
    ),
    "not_alive": gettext_lazy(
        "It is started again by itself. If this is told again, look at its log."
    ),
    "no_answer": gettext_lazy("Look at its log; restart the strategy if it hangs."),
    "stranger": gettext_lazy("Restart the strategy: it then takes another port."),
    "not_running": gettext_lazy(
        "Look at its log for the error that stopped it, then restart the strategy."
    ),
    "stale": gettext_lazy(
        "Signals may be missing. Look at its log; check the pair at the exchange, the"
        " proxy and the network."
    ),
    "pair_dropped": gettext_lazy(
        "The exchange does not trade it, or not any more. Correct the strategy's pairs."
    ),
    "strategy_fails": gettext_lazy(
        "Correct the strategy's code; no signal comes while it fails."
    ),
    "errors": gettext_lazy("Look at its log."),
    "quiet": gettext_lazy(
        "Perhaps the market is calm. Compare with the chart, and check the strategy's"
        " last change."
    ),
    "exchange": gettext_lazy(
        "The alarms of the strategies behind it are muted. Check the exchange's status"
        " page and the network."
    ),
    "proxy": gettext_lazy(
        "The alarms of the strategies behind it are muted. Test the proxy, or choose"
        " another one."
    ),
    "supervisor": gettext_lazy(
        "No signal is collected until it is back. Start it again; missed candles are"
        " then filled in."
    ),
}
# Alarms of what many strategies hang on; their code is "kind" or "kind:key".
GROUPS: Final = {
    "exchange": gettext_lazy(
        "The exchange %(name)s gives no candles (affected strategies: %(count)d of"
        " %(members)d)."
    ),
    "proxy": gettext_lazy(
        "The proxy %(name)s lets nothing through (affected strategies: %(count)d of"
        " %(members)d)."
    ),
    "supervisor": gettext_lazy(
        "The supervisor is silent (affected strategies: %(count)d of %(members)d)."
    ),
}


def reason_text(code: str, values: Mapping[str, Any]) -> str:
    """Return the sentence for a reason or an alarm.

    A code or values of another version never break a page: then the code is told.
    """
    kind = code.partition(":")[0]
    template = REASONS.get(code) or GROUPS.get(kind)
    if template is None:
        return code
    told = dict(values)
    if isinstance(reason := told.get("reason"), str):
        told["reason"] = reason_shown(reason)
    try:
        return str(template) % told
    except (KeyError, TypeError, ValueError):
        return code


def advice_text(code: str) -> str:
    """Return what to do about an alarm, or nothing."""
    return str(ADVICE.get(code.partition(":")[0], ""))


def level_text(level: str) -> str:
    """Return the word for a level: good, fair, bad or none."""
    return str(LEVELS.get(level, level))


def muted_text(muted_by: str) -> str:
    """Return why an alarm is not told: ``muted_by`` is the alarm of its cause."""
    kind, _colon, name = muted_by.partition(":")
    sentences = {
        "exchange": _("Muted: the exchange %(name)s is out."),
        "proxy": _("Muted: its proxy is out."),
        "supervisor": _("Muted: the supervisor is silent."),
    }
    template = sentences.get(kind)
    return template % {"name": name} if template else muted_by
