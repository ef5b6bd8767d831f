"""The sentences of shared processes in the reader's language.

A shared process runs under freqtrade's own Python and says in English why a strategy
cannot stay in it; ``strategies.reason_words`` finds these sentences again.
"""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

# Patterns of the sentences in freqtrade_mgmt.runner, with what they hold; what stands in
# others comes after them.
SENTENCES: Final = (
    (r"It uses FreqAI\.", _("It uses FreqAI.")),
    (r"It follows producers\.", _("It follows producers.")),
    (r"Its bot sends messages itself\.", _("Its bot sends messages itself.")),
    (r"It trades with real money\.", _("It trades with real money.")),
    (r"It opens trades\.", _("It opens trades.")),
    (r"It reads the exchange's stream\.", _("It reads the exchange's stream.")),
    (r"It reads the exchange's trades\.", _("It reads the exchange's trades.")),
    (
        r"Its list of pairs changes by itself\.",
        _("Its list of pairs changes by itself."),
    ),
    (
        r"It analyses again and again while a candle is open"
        r" \(process_only_new_candles\)\.",
        _(
            "It analyses again and again while a candle is open"
            " (process_only_new_candles)."
        ),
    ),
    (
        r"It uses (?P<what>.+) \((?P<name>\S+), line (?P<line>\d+)\)\.",
        _("It uses %(what)s (%(name)s, line %(line)s)."),
    ),
    (
        r"It changes what all share in a process"
        r" \((?P<what>.+), line (?P<line>\d+)\)\.",
        _("It changes what all share in a process (%(what)s, line %(line)s)."),
    ),
    (
        r"It changes what all share in a process \((?P<what>.+)\)\.",
        _("It changes what all share in a process (%(what)s)."),
    ),
    (
        r"It imports (?P<file>\S+) only while it analyses\.",
        _("It imports %(file)s only while it analyses."),
    ),
    (
        r"It has a module that nobody can read \((?P<file>.+)\)\.",
        _("It has a module that nobody can read (%(file)s)."),
    ),
    (
        r"It has another exchange, market or way to it than this runner\.",
        _("It has another exchange, market or way to it than this runner."),
    ),
    (
        r"It asked for more memory at once than its share of (?P<share>\d+) MB\.",
        _("It asked for more memory at once than its share of %(share)s MB."),
    ),
    (
        r"It asked for more memory than its share\.",
        _("It asked for more memory than its share."),
    ),
    (
        r"It needed (?P<held>\d+) MB of memory; (?P<share>\d+) MB are its share\.",
        _("It needed %(held)s MB of memory; %(share)s MB are its share."),
    ),
    (
        r"The analysis of (?P<pair>\S+) gave no result\.",
        _("The analysis of %(pair)s gave no result."),
    ),
    (
        r"The analysis of (?P<pair>\S+) took longer than (?P<seconds>\S+) s, and was"
        r" ended\.",
        _("The analysis of %(pair)s took longer than %(seconds)s s, and was ended."),
    ),
    (
        r"Loading the strategy took longer than (?P<seconds>\S+) s, and was ended\.",
        _("Loading the strategy took longer than %(seconds)s s, and was ended."),
    ),
    (
        r"Ending the strategy took longer than (?P<seconds>\S+) s, and was ended\.",
        _("Ending the strategy took longer than %(seconds)s s, and was ended."),
    ),
    (
        r"(?P<name>bot_loop_start|informative_pairs) took longer than (?P<seconds>\S+) s,"
        r" and was ended\.",
        _("%(name)s took longer than %(seconds)s s, and was ended."),
    ),
    (
        r"A question took longer than (?P<seconds>\S+) s, and was ended\.",
        _("A question took longer than %(seconds)s s, and was ended."),
    ),
    (
        r"The strategy ended the whole program \(code (?P<code>.+)\)\.",
        _("The strategy ended the whole program (code %(code)s)."),
    ),
    # What stands in the sentences above.
    (
        r"trades, locks or the wallet of its own",
        _("trades, locks or the wallet of its own"),
    ),
    (r"settings of the whole process", _("settings of the whole process")),
    (r"the candles of producers", _("the candles of producers")),
    (r"threads or processes of its own", _("threads or processes of its own")),
    (r"the folder that it runs in", _("the folder that it runs in")),
    (r"NumPy's handling of errors", _("NumPy's handling of errors")),
    (r"the locale(?=[)）])", _("the locale")),
    (r"pandas' options", _("pandas' options")),
    (r"what is logged", _("what is logged")),
    (r"(?<=[(（])threads(?=[)）])", _("threads")),
)
