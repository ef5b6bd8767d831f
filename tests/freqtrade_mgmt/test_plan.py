"""The supervisor's decisions as tables of cases."""

from __future__ import annotations

from typing import Any

import pytest

from freqtrade_mgmt.supervisor.plan import (
    Cause,
    End,
    Kind,
    Observed,
    Phase,
    cause_of,
    end_in_words,
    plan,
    raised_in,
    verdict,
)

NOW = 5_000.0


def bot(**changes: Any) -> Observed:
    values: dict[str, Any] = {
        "strategy_id": 1,
        "phase": Phase.RUNNING,
        "alive": True,
        "proven": True,
        "since": NOW - 5,
    }
    return Observed(**(values | changes))


@pytest.mark.parametrize(
    ("wanted", "observed", "expected"),
    [
        ({1}, [], [Kind.START]),
        (set(), [], []),
        ({1}, [bot()], []),
        ({1}, [bot(proven=False)], [Kind.DOUBT]),
        (set(), [bot()], [Kind.STOP]),
        ({1}, [bot(phase=Phase.STARTING)], [Kind.PROVE]),
        ({1}, [bot(phase=Phase.STARTING, proven=False)], []),
        ({1}, [bot(phase=Phase.STARTING, proven=False, since=NOW - 121)], [Kind.STOP]),
        (
            {1},
            [bot(phase=Phase.STARTING, proven=False, healthy=True, since=NOW - 900)],
            [],
        ),
        (
            {1},
            [bot(phase=Phase.STARTING, proven=False, healthy=True, since=NOW - 1801)],
            [Kind.STOP],
        ),
        (set(), [bot(phase=Phase.STARTING, proven=False)], [Kind.STOP]),
        ({1}, [bot(alive=False)], [Kind.BURY]),
        (set(), [bot(alive=False, phase=Phase.STOPPING)], [Kind.BURY]),
        (set(), [bot(phase=Phase.STOPPING)], []),
        (set(), [bot(phase=Phase.STOPPING, since=NOW - 16)], [Kind.KILL]),
        ({1}, [bot(phase=Phase.STOPPING)], []),
        ({1}, [bot(current=False)], [Kind.STOP]),
        ({1}, [bot(current=False, phase=Phase.STARTING, proven=False)], [Kind.STOP]),
        ({1}, [bot(current=False, phase=Phase.STOPPING)], []),
        ({1}, [bot(excess="it held too much")], [Kind.KILL]),
        ({1}, [bot(excess="it held too much", alive=False)], [Kind.BURY]),
        (set(), [bot(excess="it held too much")], [Kind.STOP]),
    ],
)
def test_wanted_and_observed_become_actions(
    wanted: set[int], observed: list[Observed], expected: list[Kind]
) -> None:
    actions = plan(wanted, observed, {}, NOW, starts_at_once=2)

    assert [action.kind for action in actions] == expected


def test_starts_are_staggered() -> None:
    starting = [bot(strategy_id=9, phase=Phase.STARTING, proven=False)]

    actions = plan({1, 2, 3, 9}, starting, {}, NOW, starts_at_once=2)

    assert [action.strategy_id for action in actions] == [1]


def test_bots_that_ran_and_are_doubted_keep_nobody_from_starting() -> None:
    doubted = [
        bot(strategy_id=n, phase=Phase.STARTING, proven=False, healthy=True, ran=True)
        for n in (7, 8, 9)
    ]

    actions = plan({1, 7, 8, 9}, doubted, {}, NOW, starts_at_once=2)

    assert [(action.kind, action.strategy_id) for action in actions] == [
        (Kind.START, 1)
    ]


def test_those_that_fail_again_and_again_leave_room_for_who_was_never_tried() -> None:
    waiting = {1: NOW - 1, 2: NOW - 60}

    actions = plan({1, 2, 3}, [], waiting, NOW, starts_at_once=1)
    assert [action.strategy_id for action in actions] == [3]

    actions = plan({1, 2}, [], waiting, NOW, starts_at_once=1)
    assert [action.strategy_id for action in actions] == [2]


def test_a_delay_is_kept() -> None:
    waiting = {1: NOW + 1, 2: NOW}

    actions = plan({1, 2}, [], waiting, NOW, starts_at_once=9)

    assert [action.strategy_id for action in actions] == [2]


def test_delays_grow_with_jitter_and_have_a_cap() -> None:
    ends: list[End] = []
    delays = []
    for _ in range(9):
        decision = verdict(Cause.EXCHANGE, ends, NOW, "down", dice=0.0)
        delays.append(decision.delay)
        ends.append(End(NOW, Cause.EXCHANGE))

    assert delays == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    assert verdict(Cause.EXCHANGE, [], NOW, "", dice=1.0).delay == 6.25


