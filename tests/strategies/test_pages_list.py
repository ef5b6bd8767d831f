"""The list of strategies."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from strategies.models import Strategy, StrategyProcess
from strategies.services import draft_save, health_merge
from tests.strategies.pages import (
    CONFIG,
    healthy,
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


def row(page: str, strategy: Strategy) -> str:
    """Return a strategy's row, its tags removed."""
    start = page.index(f'data-key="s{strategy.pk}"')
    return plain(page[start : page.index("</tr>", start)])


def names(page: str) -> list[str]:
    return re.findall(r'<th scope="row" class="name"><a [^>]*>([^<]*)</a>', page)


def test_nobody_sees_it_without_a_login(client: Client) -> None:
    for path in ("/strategies/", "/strategies/table/", "/strategies/1/"):
        answer = client.get(path)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/login/")


def test_a_row_says_all_that_a_trader_looks_for(pages: Client) -> None:
    strategy = running("ema cross")
    words = row(shown(pages, "/strategies/"), strategy)
    for word in (
        "ema cross",
        "running",
        "100",
        "healthy",
        "14",
        "/ 12.5",
        "UTC",
        "simulated",
        "5m",
        "2 pairs",
        "v1.0",
        "2026.9",
        "287 MB",
    ):
        assert word in words, (word, words)
    assert re.search(r"3\d s ago", words)


def test_the_last_candle_is_told_in_the_person_s_zone(looking: Client) -> None:
    strategy = running("one")
    page = shown(looking, "/strategies/")
    assert "Asia/Shanghai" in page
    assert "CST" in row(page, strategy)


def test_running_is_only_said_while_its_process_is_seen(pages: Client) -> None:
    strategy = put(made("silent"), "running")
    process(strategy, seen=timedelta(seconds=75))
    words = row(shown(pages, "/strategies/"), strategy)
    assert "unconfirmed" in words
    assert re.search(r"last seen 1 min (1[5-9]|[2-5]\d) s ago", words)
    assert " running " not in words.replace("supervisor running", "")


def test_running_is_not_said_without_a_process(pages: Client) -> None:
    strategy = put(made("ghost"), "running")
    words = row(shown(pages, "/strategies/"), strategy)
    assert "unconfirmed" in words
    assert "no process of it is recorded" in words


def test_running_is_not_said_of_a_bot_that_analyses_nothing(pages: Client) -> None:
    reason = {"code": "not_running", "values": {"state": "STOPPED"}, "cost": 70}
    strategy = running("stopped inside", score=30, level="bad", reasons=[reason])
    words = row(shown(pages, "/strategies/"), strategy)
    assert "not analysing" in words
    assert "STOPPED" in words
    assert "\N{MINUS SIGN}70" in words


def test_why_it_is_in_error_or_being_started_is_told(pages: Client) -> None:
    wrong = put(made("wrong"), "error", reason="Its file has a syntax error.")
    again = put(made("again"), "starting", reason="It ended with exit code 2.")
    page = shown(pages, "/strategies/")
    assert "Its file has a syntax error." in row(page, wrong)
    assert "Last problem: It ended with exit code 2." in row(page, again)
    assert 'data-seconds="3"' in page


def test_a_bot_that_has_ended_is_not_as_well_as_it_was(pages: Client) -> None:
    strategy = running("killed", score=97)
    StrategyProcess.objects.update(stop_time=timezone.now())
    put(strategy, "starting", reason="it was ended by signal 11")
    health_merge(strategy.pk, {"health": healthy(score=97)})
    words = row(shown(pages, "/strategies/"), strategy)
    assert not re.search(r"\b97\b", words)
    assert "healthy" not in words


def test_a_bot_that_replaced_another_waits_for_its_own_health_round(
    pages: Client,
) -> None:
    strategy = running("replaced", score=97)
    StrategyProcess.objects.update(stop_time=timezone.now())
    process(strategy, start_time=timezone.now() + timedelta(seconds=1))
    words = row(shown(pages, "/strategies/"), strategy)
    assert "running" in words
    assert not re.search(r"\b97\b", words)


def test_a_candle_analysed_since_the_health_round_counts(pages: Client) -> None:
    reason = {"code": "no_candles", "values": {}, "cost": 30}
    strategy = running("new", score=70, level="fair", reasons=[reason])
    words = row(shown(pages, "/strategies/"), strategy)
    assert "not analysing" not in words


def test_health_that_is_no_longer_checked_says_so(pages: Client) -> None:
    strategy = running("old")
    then = (timezone.now() - timedelta(minutes=10)).isoformat()
    health_merge(strategy.pk, {"health": healthy(checked_at=then)})
    words = row(shown(pages, "/strategies/"), strategy)
    assert "out of date" in words
    assert "287 MB" not in words


