"""What the API of strategies answers, described for its schema."""

from __future__ import annotations

from typing import Final

from btc_watcher.lib.api.answers import (
    anything,
    flag,
    many,
    moment,
    one,
    real,
    shape,
    text,
    texts,
    whatever,
    whole,
)

_LISTED: Final = {
    "id": whole(),
    "name": text(),
    "description": text(),
    "type": text("signal_monitor or trade_execution."),
    "version": text("Such as v1.2."),
    "status": text("stopped, starting, running, stopping or error."),
    "reason": text("Why it is in error, or is being started again."),
    "exchange": text(),
    "pairs": texts(),
    "timeframe": text(),
    "freqtrade_version": text("Null: the current one.", null=True),
    "live": flag("Whether it may trade for real."),
    "health": anything("What the last health round found; empty before the first."),
    "last_candles": anything("The last analysed candle by pair."),
    "heartbeat": moment("When its process was last seen.", null=True),
    "created_at": moment(),
    "updated_at": moment(),
}
STRATEGY = shape("Strategy", "A strategy, without its code.", _LISTED)
VERSION = shape(
    "StrategyVersion",
    "A version, without what it ran.",
    {
        "version": text(),
        "summary": text("What was changed."),
        "active": flag(),
        "by": text("Who changed it.", null=True),
        "created_at": moment(),
    },
)
VERSION_DETAIL = shape(
    "StrategyVersionDetail",
    "A version and all that it ran, secrets left out.",
    {
        **VERSION().get_fields(),
        "snapshot": anything("config, code included, and more."),
    },
)
COMPARED = shape(
    "StrategyComparison",
    "What differs between two versions.",
    {
        "old": text(),
        "new": text(),
        "settings": many(
            shape(
                "StrategyDifference",
                "One setting; null stands for one that is absent.",
                {
                    "name": text("Its path, such as config.pairs."),
                    "old": whatever(),
                    "new": whatever(),
                },
            )
        ),
        "code": many(
            shape(
                "StrategyCodeLine",
                "A line of both codes; a gap stands for equal lines left out.",
                {
                    "kind": text("same, removed, added or gap."),
                    "old_no": whole(null=True),
                    "new_no": whole(null=True),
                    "text": text(),
                },
            )
        ),
    },
)
PROCESS = shape(
    "StrategyProcess",
    "A process that ran the strategy, and how it ended.",
    {
        "pid": whole(null=True),
        "status": text(),
        "started_at": moment(null=True),
        "stopped_at": moment(null=True),
        "heartbeat": moment(null=True),
        "reason": text(null=True),
        "rss_mb": real(null=True),
        "freqtrade_version": text(null=True),
        "shared_process": text(
            "The process that it shared with others; rss_mb is its share then.",
            null=True,
        ),
    },
)
HOST = shape(
    "StrategyHost",
    "Where the strategy runs now; all null when it does not.",
    {
        "shared_process": text("The process that it shares with others.", null=True),
        "shared_with": whole("How many others.", null=True),
        "own_process": text(
            "Why it has a process of its own: off, trades, asked, old, broken, needs_bot,"
            " raised, hung, memory or ended.",
            null=True,
        ),
        "own_process_reason": text("The same as a sentence.", null=True),
    },
)
STRATEGY_DETAIL = shape(
    "StrategyDetail",
    "A strategy with all that it runs, secrets left out.",
    {
        **_LISTED,
        "config": anything("What runs, code included."),
        "freqtrade_config": anything(),
        "signal_thresholds": anything(),
        "parent": whole("What it was copied from.", null=True),
        "process": one(HOST),
        "versions": many(VERSION, "The newest 50."),
        "processes": many(PROCESS, "The newest 20."),
    },
)
ASKED = shape(
    "AskedStrategy",
    "A strategy that was asked for something, and the state that it is in now.",
    {"id": whole(), "name": text(), "status": text()},
)
ASKED_MANY = shape(
    "AskedStrategies",
    "What became of each strategy that was asked.",
    {
        "done": many(ASKED),
        "refused": texts("A sentence for each that was not."),
        "results": many(
            shape(
                "AskedResult",
                "What became of one, in the order in which they were named.",
                {
                    "id": whole(),
                    "done": flag(),
                    "status": text("The state that it is in now.", null=True),
                    "detail": text("Why it was not done.", null=True),
                },
            )
        ),
    },
)
