"""Where a strategy runs: pages, admin and API say it in both languages."""

from __future__ import annotations

from html import unescape
from typing import TYPE_CHECKING

import pytest
from django.test import Client
from django.utils import translation
from rest_framework.test import APIClient

from accounts.models import User
from strategies.errors import RefusedError
from strategies.host_words import MOVED, WHY_OWN, moved_text, own_text, shared_text
from strategies.hosts import Host, host_of
from strategies.models import Status, Strategy
from strategies.services import health_merge, strategy_update
from tests.strategies.pages import made, plain, process, put, running, shown

if TYPE_CHECKING:
    from django.test import Client as Browser

pytestmark = pytest.mark.django_db


def sharing(name: str, runner: str = "binance-1", node: str = "a") -> Strategy:
    strategy = put(made(name), Status.RUNNING)
    process(strategy, usage={"runner": runner, "node": node, "rss_mb": 7.4})
    return strategy


def own(name: str, code: str, words: str = "") -> Strategy:
    strategy = put(made(name), Status.RUNNING)
    process(strategy, usage={"own": code, "node": "a"})
    if words:
        health_merge(strategy.pk, {"own_process": {"code": code, "words": words}})
    strategy.refresh_from_db()
    return strategy


def test_it_is_counted_with_how_many_others_a_process_is_shared() -> None:
    first, second = sharing("a"), sharing("b")
    alone, elsewhere = sharing("c", "binance-2"), sharing("d", node="b")

    assert host_of(first) == host_of(second) == Host(runner="binance-1", others=1)
    assert host_of(alone) == Host(runner="binance-2")
    assert host_of(elsewhere) == Host(runner="binance-1")
    assert host_of(made("stopped")) is None


def test_the_page_names_the_shared_process_and_says_that_memory_is_a_share(
    pages: Browser,
) -> None:
    strategy = running("shares")
    row = strategy.processes.get()
    row.resource_usage |= {"runner": "binance-1", "node": "a"}
    row.save()
    sharing("other")

    text = plain(shown(pages, f"/strategies/{strategy.pk}/"))
    assert "shares the process binance-1 with 1 other strategy" in text
    assert "its share of a process" in text


@pytest.mark.parametrize("code", sorted(WHY_OWN))
def test_the_page_says_why_it_has_a_process_of_its_own(
    pages: Browser, code: str
) -> None:
    strategy = own("own", code, "ValueError('boom')")

    text = unescape(plain(shown(pages, f"/strategies/{strategy.pk}/")))
    assert own_text(code, "ValueError('boom')").split(":")[0] in text
    assert ("after a new version, or a restart by hand" in text) is (code in MOVED)


def test_every_reason_is_said_in_chinese_too() -> None:
    english = {code: own_text(code, "") for code in WHY_OWN}
    with translation.override("zh-hans"):
        for code, sentence in english.items():
            assert own_text(code, "") != sentence
        assert moved_text("hung") != ""
        assert "3" in shared_text("binance-1", 3)


def test_a_process_of_an_earlier_release_says_nothing() -> None:
    strategy = running("old")
    host = host_of(strategy)
    assert host is not None
    assert (host.text, host.until) == ("", "")
    assert set(host.shape().values()) == {None}


def test_the_api_says_where_a_strategy_runs(viewer: User, redis_client: object) -> None:
    shared, moved = sharing("a"), own("b", "raised", "boom")
    sharing("c")
    api = APIClient(headers={"accept-language": "en"})
    api.force_authenticate(viewer)

    found = api.get(f"/api/v1/strategies/{shared.pk}/").json()
    assert found["process"] == {
        "shared_process": "binance-1",
        "shared_with": 1,
        "own_process": None,
        "own_process_reason": None,
    }
    assert found["processes"][0]["shared_process"] == "binance-1"
    found = api.get(f"/api/v1/strategies/{moved.pk}/").json()
    assert found["process"]["own_process"] == "raised"
    assert found["process"]["own_process_reason"].endswith("in a shared process: boom")
    assert found["processes"][0]["shared_process"] is None


def test_the_admin_lists_where_processes_ran(redis_client: object) -> None:
    sharing("a")
    own("b", "trades")
    boss = User.objects.create_superuser("boss", "x", language="en")
    browser = Client()
    browser.force_login(boss)

    text = plain(shown(browser, "/admin/strategies/strategyprocess/"))
    assert "binance-1" in text
    assert "It may trade, so it has a process of its own." in text


def test_the_wish_for_a_process_of_its_own_is_a_yes_or_a_no() -> None:
    strategy = made("s")
    strategy_update(strategy.pk, by=None, freqtrade_config={"own_process": True})
    with pytest.raises(RefusedError, match="own_process"):
        strategy_update(strategy.pk, by=None, freqtrade_config={"own_process": "yes"})
