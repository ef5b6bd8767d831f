"""The proxy of a strategy: chosen, checked, tested at once, and shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone, translation

from proxies.cache import live_get
from proxies.models import Proxy
from strategies.errors import RefusedError
from strategies.models import Strategy
from strategies.routes import route_shown
from strategies.selectors import proxy_uses
from strategies.services import (
    draft_check,
    draft_publish,
    health_merge,
    strategy_update,
)
from tests.strategies.factories import draft, strategy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    import redis

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    """Whatever language the test before has left behind, words are English."""
    with translation.override("en"):
        yield


def proxy(name: str = "Tokyo", **values: Any) -> Proxy:
    fields: dict[str, Any] = {"type": "http", "host": "10.0.0.1", "port": 8080}
    return Proxy.objects.create(name=name, **(fields | values))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"proxy": 999}, "There is no proxy 999"),
        ({"proxy": "Tokyo"}, "must be the number of a proxy"),
        ({"proxy": True}, "must be the number of a proxy"),
        ({"proxy_policy": "perhaps"}, "'perhaps' is no policy"),
    ],
)
def test_what_is_no_proxy_cannot_be_chosen(
    settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(RefusedError, match=words):
        strategy(freqtrade_config=settings)
    mine = strategy()
    with pytest.raises(RefusedError, match=words):
        strategy_update(mine.pk, by=None, freqtrade_config=settings)
    assert any(words in each for each in draft_check(draft(freqtrade_config=settings)))


@pytest.mark.parametrize("kind", [bool, float])
def test_what_only_equals_the_number_of_the_proxy_is_refused(kind: type) -> None:
    tokyo = proxy(id=1)
    mine = strategy(freqtrade_config={"proxy": tokyo.pk})
    with pytest.raises(RefusedError, match="must be the number of a proxy"):
        strategy_update(mine.pk, by=None, freqtrade_config={"proxy": kind(1)})


def test_a_proxy_that_is_switched_off_cannot_be_chosen_and_can_be_kept() -> None:
    tokyo = proxy()
    mine = strategy(freqtrade_config={"proxy": tokyo.pk})
    Proxy.objects.update(enabled=False)
    with pytest.raises(RefusedError, match="'Tokyo' is switched off"):
        strategy("other", freqtrade_config={"proxy": tokyo.pk})
    changed = strategy_update(
        mine.pk, by=None, freqtrade_config={"proxy": tokyo.pk, "proxy_policy": "never"}
    )
    assert changed.freqtrade_config["proxy_policy"] == "never"


def test_a_proxy_is_tested_when_it_is_chosen_and_only_then(
    redis_client: redis.Redis,
    django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[Any]],
) -> None:
    first, second, third = proxy("a"), proxy("b"), proxy("c")
    with django_capture_on_commit_callbacks(execute=True):
        mine = strategy(freqtrade_config={"proxy": first.pk})
    found = live_get(first.pk)
    assert found is not None
    assert found["why"] == "assigned"
    redis_client.flushdb()

    with django_capture_on_commit_callbacks(execute=True):
        strategy_update(
            mine.pk,
            by=None,
            freqtrade_config={"proxy": first.pk, "proxy_policy": "direct"},
        )
    assert live_get(first.pk) is None
    with django_capture_on_commit_callbacks(execute=True):
        strategy_update(mine.pk, by=None, freqtrade_config={"proxy": second.pk})
    assert live_get(second.pk) is not None

    sketch = draft(freqtrade_config={"proxy": third.pk})
    health_merge(sketch.pk, {"trial": {"state": "passed"}})
    with django_capture_on_commit_callbacks(execute=True):
        draft_publish(sketch.pk)
    assert live_get(third.pk) is not None


def with_route(mine: Strategy, **values: Any) -> Strategy:
    route = {"policy": "another", "allowed": True, "print": "aa", "state": "unhealthy"}
    since = timezone.now().isoformat()
    health_merge(mine.pk, {"route": route | {"since": since} | values})
    return Strategy.objects.get(pk=mine.pk)


@pytest.mark.parametrize(
    ("policy", "route", "now", "waits"),
    [
        ("another", {"why": "wanted"}, "", False),
        (
            "another",
            {"why": "another", "used": "Osaka"},
            "Through proxy Osaka, because proxy Tokyo is not healthy.",
            False,
        ),
        (
            "direct",
            {"why": "direct"},
            "Directly, because proxy Tokyo is not healthy.",
            False,
        ),
        (
            "never",
            {"why": "stopped", "allowed": False, "state": "disabled"},
            "It waits: proxy Tokyo is switched off, and it goes no other way.",
            True,
        ),
        (
            "another",
            {"why": "nothing", "allowed": False, "state": "gone"},
            "It waits: proxy Tokyo is gone, and no other one is healthy.",
            True,
        ),
        # Decided for another proxy than is wanted now: nothing is known yet.
        ("another", {"why": "another", "wanted": 0, "used": "Osaka"}, "", False),
    ],
)
def test_a_page_says_which_way_it_goes_and_why(
    policy: str, route: dict[str, Any], now: str, waits: bool
) -> None:
    proxies = {"Tokyo": proxy(), "Osaka": proxy("Osaka")}
    tokyo = proxies["Tokyo"]
    mine = strategy(freqtrade_config={"proxy": tokyo.pk, "proxy_policy": policy})
    used = proxies.get(route.pop("used", ""))
    values = {"wanted": tokyo.pk, "proxy": used.pk if used else None} | route
    shown = route_shown(with_route(mine, **values))
    assert shown.wanted == "Tokyo"
    assert (shown.now, shown.waits) == (now, waits)
    assert (shown.since is None) is (now == "")


def test_without_a_proxy_there_is_nothing_to_say() -> None:
    assert route_shown(strategy()).wanted == ""


def test_a_proxy_knows_who_wants_it_and_who_goes_through_it() -> None:
    tokyo, osaka = proxy(), proxy("Osaka")
    strategy("plain")
    moved = with_route(
        strategy("moved", freqtrade_config={"proxy": tokyo.pk}),
        wanted=tokyo.pk,
        proxy=osaka.pk,
        why="another",
    )
    stopped = strategy("stopped", freqtrade_config={"proxy": osaka.pk})
    found = {(use.proxy_id, use.id, use.via) for use in proxy_uses([osaka.pk, 99])}
    assert found == {(osaka.pk, moved.pk, True), (osaka.pk, stopped.pk, False)}
    (use,) = proxy_uses([tokyo.pk])
    assert (use.kind, use.name, use.via) == ("strategy", "moved", False)
    assert use.url == f"/strategies/{moved.pk}/"