def test_an_exchange_that_is_down_is_waited_for_without_end() -> None:
    ends = [End(NOW, Cause.EXCHANGE)] * 50

    assert not verdict(Cause.EXCHANGE, ends, NOW, "", 0.0).give_up


def test_a_crash_after_a_long_outage_of_the_exchange_is_no_crash_loop() -> None:
    ends = [End(NOW - 1, Cause.EXCHANGE)] * 50

    assert not verdict(Cause.CRASH, ends, NOW, "it was killed", 0.0).give_up


def test_a_configuration_error_is_not_tried_again() -> None:
    assert verdict(Cause.CONFIGURATION, [], NOW, "bad", 0.0).give_up


def test_five_crashes_in_ten_minutes_are_given_up_and_older_ones_forgotten() -> None:
    recent = [End(NOW - 1, Cause.CRASH)] * 4
    older = [End(NOW - 601, Cause.CRASH)] * 9

    assert verdict(Cause.CRASH, recent, NOW, "it died", 0.0).give_up
    assert "5 times in 10 minutes: it died" in (
        verdict(Cause.CRASH, recent, NOW, "it died", 0.0).reason
    )
    assert not verdict(Cause.CRASH, older, NOW, "", 0.0).give_up


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        (
            "freqtrade - ERROR - Impossible to load Strategy 'X'. This class does not"
            " exist or contains Python code errors.",
            Cause.CONFIGURATION,
        ),
        ("freqtrade - ERROR - Configuration error: bad", Cause.CONFIGURATION),
        (
            "2026 - freqtrade - ERROR - Could not load markets, therefore cannot start.",
            Cause.EXCHANGE,
        ),
        ("2026 - freqtrade - ERROR - something else", Cause.CRASH),
        ("", Cause.CRASH),
    ],
)
def test_the_log_tells_the_cause(line: str, cause: Cause) -> None:
    assert cause_of(f"a line before\n{line}\n", 2)[0] is cause


def test_the_last_telling_line_of_the_log_counts() -> None:
    markets = "x - freqtrade - ERROR - Could not load markets, therefore cannot start."
    wrong = "x - freqtrade - ERROR - Configuration error: no such pair"

    assert cause_of(f"{markets}\n{wrong}", 2)[0] is Cause.CONFIGURATION
    assert cause_of(f"{wrong}\n{markets}", 2)[0] is Cause.EXCHANGE


def test_a_killed_bot_did_not_end_for_what_its_log_says() -> None:
    line = "x - freqtrade - ERROR - Configuration error: bad"

    assert cause_of(line, -9)[0] is Cause.CRASH


@pytest.mark.parametrize(
    ("said", "raised"),
    [
        (
            "Strategy caused the following exception: KeyError('rsi') in"
            ' "dataframe["rsi"]", calling populate_entry_trend',
            "KeyError('rsi')",
        ),
        (
            "Unexpected error ZeroDivisionError('division by zero') calling"
            " <bound method Mine.populate_indicators of Mine>",
            "ZeroDivisionError('division by zero')",
        ),
        ("Unable to analyze candle (OHLCV) data for pair BTC/USDT: 'rsi'", ""),
    ],
)
def test_what_a_strategy_raised_last_is_found_in_its_log(
    said: str, raised: str
) -> None:
    before = "x - strategy_wrapper - ERROR - Unexpected error OSError() calling <f>\n"
    line = f"x - strategy_wrapper - ERROR - {said}\n"
    after = "x - interface - WARNING - Unable to analyze candle\n"

    assert raised_in(f"{line}{after}") == raised
    assert raised_in(f"{before}{line}{after}") == (raised or "OSError()")


def test_a_failed_import_is_told_with_the_strategy_that_needs_it() -> None:
    log = (
        "x - iresolver - WARNING - Could not import S.py due to 'No module named y'\n"
        "x - freqtrade - ERROR - Impossible to load Strategy 'S'. It has errors."
    )

    assert "No module named y" in cause_of(log, 2)[1]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-9, "probably the machine ran out of memory"),
        (-11, "segmentation fault"),
        (-6, "signal 6"),
        (0, "it ended by itself with code 0"),
        (None, "while nobody was watching"),
    ],
)
def test_ends_are_told_in_words(code: int | None, words: str) -> None:
    assert words in end_in_words(code, "the last line")
    assert end_in_words(code, "the last line").endswith(": the last line")
