"""A strategy's own page and the parts of it that refresh themselves."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from proxies.models import Proxy
from strategies.health_words import advice_text, reason_text
from strategies.models import Status
from strategies.services import (
    performance_merge,
    process_stopped,
    strategy_copy,
    strategy_update,
)
from tests.strategies.pages import (
    CONFIG,
    made,
    plain,
    process,
    put,
    running,
    shown,
)

if TYPE_CHECKING:
    from django.test import Client

    from accounts.models import User

pytestmark = pytest.mark.django_db


def test_it_shows_the_state_and_everything_that_runs(pages: Client) -> None:
    proxy = Proxy.objects.create(name="Tokyo", type="http", host="127.0.0.1", port=1)
    strategy = running(
        "ema cross",
        config={
            "strength": {"expression": "abs(rsi - 50) * 2", "default": 40},
            "template": {"name": "ma_cross", "parameters": {"fast": 12}},
            "notify_every": 3,
        },
    )
    strategy_update(
        strategy.pk,
        by=None,
        freqtrade_config={
            "version": "2026.7",
            "proxy": proxy.pk,
            "unfilledtimeout": {"entry": 10},
        },
    )
    words = plain(shown(pages, f"/strategies/{strategy.pk}/"))
    for word in (
        "running",
        "signals only",
        "v1.1",
        "100",
        "usual: 12.5",
        "BTC/USDT",
        "the column signal_strength",
        "the expression abs(rsi - 50) * 2",
        "otherwise 40, marked as a default",
        "the first candle of a streak and every 3 candles",
        "Moving averages cross",
        "Fast average 12",
        "2026.7",
        "(now 2026.9)",
        "Tokyo",
        "unfilledtimeout.entry 10",
        "strong from 80",
        "6 lines",
        "3.2 % of a processor core",
    ):
        assert word in words, (word, words)


def test_the_parts_of_other_apps_are_fetched_by_their_addresses(pages: Client) -> None:
    strategy = made("one")
    page = shown(pages, f"/strategies/{strategy.pk}/")
    assert f'hx-get="/strategies/{strategy.pk}/log/"' in page
    assert f'hx-get="/strategies/{strategy.pk}/signals/"' in page
    assert f'data-refresh="/strategies/{strategy.pk}/health/"' in page


def test_code_is_shown_as_text(pages: Client) -> None:
    strategy = made(
        "one", config={"code": "class Cross: ...\n# <script>alert(1)</script>"}
    )
    page = shown(pages, f"/strategies/{strategy.pk}/")
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


def test_reasons_come_with_what_to_do(pages: Client) -> None:
    values = {"pair": "ETH/USDT", "minutes": 20, "count": 1, "pairs": 2}
    reasons = [{"code": "stale", "values": values, "cost": 55}]
    strategy = running("one", score=45, level="bad", reasons=reasons)
    words = plain(shown(pages, f"/strategies/{strategy.pk}/"))
    assert reason_text("stale", values) in words
    assert advice_text("stale") in words
    assert "\N{MINUS SIGN}55" in words


def test_processes_tell_how_long_and_how_they_ended(pages: Client) -> None:
    strategy = made("one")
    now = timezone.now()
    ended = process(strategy, start_time=now - timedelta(hours=5))
    process_stopped(
        ended.pk,
        status=Status.ERROR,
        reason="it was killed by signal 9, probably out of memory",
        moment=now - timedelta(hours=2, minutes=30),
    )
    words = plain(shown(pages, f"/strategies/{strategy.pk}/"))
    assert "2 h 30 min" in words
    assert "probably out of memory" in words
    assert "4711" in words


def test_what_never_ran_says_so(pages: Client) -> None:
    strategy = made("one")
    words = plain(shown(pages, f"/strategies/{strategy.pk}/"))
    assert "It has never run." in words
    assert "Health is rated while the strategy is wanted to run." in words
    assert "none: directly" in words


def test_the_history_of_health_is_there_to_be_drawn(pages: Client) -> None:
    strategy = running("one")
    history = [[1_795_000_000, 100], [1_795_000_300, 20]]
    performance_merge(strategy.pk, {"health_history": history})
    page = shown(pages, f"/strategies/{strategy.pk}/health/")
    found = re.search(r'data-spark="([^"]*)"', page)
    assert found
    assert json.loads(found[1]) == history


def test_copies_and_originals_know_each_other(pages: Client, trader: User) -> None:
    original = made("original")
    copy = strategy_copy(original.pk, name="second", by=trader)
    assert f'<a href="/strategies/{copy.pk}/">second</a>' in shown(
        pages, f"/strategies/{original.pk}/"
    )
    assert f'<a href="/strategies/{original.pk}/">original</a>' in shown(
        pages, f"/strategies/{copy.pk}/"
    )


def test_the_buttons_are_those_that_make_sense(pages: Client) -> None:
    strategy = made("one")
    path = f"/strategies/{strategy.pk}/"
    assert re.findall(r'value="(start|stop|restart)"', shown(pages, path)) == ["start"]
    put(strategy, "running")
    found = re.findall(r'value="(start|stop|restart)"', shown(pages, path))
    assert found == ["restart", "stop"]


def test_somebody_who_only_looks_sees_no_buttons(looking: Client) -> None:
    strategy = running("one")
    page = shown(looking, f"/strategies/{strategy.pk}/")
    assert "ema" not in page
    for part in ('name="action"', "/edit/", "/copy/"):
        assert part not in page
    assert 'name="action"' not in shown(looking, f"/strategies/{strategy.pk}/health/")


def test_what_does_not_exist_or_is_a_draft_is_not_found(pages: Client) -> None:
    assert pages.get("/strategies/999999/").status_code == 404
    assert pages.get("/strategies/999999/health/").status_code == 404
    draft = made("draft")
    type(draft).objects.filter(pk=draft.pk).update(is_draft=True)
    assert pages.get(f"/strategies/{draft.pk}/").status_code == 404


def test_the_number_of_queries_does_not_grow(pages: Client) -> None:
    strategy = running("one")

    def queries() -> int:
        shown(pages, f"/strategies/{strategy.pk}/")
        with CaptureQueriesContext(connection) as seen:
            shown(pages, f"/strategies/{strategy.pk}/")
        return len(seen)

    few = queries()
    for number in range(8):
        pairs = ["BTC/USDT", f"A{number}/USDT"]
        strategy_update(strategy.pk, by=None, config=CONFIG | {"pairs": pairs})
        process_stopped(process(strategy).pk, status="stopped", reason="asked")
        strategy_copy(strategy.pk, name=f"copy {number}", by=None)
        running(f"other {number}")
    assert queries() == few
    assert few <= 15


def test_it_reads_chinese(pages: Client, trader: User) -> None:
    trader.language = "zh-CN"
    trader.save()
    strategy = running("one")
    page = shown(pages, f"/strategies/{strategy.pk}/")
    assert 'lang="zh-hans"' in page
    assert "交易所" in page
