"""The supervisor's sentences in the reader's language.

The supervisor speaks to nobody in particular: it stores its reasons in English. Here each
sentence of its own is found again and translated; what freqtrade or Python said stays.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Final

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from strategies import runner_words

# Patterns of the sentences in freqtrade_mgmt.supervisor, with what they hold.
SENTENCES: Final = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"it is no longer wanted", _("it is no longer wanted")),
        (r"it is restarted", _("it is restarted")),
        (r"it moves to another node", _("it moves to another node")),
        (r"another node runs it now", _("another node runs it now")),
        (r"its lease could not be renewed", _("its lease could not be renewed")),
        (
            r"its node (?P<node>\S+) does not answer any more",
            _("its node %(node)s does not answer any more"),
        ),
        (
            r"Its node (?P<node>\S+) does not answer and may still run it\. If that"
            r" machine is gone for good: manage\.py",
            _(
                "Its node %(node)s does not answer and may still run it. If that machine"
                " is gone for good: manage.py"
            ),
        ),
        (
            r"Node (?P<node>\S+) cannot run it for now:",
            _("Node %(node)s cannot run it for now:"),
        ),
        (r"No node can run it\.", _("No node can run it.")),
        (
            r"The disk is full at (?P<folder>.+), so the bot's folder cannot be written\."
            r" Free some space, then start the strategy again\.",
            _(
                "The disk is full at %(folder)s, so the bot's folder cannot be written."
                " Free some space, then start the strategy again."
            ),
        ),
        (
            r"The user btcw-bots that bots run as cannot be had on this machine; the log of"
            r" its supervisor says why\. They would be root, and on other nodes they are"
            r" not\.",
            _(
                "The user btcw-bots that bots run as cannot be had on this machine; the log"
                " of its supervisor says why. They would be root, and on other nodes they"
                " are not."
            ),
        ),
        (
            r"freqtrade (?P<version>\S+) is being installed here\.",
            _("freqtrade %(version)s is being installed on its node."),
        ),
        (r"the supervisor was stopped", _("the supervisor was stopped")),
        (r"it gets a process of its own:", _("it gets a process of its own:")),
        (
            r"the process that it shared with others ended:",
            _("the process that it shared with others ended:"),
        ),
        (
            r"it has gone from the process that it shared with others",
            _("it has gone from the process that it shared with others"),
        ),
        (
            r"it did not answer for (?P<seconds>\d+) s",
            _("it did not answer for %(seconds)s s"),
        ),
        (
            r"strategy (?P<strategy>\d+) could not be taken out of it",
            _("strategy %(strategy)s could not be taken out of it"),
        ),
        (
            r"it is of another release of BTC Watcher",
            _("it is of another release of BTC Watcher"),
        ),
        (
            r"The program of shared processes is missing: there is no (?P<file>.+)\."
            r" Install BTC Watcher again, or set BTCW_RUNNERS=0\.",
            _(
                "The program of shared processes is missing: there is no %(file)s."
                " Install BTC Watcher again, or set BTCW_RUNNERS=0."
            ),
        ),
        (
            r"it did not stop in (?P<seconds>\d+) s",
            _("it did not stop in %(seconds)s s"),
        ),
        (
            r"it analysed nothing in (?P<seconds>\d+) s",
            _("it analysed nothing in %(seconds)s s"),
        ),
        (r"it has stopped analysing candles", _("it has stopped analysing candles")),
        (r"it does not answer", _("it does not answer")),
        (
            r"freqtrade has put itself into the state (?P<state>\w+)",
            _("freqtrade has put itself into the state %(state)s"),
        ),
        (
            r"it was killed \(signal 9\); probably the machine ran out of memory",
            _("it was killed (signal 9); probably the machine ran out of memory"),
        ),
        (
            r"it crashed \(segmentation fault\)",
            _("it crashed (segmentation fault)"),
        ),
        (
            r"it was told to end \(signal 15\) by somebody else",
            _("it was told to end (signal 15) by somebody else"),
        ),
        (
            r"it was ended by signal (?P<number>\d+)",
            _("it was ended by signal %(number)s"),
        ),
        (r"we killed it, because", _("we killed it, because")),
        (
            r"it held (?P<held>\d+) MB of memory and may hold (?P<most>\d+) MB",
            _("it held %(held)s MB of memory and may hold %(most)s MB"),
        ),
        (
            r"it ended while nobody was watching",
            _("it ended while nobody was watching"),
        ),
        (
            r"it ended by itself with code (?P<code>\d+)",
            _("it ended by itself with code %(code)s"),
        ),
        (
            r"It ended (?P<count>\d+) times in (?P<minutes>\d+) minutes:",
            _("It ended %(count)s times in %(minutes)s minutes:"),
        ),
        (
            r"(?P<name>.+) was not started: a bot needs about (?P<one>\d+) MB, the"
            r" (?P<count>\d+) bots that run hold (?P<held>\d+) MB, and all bots together"
            r" may hold (?P<most>\d+) MB\. Stop another strategy, or raise"
            r" BTCW_BOTS_MEMORY_MB\.",
            _(
                "%(name)s was not started: a bot needs about %(one)s MB, the %(count)s"
                " bots that run hold %(held)s MB, and all bots together may hold"
                " %(most)s MB. Stop another strategy, or raise BTCW_BOTS_MEMORY_MB."
            ),
        ),
        (
            r"it may not go any way that is left",
            _("it may not go any way that is left"),
        ),
        (r"Its proxy (?P<name>.+) is out, and", _("Its proxy %(name)s is out, and")),
        (
            r"Its proxy (?P<name>.+) is switched off, and",
            _("Its proxy %(name)s is switched off, and"),
        ),
        (
            r"Its proxy (?P<name>.+) does not exist any more, and",
            _("Its proxy %(name)s does not exist any more, and"),
        ),
        (
            r"it may not go any other way\. It starts again by itself when that changes\.",
            _(
                "it may not go any other way. It starts again by itself when that changes."
            ),
        ),
        (
            r"no other one is well\. It starts again by itself when that changes\.",
            _("no other one is well. It starts again by itself when that changes."),
        ),
        (
            r"The proxy (?P<name>.+) refuses the user name or the password\.",
            _("The proxy %(name)s refuses the user name or the password."),
        ),
        (
            r"Nobody answers at the address of the proxy (?P<name>.+)\.",
            _("Nobody answers at the address of the proxy %(name)s."),
        ),
        (
            r"The proxy (?P<name>.+) does not answer in time\.",
            _("The proxy %(name)s does not answer in time."),
        ),
        (
            r"The host name of the proxy (?P<name>.+) has no address\.",
            _("The host name of the proxy %(name)s has no address."),
        ),
        (
            r"The proxy (?P<name>.+) cannot be reached\.",
            _("The proxy %(name)s cannot be reached."),
        ),
        (
            r"The proxy (?P<name>.+) does not connect to the exchange\.",
            _("The proxy %(name)s does not connect to the exchange."),
        ),
        *runner_words.SENTENCES,
    )
)


def reason_shown(reason: str) -> str:
    """Return a stored reason in the active language."""
    if (get_language() or "en").startswith("en"):
        return reason
    for pattern, words in SENTENCES:
        reason = pattern.sub(partial(_translated, words), reason)
    return reason


def _translated(words: object, found: re.Match[str]) -> str:
    return str(words) % found.groupdict()
