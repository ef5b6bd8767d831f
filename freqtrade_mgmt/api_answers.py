"""What the API of releases and operations answers, described for its schema."""

from __future__ import annotations

from typing import Final

from btc_watcher.lib.api.answers import (
    anything,
    flag,
    many,
    moment,
    one,
    real,
    rows,
    shape,
    text,
    texts,
    whole,
)

INDEX = shape(
    "ReleaseIndex",
    "How up to date the list is.",
    {
        "listed_at": moment(null=True),
        "asked_at": moment(null=True),
        "being_asked": flag(),
        "problem": text(null=True),
    },
)
BEING_ASKED = shape(
    "ReleasesBeingAsked", "Whether the index is being asked.", {"being_asked": flag()}
)
RELEASE = shape(
    "Release",
    "A release of freqtrade.",
    {
        "version": text(),
        "type": text("stable, develop or the like."),
        "released": text("A date.", null=True),
        "requires_python": text(null=True),
        "fits": flag("Whether this machine's Python fits.", null=True),
        "yanked": flag(null=True),
        "installed": flag(),
        "installed_at": moment(null=True),
        "current": flag("What strategies run that are not pinned to another."),
        "size": whole("Bytes.", null=True),
        "startup_seconds": real(null=True),
        "memory_mb": real(null=True),
        "interface_version": whole(null=True),
        "checked_at": text(null=True),
        "operation": whole("What is being done with it.", null=True),
        "changes": text("An address.", null=True),
        "used_by": many(
            shape(
                "ReleaseUse",
                "A strategy that runs it.",
                {"id": whole(), "name": text(), "pinned": flag(), "running": flag()},
            )
        ),
    },
)
_OPERATION: Final = {
    "id": whole(),
    "type": text("install, upgrade, downgrade or check."),
    "from_version": text(null=True),
    "to_version": text(null=True),
    "status": text(),
    "by": text(null=True),
    "started_at": moment(null=True),
    "completed_at": moment(null=True),
    "error": text(null=True),
}
OPERATION = shape("Operation", "What was done with a release.", _OPERATION)
OPERATION_DETAIL = shape(
    "OperationDetail",
    "An operation with its steps, how far it is, and the report.",
    {
        **_OPERATION,
        "backup_path": text(null=True),
        "waits_for": whole("The operation that has to end first.", null=True),
        "can_cancel": flag(),
        "can_roll_back": flag(),
        "progress": anything("Stage, percent, bytes, strategies."),
        "stages": rows("Each stage, its state, when it began and its seconds."),
        "steps": rows("What happened, oldest first."),
        "report": rows("Each strategy, and what became of it.", null=True),
    },
)
SOURCE = shape(
    "CandleSource",
    "A strategy whose candles can be read.",
    {
        "id": whole(),
        "name": text(),
        "exchange": text(),
        "pairs": texts(),
        "timeframe": text(),
        "timeframes": texts("Which its candles can be put together to."),
        "status": text(),
    },
)
CANDLES = shape(
    "Candles",
    "Candles of a pair, oldest first.",
    {
        "state": text("Where they come from, and whether they are up to date."),
        "message": text("What is wrong with them, if anything."),
        "candles": rows(
            "Each: open time (ms), open, high, low, close, volume, 1 when closed."
        ),
        "source": one(
            shape(
                "CandlesOf",
                "The strategy whose bot gave them.",
                {"id": whole(), "name": text(), "timeframe": text()},
            ),
            null=True,
        ),
        "earlier": flag("Whether there may be earlier ones."),
        "read": whole("When they were read (ms).", null=True),
        "next_close": whole("When the next candle closes (ms).", null=True),
        "now": whole("The server's clock (ms)."),
    },
)
MARKERS = shape(
    "Markers",
    "The signals of all strategies on a pair, oldest first.",
    {
        "cursor": text("Where the live feed goes on."),
        "markers": rows("Signals in short."),
        "cut": flag("Whether older ones of the range were left out."),
    },
)
_DRAFT: Final = {
    "id": whole(),
    "name": text(),
    "description": text(),
    "type": text(),
    "of": whole("The strategy that it changes; null for a new one.", null=True),
    "saved_by": text(null=True),
    "expires_at": moment(null=True),
    "updated_at": moment(),
    "trial": anything(
        "The state of its trial, and what it found; null before.", null=True
    ),
}
DRAFT = shape("Draft", "A draft of a strategy.", _DRAFT)
DRAFT_DETAIL = shape(
    "DraftDetail",
    "A draft with all that it would run.",
    {
        **_DRAFT,
        "config": anything(),
        "freqtrade_config": anything(),
        "signal_thresholds": anything(),
        "problems": texts("What keeps it from being published."),
    },
)
PUBLISHED = shape(
    "DraftPublished",
    "What became of it: published at once, or the trial was asked for that publishes it.",
    {
        "state": text("published or trial."),
        "strategy": whole("The strategy; null until the trial has passed.", null=True),
        "version": text(null=True),
    },
)
