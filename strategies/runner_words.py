"""The sentences of shared processes in the reader's language.

A shared process runs under freqtrade's own Python and says in English why a strategy
cannot stay in it; ``strategies.reason_words`` finds these sentences again.
"""

from __future__ import annotations

import re
from typing import Final

from django.utils.translation import gettext_noop as _

from strategies.sentences import NUMBER, WORD, sentence

# Those in freqtrade_mgmt.runner; what stands in others comes after them.
SENTENCES: Final = (
    sentence(_("It uses FreqAI.")),
    sentence(_("It follows producers.")),
    sentence(_("Its bot sends messages itself.")),
    sentence(_("It trades with real money.")),
    sentence(_("It opens trades.")),
    sentence(_("It reads the exchange's stream.")),
    sentence(_("It reads the exchange's trades.")),
    sentence(_("Its list of pairs changes by itself.")),
    sentence(
        _(
            "It analyses again and again while a candle is open (process_only_new_candles)."
        )
    ),
    sentence(_("It uses %(what)s (%(name)s, line %(line)s)."), name=WORD, line=NUMBER),
    sentence(
        _("It changes what all share in a process (%(what)s, line %(line)s)."),
        line=NUMBER,
    ),
    sentence(_("It changes what all share in a process (%(what)s).")),
    sentence(_("It imports %(file)s only while it analyses."), file=WORD),
    sentence(_("It has a module that nobody can read (%(file)s).")),
    sentence(_("It has another exchange, market or way to it than this runner.")),
    sentence(
        _("It asked for more memory at once than its share of %(share)s MB."),
        share=NUMBER,
    ),
    sentence(_("It asked for more memory than its share.")),
    sentence(
        _("It needed %(held)s MB of memory; %(share)s MB are its share."),
        held=NUMBER,
        share=NUMBER,
    ),
    sentence(_("The analysis of %(pair)s gave no result."), pair=WORD),
    sentence(
        _("The analysis of %(pair)s took longer than %(seconds)s s, and was ended."),
        pair=WORD,
        seconds=WORD,
    ),
    sentence(
        _("Loading the strategy took longer than %(seconds)s s, and was ended."),
        seconds=WORD,
    ),
    sentence(
        _("Ending the strategy took longer than %(seconds)s s, and was ended."),
        seconds=WORD,
    ),
    sentence(
        _("%(name)s took longer than %(seconds)s s, and was ended."),
        name=r"bot_loop_start|informative_pairs",
        seconds=WORD,
    ),
    sentence(
        _("A question took longer than %(seconds)s s, and was ended."), seconds=WORD
    ),
    sentence(_("The strategy ended the whole program (code %(code)s).")),
    # What stands in the sentences above.
    sentence(_("trades, locks or the wallet of its own")),
    sentence(_("settings of the whole process")),
    sentence(_("the candles of producers")),
    sentence(_("threads or processes of its own")),
    sentence(_("the folder that it runs in")),
    sentence(_("NumPy's handling of errors")),
    (re.compile(r"the locale(?=[)）])"), _("the locale")),
    sentence(_("pandas' options")),
    sentence(_("what is logged")),
    (re.compile(r"(?<=[(（])threads(?=[)）])"), _("threads")),
)
