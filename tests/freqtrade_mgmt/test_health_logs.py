"""What a bot's log says about the last minutes."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from freqtrade_mgmt.health import logs
from freqtrade_mgmt.health.logs import TAIL_BYTES, log_facts, redacted, telling
from freqtrade_mgmt.health.shapes import LogFacts

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SINCE = b"2026-11-22 11:55:00"


@pytest.fixture(autouse=True)
def _zone_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_machine_zone", lambda: UTC)


def line(level: str, words: str, minutes_ago: float = 1) -> str:
    moment = NOW - timedelta(minutes=minutes_ago)
    return f"{moment:%Y-%m-%d %H:%M:%S},123 - freqtrade.x - {level} - {words}\n"


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    return path


@pytest.mark.parametrize(
    ("level", "words", "counts"),
    [
        ("INFO", "Bot heartbeat. state='RUNNING'", (0, 0, 0)),
        ("WARNING", "Outdated history for pair BTC/USDT", (0, 0, 0)),
        ("ERROR", "uvicorn could not bind", (1, 0, 0)),
        ("CRITICAL", "everything is lost", (1, 0, 0)),
        ("WARNING", "Strategy caused the following exception: ValueError", (0, 1, 0)),
        ("WARNING", "P/Q: Strategy caused the following exception: X", (0, 1, 0)),
        ("WARNING", 'fetch_ticker() returned exception: "binance GET"', (0, 0, 1)),
        ("ERROR", "Could not load markets, therefore cannot start.", (0, 0, 1)),
        ("INFO", "RequestTimeout was handled", (0, 0, 0)),
    ],
)
def test_lines_are_counted_by_whose_trouble_they_tell(
    level: str, words: str, counts: tuple[int, int, int]
) -> None:
    facts = telling(line(level, words).encode(), SINCE)
    assert (facts.errors, facts.strategy_errors, facts.exchange_errors) == counts


def test_only_the_last_minutes_count_and_the_newest_words_are_kept() -> None:
    text = "".join(
        [
            line("ERROR", "long ago", 6),
            line("ERROR", "first", 4),
            "Traceback that belongs to it\n",
            line("ERROR", "last", 1),
        ]
    )
    facts = telling(text.encode(), SINCE)
    assert (facts.errors, facts.words) == (2, "last")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("GET http://u:p@proxy:8080/x failed", "GET http://***@proxy:8080/x failed"),
        ("ws?token=abc.def&x=1", "ws?token=***&x=1"),
        ("{'apiKey': 'abc', 'x': 1}", "{'apiKey': '***', 'x': 1}"),
        ("Authorization: Basic abcdef==", "Authorization: Basic ***"),
        ("it said s3cret-of-this-bot aloud", "it said *** aloud"),
        ("nothing secret here", "nothing secret here"),
    ],
)
def test_secrets_never_leave_the_log(text: str, told: str) -> None:
    assert redacted(text.encode(), ["s3cret-of-this-bot", ""]) == told


def test_words_are_cut_and_storable() -> None:
    words = redacted(b"\0" + b"x" * 10_000 + b"\xff")
    assert len(words) == 200
    assert "\0" not in words


def test_a_file_is_read_from_its_end_and_never_more_than_its_bound(
    tmp_path: Path,
) -> None:
    noise = line("INFO", "n" * 200)
    text = line("ERROR", "far away") + noise * (TAIL_BYTES // len(noise) + 5)
    path = written(tmp_path / "freqtrade.log", text + line("ERROR", "near"))
    facts = log_facts(path, NOW)
    assert (facts.errors, facts.words) == (1, "near")


def test_after_a_rotation_the_file_before_is_read_as_well(tmp_path: Path) -> None:
    path = written(tmp_path / "freqtrade.log", line("ERROR", "after"))
    written(tmp_path / "freqtrade.log.1", line("ERROR", "before", 2))
    facts = log_facts(path, NOW)
    assert (facts.errors, facts.words) == (2, "after")


def test_what_an_earlier_process_complained_of_does_not_count(tmp_path: Path) -> None:
    text = line("ERROR", "its own stop", 2) + line("ERROR", "of this one", 1)
    path = written(tmp_path / "freqtrade.log", text)
    facts = log_facts(path, NOW, born=NOW - timedelta(seconds=90))
    assert (facts.errors, facts.words) == (1, "of this one")


def test_a_log_that_nobody_wrote_lately_is_not_read(tmp_path: Path) -> None:
    path = written(tmp_path / "freqtrade.log", line("ERROR", "x"))
    os.utime(path, (1_000_000, 1_000_000))
    assert log_facts(path, NOW) == LogFacts()
    assert log_facts(tmp_path / "absent", NOW) == LogFacts()


def test_what_a_bot_put_in_place_of_its_log_is_not_followed(tmp_path: Path) -> None:
    secret = written(tmp_path / "secret", line("ERROR", "of the machine"))
    (tmp_path / "link.log").symlink_to(secret)
    os.mkfifo(tmp_path / "pipe.log")
    assert log_facts(tmp_path / "link.log", NOW) == LogFacts()
    assert log_facts(tmp_path / "pipe.log", NOW) == LogFacts()
