"""The end of a log: nothing twice, nothing secret, and never more than a page can take."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from freqtrade_mgmt.log_tail.follow import KEPT_BYTES, LINE_BYTES, LINES, FileTail
from freqtrade_mgmt.log_tail.lines import LONGEST, LineReader
from freqtrade_mgmt.log_tail.redact import Redactor, secrets_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A log in a folder of its own, as a bot's is."""
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs" / "freqtrade.log"


@pytest.fixture
def tail(tmp_path: Path, path: Path) -> FileTail:
    """A tail of that log, which does not exist yet."""
    return FileTail(tmp_path, path)


def append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def lines(first: int, count: int) -> str:
    return "".join(f"line {number}\n" for number in range(first, first + count))


def words(raw: list[bytes]) -> list[str]:
    return [line.decode() for line in raw]


# -- Following --------------------------------------------------------------------


def test_the_last_lines_come_first_and_then_the_new_ones(
    tail: FileTail, path: Path
) -> None:
    append(path, lines(0, 500))
    assert words(tail.last(3)) == ["line 497", "line 498", "line 499"]
    assert tail.look().lines == []

    append(path, lines(500, 2))
    assert words(tail.look().lines) == ["line 500", "line 501"]
    assert tail.look().lines == []


def test_a_log_that_does_not_exist_yet_is_read_from_its_beginning(
    tail: FileTail, path: Path
) -> None:
    assert tail.last(200) == []
    assert tail.look().lines == []
    append(path, lines(0, 3))
    assert words(tail.look().lines) == ["line 0", "line 1", "line 2"]


def test_half_a_line_waits_for_its_other_half(tail: FileTail, path: Path) -> None:
    append(path, "whole\nha")
    assert words(tail.last(10)) == ["whole"]
    assert tail.look().lines == []
    append(path, "lf\n")
    assert words(tail.look().lines) == ["half"]


def test_a_rotated_log_is_followed_without_a_gap(tail: FileTail, path: Path) -> None:
    append(path, lines(0, 2))
    tail.last(10)
    append(path, lines(2, 1))
    path.rename(path.with_name("freqtrade.log.1"))
    append(path, lines(3, 2))

    assert words(tail.look().lines) == ["line 2", "line 3", "line 4"]


def test_a_fresh_log_is_filled_up_from_the_rotated_one(
    tail: FileTail, path: Path
) -> None:
    append(path.with_name("freqtrade.log.1"), lines(0, 300))
    append(path, lines(300, 2))
    assert words(tail.last(5)) == [f"line {n}" for n in range(297, 302)]


def test_a_log_that_was_cut_is_read_from_its_new_beginning(
    tail: FileTail, path: Path
) -> None:
    append(path, lines(0, 100))
    tail.last(10)
    os.truncate(path, 0)
    append(path, "anew\n")
    assert words(tail.look().lines) == ["anew"]


def test_a_log_that_vanishes_and_comes_back_is_followed_on(
    tail: FileTail, path: Path
) -> None:
    append(path, lines(0, 2))
    tail.last(10)
    path.unlink()
    assert tail.look().lines == []
    append(path, "back\n")
    assert words(tail.look().lines) == ["back"]


@pytest.mark.parametrize("count", [LINES + 1, LINES * 3, 60_000])
def test_what_is_too_much_is_counted_to_the_line(
    tail: FileTail, path: Path, count: int
) -> None:
    append(path, "before\n")
    tail.last(10)
    append(path, lines(0, count))

    read = tail.look()

    assert len(read.lines) == LINES
    assert words(read.lines)[-1] == f"line {count - 1}"
    assert read.left_out == count - LINES


def test_a_flood_in_the_middle_of_a_line_is_counted_too(
    tail: FileTail, path: Path
) -> None:
    append(path, "beg")
    tail.last(10)
    assert tail.look().lines == []
    append(path, "inning\n" + lines(0, 60_000) + "unfini")

    read = tail.look()
    assert read.left_out + len(read.lines) == 60_001
    append(path, "shed\n")
    assert words(tail.look().lines) == ["unfinished"]


def test_a_line_without_end_is_cut_and_given_once(tail: FileTail, path: Path) -> None:
    append(path, "first\n")
    tail.last(10)
    append(path, "x" * (LINE_BYTES + 10))
    read = tail.look()
    assert [len(line) for line in read.lines] == [LINE_BYTES]
    append(path, "y" * LINE_BYTES * 2)
    assert tail.look().lines == []
    append(path, "the end\nnext\n")
    assert words(tail.look().lines) == ["next"]


def test_a_megabyte_without_a_newline_does_no_harm(tail: FileTail, path: Path) -> None:
    append(path, "first\n")
    tail.last(10)
    append(path, "z" * (KEPT_BYTES * 8))
    read = tail.look()
    assert sum(map(len, read.lines)) <= LINE_BYTES
    append(path, "\nnext\n")
    assert words(tail.look().lines) == ["next"]