def test_a_draft_is_no_strategy_and_has_a_place_of_its_own(
    pages: Client, trader: User, viewer: User
) -> None:
    parent = made("parent")
    shape: dict[str, Any] = {
        "config": CONFIG,
        "freqtrade_config": {},
        "signal_thresholds": {},
    }
    mine = draft_save(by=trader, name="half done", **shape)
    draft_save(of=parent, by=trader, name="parent", **shape)
    draft_save(by=viewer, name="somebody else's", **shape)
    page = shown(pages, "/strategies/")
    assert names(page) == ["parent"]
    assert "half done" in page
    assert "an edit of parent" in page
    assert "somebody else" not in page
    assert f"/strategies/drafts/{mine.pk}/discard/" in page


def test_filters_and_their_counts(pages: Client) -> None:
    running("alpha")
    running("beta", config={"pairs": ["SOL/USDT"]})
    put(made("gamma"), "error", reason="x")
    put(made("delta"), "running")
    Strategy.objects.filter(name="alpha").update(
        type="trade_execution", updated_at=timezone.now()
    )
    page = shown(pages, "/strategies/")
    assert names(page) == ["alpha", "beta", "delta", "gamma"]
    counts = re.findall(r"(All|Need attention|Running|Stopped) <b[^>]*>(\d+)", page)
    assert counts == [
        ("All", "4"),
        ("Need attention", "2"),
        ("Running", "2"),
        ("Stopped", "0"),
    ]
    assert names(shown(pages, "/strategies/?state=attention")) == ["delta", "gamma"]
    assert names(shown(pages, "/strategies/?state=error")) == ["gamma"]
    assert names(shown(pages, "/strategies/?q=sol/")) == ["beta"]
    assert names(shown(pages, "/strategies/?type=trade_execution")) == ["alpha"]
    assert names(shown(pages, "/strategies/?state=nonsense&sort=nonsense&type=x")) == [
        "alpha",
        "beta",
        "delta",
        "gamma",
    ]


def test_orders_put_rows_without_a_value_last(pages: Client) -> None:
    running("few", signals_24h=1)
    running("many", signals_24h=90)
    made("none")
    assert names(shown(pages, "/strategies/?sort=-signals")) == ["many", "few", "none"]
    assert names(shown(pages, "/strategies/?sort=signals")) == ["few", "many", "none"]
    assert names(shown(pages, "/strategies/?sort=-name")) == ["none", "many", "few"]
    page = shown(pages, "/strategies/?sort=-signals")
    assert 'aria-sort="descending"' in page


def test_an_empty_list_says_what_to_do(pages: Client, looking: Client) -> None:
    page = shown(pages, "/strategies/")
    assert "No strategies yet" in page
    assert page.count('href="/strategies/new/"') == 2
    page = shown(looking, "/strategies/")
    assert "ask an administrator" in page
    assert "/strategies/new/" not in page


def test_a_filter_that_fits_nothing_says_so(pages: Client) -> None:
    made("one")
    page = shown(pages, "/strategies/?q=zzz")
    assert "No strategy fits." in page
    assert "Show all strategies" in page


def test_somebody_who_only_looks_sees_no_buttons(looking: Client) -> None:
    running("one")
    page = shown(looking, "/strategies/")
    assert names(page) == ["one"]
    for part in ('name="action"', 'type="checkbox"', "/strategies/new/", "/change/"):
        assert part not in page


def test_it_reads_chinese(pages: Client, trader: User) -> None:
    trader.language = "zh-CN"
    trader.save()
    running("one")
    page = shown(pages, "/strategies/")
    assert 'lang="zh-hans"' in page
    assert "策略" in page


@pytest.mark.parametrize("path", ["/strategies/", "/strategies/table/"])
def test_the_number_of_queries_does_not_grow_with_the_list(
    pages: Client, path: str
) -> None:
    def queries() -> int:
        shown(pages, path)  # fills the caches
        with CaptureQueriesContext(connection) as seen:
            shown(pages, path)
        return len(seen)

    for number in range(3):
        running(f"first {number}")
    few = queries()
    for number in range(27):
        running(f"further {number}")
    assert queries() == few
    assert few <= 10


def test_the_part_holds_the_table_alone(pages: Client) -> None:
    running("one")
    part = shown(pages, "/strategies/table/?state=running")
    assert "<html" not in part
    assert names(part) == ["one"]
    assert 'id="table"' in part
    assert 'name="next" value="/strategies/?state=running"' in part
