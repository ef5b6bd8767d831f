"""Burst: 5,000 signals of one instant, beside bare executemany of the same rows."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
from django.utils import timezone
from psycopg.types.json import Jsonb

from btc_watcher.env import env
from btc_watcher.lib.garbage import garbage_settle
from notifications.models import Notification
from signals_app import feed
from signals_app.rows import rows_build
from signals_app.services import signals_record
from signals_app.statements import row_values
from tests.benchmarks.output import median, quick, report
from tests.benchmarks.setting import candle_close, make_strategies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from signals_app.candidates import Candidate

INSERT = (
    "INSERT INTO signals (id, timestamp, strategy_id, strategy_name, strategy_version,"
    " pair, exchange, timeframe, signal_type, strength_raw, strength_level, priority,"
    " price, indicators, metadata)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)


def bare_seconds(candidates: Sequence[Candidate]) -> float:
    """Return how long psycopg's executemany takes for the same rows, committed."""
    values = [row_values(row) for row in rows_build(candidates, {}, timezone.now())]
    rows = [
        tuple(Jsonb(v) if isinstance(v, dict) else v for v in row.values())
        for row in values
    ]
    with psycopg.connect(env.str("DATABASE_URL"), options="-c jit=off") as bare:
        started = time.perf_counter()
        with bare.cursor() as cursor:
            cursor.executemany(INSERT, rows)
        bare.commit()
        return time.perf_counter() - started


def intake_seconds(candidates: Sequence[Candidate]) -> tuple[float, float]:
    """Return how long the intake takes until all is shown, and until it has returned.

    Shown means committed with the outbox rows, in the stream and in the realtime list.
    After that the intake still enqueues the deliveries.
    """
    shown = 0.0
    publish = feed.publish

    def publish_and_note(events: Sequence[dict[str, Any]]) -> None:
        nonlocal shown
        publish(events)
        shown = time.perf_counter()

    feed.publish = publish_and_note
    try:
        started = time.perf_counter()
        intake = signals_record(candidates)
        returned = time.perf_counter()
    finally:
        feed.publish = publish
    assert intake.created == len(candidates), intake.refused[:1]
    return shown - started, returned - started


def main() -> None:
    """Measure both in turn and print the ratio of their rates."""
    strategies = make_strategies()
    # As the supervisor does.
    garbage_settle()
    now = timezone.now().replace(second=0, microsecond=0)
    ours, whole, bare = [], [], []
    # A round that is not counted: plans, imports and connections are warm after it.
    for step in range(1 + (3 if quick() else 9)):
        fresh = candle_close(strategies, now - timedelta(seconds=step))
        other = candle_close(
            strategies, now - timedelta(seconds=step, milliseconds=500)
        )
        shown, returned = intake_seconds(fresh)
        ours.append(shown)
        whole.append(returned)
        bare.append(bare_seconds(other))
    ours, whole, bare = ours[1:], whole[1:], bare[1:]
    told = Notification.objects.count()
    rows = len(strategies) * 100
    report(
        "burst",
        signals=rows,
        outbox_rows_each=told // (len(ours) + 1),
        intake_seconds_median=median(ours),
        intake_rate=rows / median(ours),
        seconds_with_deliveries_enqueued=median(whole),
        bare_executemany_seconds_median=median(bare),
        bare_rate=rows / median(bare),
        ratio=median([b / o for o, b in zip(ours, bare, strict=True)]),
        goal="ratio >= 0.60",
        repetitions=len(ours),
    )