def test_a_link_that_a_strategy_left_is_not_followed(
    tail: FileTail, path: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("do not show\n")
    path.symlink_to(secret)
    assert tail.last(10) == []
    assert tail.look().lines == []


def test_a_closed_tail_holds_no_file(tail: FileTail, path: Path) -> None:
    append(path, lines(0, 2))
    held = Path("/proc/self/fd")
    before = len(list(held.iterdir()))
    tail.last(10)
    tail.close()
    assert len(list(held.iterdir())) == before


# -- Lines ------------------------------------------------------------------------


def plain(text: str) -> str:
    return text


def test_a_line_of_freqtrade_is_taken_apart() -> None:
    raw = b"2026-11-22 12:00:01,250 - freqtrade.worker - WARNING - slow - but alive"
    line = LineReader("log").read(raw, plain)
    assert (line.level, line.logger) == ("WARNING", "freqtrade.worker")
    assert line.text == "slow - but alive"
    assert line.time_ms is not None
    assert line.time_ms % 60_000 == 1_250


def test_a_traceback_has_the_level_of_its_message() -> None:
    reader = LineReader("log")
    texts = [
        b"2026-11-22 12:00:01,000 - a - ERROR - boom",
        b"Traceback (most recent call last):",
        b"ValueError: boom",
        b"2026-11-22 12:00:02,000 - a - INFO - on",
        b"more",
    ]
    levels = [reader.read(text, plain).level for text in texts]
    assert levels == ["ERROR", "ERROR", "ERROR", "INFO", "INFO"]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"\x1b[31mred\x1b[0m", "red"),
        (b"bell\x07 and \x00 nothing", "bell and  nothing"),
        (b"\xff\xfe broken", "�� broken"),
        ("信号".encode(), "信号"),
        (b"a" * (LONGEST + 1), "a" * LONGEST + " …"),
        (b"2026-99-99 12:00:01,250 - a - INFO - odd", "odd"),
    ],
)
def test_what_cannot_be_shown_is_taken_out(raw: bytes, text: str) -> None:
    assert LineReader("console").read(raw, plain).text == text


# -- Secrets ----------------------------------------------------------------------

CONFIGURATION = {
    "bot_name": "btcw-1",
    "exchange": {
        "name": "binance",
        "key": "AKIA-key-of-mine",
        "secret": "s3cr3t-of-mine",
        "pair_whitelist": ["BTC/USDT"],
        "ccxt_config": {"httpsProxy": "http://me:proxy-word@10.0.0.1:8080"},
    },
    "telegram": {"token": "12345:telegram-token"},
    "api_server": {
        "username": "btcw-ab12",
        "password": "api-password",
        "jwt_secret_key": "jwt-secret",
        "ws_token": "ws-token-1",
        "listen_ip_address": "127.0.0.1",
    },
}
SECRETS = {
    "AKIA-key-of-mine",
    "s3cr3t-of-mine",
    "proxy-word",
    "12345:telegram-token",
    "api-password",
    "jwt-secret",
    "ws-token-1",
}


def test_the_secrets_of_a_configuration_are_found_and_nothing_else() -> None:
    assert secrets_of(CONFIGURATION) == SECRETS
    assert secrets_of({"exchange": {"key": "", "secret": "short"}}) == set()


def test_known_secrets_are_hidden_wherever_they_stand() -> None:
    redact = Redactor(SECRETS)
    said = redact(" ".join(f"<{secret}>" for secret in sorted(SECRETS)))
    assert said == " ".join(["<***>"] * len(SECRETS))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /ws?token=abc.def-1&x=1", "GET /ws?token=***&x=1"),
        ("url?timestamp=1&signature=deadbeef", "url?timestamp=1&signature=***"),
        ("api_key=abc, apiSecret=def", "api_key=***, apiSecret=***"),
        ("proxy http://me:word@host:1 used", "proxy http://***@host:1 used"),
        ("socks5h://me@host", "socks5h://***@host"),
        ("{'secret': 'abc', 'pair': 'BTC'}", "{'secret': '***', 'pair': 'BTC'}"),
        ('"privateKey": "0xabc"', '"privateKey": "***"'),
        ("Authorization: Bearer abcdefghij.k", "Authorization: Bearer ***"),
        ("X-MBX-APIKEY=abc", "X-MBX-APIKEY=***"),
        # Ordinary talk stays.
        ("Basic information about tokens", "Basic information about tokens"),
        ("bought at https://x.y/z@1", "bought at https://x.y/z@1"),
        ("enter_tag=dip rsi=31.2", "enter_tag=dip rsi=31.2"),
        ("mail me@host.cc", "mail me@host.cc"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, shown: str) -> None:
    assert Redactor(())(text) == shown


def test_a_secret_across_the_cut_is_not_shown_by_half() -> None:
    raw = b"a" * (LONGEST - 5) + b" s3cr3t-of-mine and more"
    text = LineReader("log").read(raw, Redactor(SECRETS)).text
    assert "s3c" not in text


def test_a_nasty_line_costs_no_time() -> None:
    redact = Redactor(SECRETS)
    for text in ("a-" * 1_250, "token" * 500, "://" * 800, "key=" * 600):
        redact(text)
