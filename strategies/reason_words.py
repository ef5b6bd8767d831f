"""The supervisor's sentences in the reader's language.

The supervisor speaks to nobody in particular: it stores its reasons in English. Here each
sentence of its own is found again and translated; what freqtrade or Python said stays.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Final

from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_noop as _

from strategies import runner_words
from strategies.sentences import NUMBER, WORD, sentence

# Those in freqtrade_mgmt.supervisor.
SENTENCES: Final = (
    sentence(_("it is no longer wanted")),
    sentence(_("it is restarted")),
    sentence(_("it moves to another node")),
    sentence(_("another node runs it now")),
    sentence(_("its lease could not be renewed")),
    sentence(_("its node %(node)s does not answer any more"), node=WORD),
    sentence(
        _(
            "Its node %(node)s does not answer and may still run it. If that machine is"
            " gone for good: manage.py"
        ),
        node=WORD,
    ),
    sentence(_("Node %(node)s cannot run it for now:"), node=WORD),
    sentence(_("No node can run it.")),
    sentence(
        _(
            "The disk is full at %(folder)s, so the bot's folder cannot be written. Free"
            " some space, then start the strategy again."
        )
    ),
    sentence(
        _(
            "The user btcw-bots that bots run as cannot be had on this machine; the log of"
            " its supervisor says why. They would be root, and on other nodes they are not."
        )
    ),
    (
        re.compile(r"freqtrade (?P<version>\S+) is being installed here\."),
        _("freqtrade %(version)s is being installed on its node."),
    ),
    sentence(_("the supervisor was stopped")),
    sentence(_("it gets a process of its own:")),
    sentence(_("the process that it shared with others ended:")),
    sentence(_("it has gone from the process that it shared with others")),
    sentence(_("it did not answer for %(seconds)s s"), seconds=NUMBER),
    sentence(_("strategy %(strategy)s could not be taken out of it"), strategy=NUMBER),
    sentence(_("it is of another release of BTC Watcher")),
    sentence(
        _(
            "The program of shared processes is missing: there is no %(file)s. Install BTC"
            " Watcher again, or set BTCW_RUNNERS=0."
        )
    ),
    sentence(_("it did not stop in %(seconds)s s"), seconds=NUMBER),
    sentence(_("it analysed nothing in %(seconds)s s"), seconds=NUMBER),
    sentence(_("it has stopped analysing candles")),
    sentence(_("it does not answer")),
    sentence(_("freqtrade has put itself into the state %(state)s"), state=r"\w+"),
    sentence(_("it was killed (signal 9); probably the machine ran out of memory")),
    sentence(_("it crashed (segmentation fault)")),
    sentence(_("it was told to end (signal 15) by somebody else")),
    sentence(_("it was ended by signal %(number)s"), number=NUMBER),
    sentence(_("we killed it, because")),
    sentence(_("It waits for room:")),
    sentence(
        _("it held %(held)s MB of memory and may hold %(most)s MB"),
        held=NUMBER,
        most=NUMBER,
    ),
    sentence(_("it ended while nobody was watching")),
    sentence(_("it ended by itself with code %(code)s"), code=NUMBER),
    sentence(
        _("It ended %(count)s times in %(minutes)s minutes:"),
        count=NUMBER,
        minutes=NUMBER,
    ),
    sentence(
        _(
            "%(name)s was not started: a bot needs about %(one)s MB, the %(count)s bots"
            " that run hold %(held)s MB, and all bots together may hold %(most)s MB. Stop"
            " another strategy, or raise BTCW_BOTS_MEMORY_MB."
        ),
        one=NUMBER,
        count=NUMBER,
        held=NUMBER,
        most=NUMBER,
    ),
    sentence(_("it may not go any way that is left")),
    sentence(_("Its proxy %(name)s is out, and")),
    sentence(_("Its proxy %(name)s is switched off, and")),
    sentence(_("Its proxy %(name)s does not exist any more, and")),
    sentence(
        _("it may not go any other way. It starts again by itself when that changes.")
    ),
    sentence(_("no other one is well. It starts again by itself when that changes.")),
    sentence(_("The proxy %(name)s refuses the user name or the password.")),
    sentence(_("Nobody answers at the address of the proxy %(name)s.")),
    sentence(_("The proxy %(name)s does not answer in time.")),
    sentence(_("The host name of the proxy %(name)s has no address.")),
    sentence(_("The proxy %(name)s cannot be reached.")),
    sentence(_("The proxy %(name)s does not connect to the exchange.")),
    *runner_words.SENTENCES,
)


def reason_shown(reason: str) -> str:
    """Return a stored reason in the active language."""
    if (get_language() or "en").startswith("en"):
        return reason
    for pattern, text in SENTENCES:
        reason = pattern.sub(partial(_translated, text), reason)
    return reason


def _translated(text: str, found: re.Match[str]) -> str:
    return gettext(text) % found.groupdict()
