"""Start, stop and restart from the pages; versions; paper and real trading."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages

from strategies.models import Strategy, StrategyVersion
from strategies.services import is_live, live_credentials, strategy_update
from tests.strategies.pages import CONFIG, made, plain, put, shown

if TYPE_CHECKING:
    from django.test import Client

    from accounts.models import User

pytestmark = pytest.mark.django_db
PATHS = [
    ("/strategies/change/", {"ids": "1", "action": "start"}),
    ("/strategies/{}/change/", {"action": "start"}),
    ("/strategies/{}/roll-back/", {"version": "v1.0"}),
    ("/strategies/{}/trading/on/", {}),
    ("/strategies/{}/trading/off/", {}),
]


@pytest.fixture
def operator(pages: Client, trader: User) -> Client:
    """A browser of somebody who may let strategies trade for real."""
    trader.user_permissions.add(Permission.objects.get(codename="trade_live"))
    return pages


def said(answer: Any) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


def status(strategy: Strategy) -> str:
    return Strategy.objects.get(pk=strategy.pk).status


@pytest.mark.parametrize(("path", "data"), PATHS)
def test_without_permission_nothing_is_changed(
    looking: Client, path: str, data: dict[str, str]
) -> None:
    strategy = made("one")
    assert looking.post(path.format(strategy.pk), data).status_code == 403
    assert status(strategy) == "stopped"


@pytest.mark.parametrize(("path", "data"), PATHS)
def test_nobody_is_sent_to_the_login(
    client: Client, path: str, data: dict[str, str]
) -> None:
    strategy = made("one")
    answer = client.post(path.format(strategy.pk), data)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/")


@pytest.mark.parametrize(("path", "data"), PATHS)
def test_only_a_post_changes_anything(
    operator: Client, path: str, data: dict[str, str]
) -> None:
    strategy = made("one")
    assert operator.get(path.format(strategy.pk), data).status_code == 405


def test_a_change_from_elsewhere_is_refused(trader: User) -> None:
    from django.test import Client  # noqa: PLC0415 - with other settings than the fixture

    strategy = made("one")
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(trader)
    answer = browser.post(f"/strategies/{strategy.pk}/change/", {"action": "start"})
    assert answer.status_code == 403
    assert status(strategy) == "stopped"


@pytest.mark.parametrize(
    ("before", "action", "after", "words"),
    [
        ("stopped", "start", "starting", "'one' is being started."),
        ("error", "start", "starting", "'one' is being started."),
        ("running", "stop", "stopping", "'one' is being stopped."),
        ("running", "restart", "starting", "'one' is being restarted."),
        ("running", "start", "running", "'one' is running already."),
        ("stopped", "restart", "stopped", "there is nothing to restart"),
        ("stopped", "explode", "stopped", "There is no action 'explode'"),
    ],
)
def test_one_strategy_is_asked_and_a_sentence_says_so(
    pages: Client, before: str, action: str, after: str, words: str
) -> None:
    strategy = put(made("one"), before)
    answer = pages.post(f"/strategies/{strategy.pk}/change/", {"action": action})
    assert (answer.status_code, answer["Location"]) == (
        302,
        f"/strategies/{strategy.pk}/",
    )
    assert words in said(answer)[0]
    assert status(strategy) == after


@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        ("/strategies/?state=running&q=a", "/strategies/?state=running&q=a"),
        ("https://elsewhere.invalid/", "/strategies/{}/"),
        ("//elsewhere.invalid/", "/strategies/{}/"),
        ("javascript:alert(1)", "/strategies/{}/"),
    ],
)
def test_one_comes_back_to_an_address_of_ours(
    pages: Client, wanted: str, got: str
) -> None:
    strategy = made("one")
    data = {"action": "start", "next": wanted}
    answer = pages.post(f"/strategies/{strategy.pk}/change/", data)
    assert answer["Location"] == got.format(strategy.pk)


def test_what_does_not_exist_is_not_found(operator: Client) -> None:
    for path in ("change", "roll-back", "trading/off", "trading/on"):
        data = {"action": "start", "version": "v1.0"}
        assert operator.post(f"/strategies/99999/{path}/", data).status_code == 404
    for path in ("versions/", "trading/", "versions/compare/?old=v1.0&new=v1.0"):
        assert operator.get(f"/strategies/99999/{path}").status_code == 404


def test_many_are_asked_at_once_and_each_refusal_is_told(pages: Client) -> None:
    stopped = [made(f"s{number}") for number in range(3)]
    busy = [put(made(f"r{number}"), "running") for number in range(7)]
    ids = [str(one.pk) for one in (*stopped, *busy)] + ["x", "-1", "99999"]
    data = {"ids": ids, "action": "start", "next": "/strategies/?q=a"}
    answer = pages.post("/strategies/change/", data)
    assert answer["Location"] == "/strategies/?q=a"
    sentences = said(answer)
    assert sentences[0] == "3 strategies are being started, one after the other."
    assert sentences[1] == "Strategy 'r0' is running already."
    assert sentences[-1] == "3 more refused likewise."
    assert len(sentences) == 7
    assert {status(one) for one in stopped} == {"starting"}


def test_nothing_chosen_and_no_such_action_say_so(pages: Client) -> None:
    strategy = made("one")
    answer = pages.post("/strategies/change/", {"action": "start"})
    assert said(answer) == ["No strategy was chosen; tick those you mean."]
    data = {"ids": [str(strategy.pk)], "action": "explode"}
    assert "no action 'explode'" in said(pages.post("/strategies/change/", data))[-1]


def versioned(trader: User) -> Strategy:
    """Return a strategy of three versions: other pairs, then another code."""
    strategy = made("one", created_by=trader)
    config = CONFIG | {"pairs": ["BTC/USDT", "SOL/USDT"]}
    strategy_update(strategy.pk, by=trader, config=config)
    code = CONFIG["code"].replace("span=12", "span=9")
    strategy_update(
        strategy.pk, by=trader, summary="Faster", config=config | {"code": code}
    )
    return strategy


def test_versions_tell_what_who_and_when(pages: Client, trader: User) -> None:
    strategy = versioned(trader)
    page = shown(pages, f"/strategies/{strategy.pk}/versions/")
    assert re.findall(r'<th scope="row" class="nowrap">(v[\d.]+)', page) == [
        "v1.2",
        "v1.1",
        "v1.0",
    ]
    words = plain(page)
    for word in ("Faster", "Pairs", "first version", "mei", "in use", "UTC"):
        assert word in words
    assert re.findall(r'name="version" value="(v[\d.]+)"', page) == ["v1.1", "v1.0"]


def test_versions_of_a_long_life_come_in_pages(pages: Client, trader: User) -> None:
    strategy = versioned(trader)
    template = StrategyVersion.objects.filter(strategy=strategy).latest("id")
    StrategyVersion.objects.bulk_create(
        StrategyVersion(
            strategy=strategy,
            version=f"v2.{number}",
            config_snapshot=template.config_snapshot,
        )
        for number in range(60)
    )
    page = shown(pages, f"/strategies/{strategy.pk}/versions/")
    assert 'href="?page=2"' in page
    assert "v1.0" in shown(pages, f"/strategies/{strategy.pk}/versions/?page=2")


def test_two_versions_are_compared_by_setting_and_by_line(
    pages: Client, trader: User
) -> None:
    strategy = versioned(trader)
    path = f"/strategies/{strategy.pk}/versions/compare/"
    page = shown(pages, f"{path}?old=v1.0&new=v1.2")
    assert "<del>ETH/USDT</del>" in page
    assert "<ins>SOL/USDT</ins>" in page
    assert "<del>BTC/USDT" not in page
    removed = re.findall(r'class="line removed">([^<]*)', page)
    added = re.findall(r'class="line added">([^<]*)', page)
    assert len(removed) == len(added) == 2  # side by side, and one below the other
    assert "span=12" in removed[0]
    assert "span=9" in added[0]
    assert "The code is the same." in shown(pages, f"{path}?old=v1.0&new=v1.1")
    assert "The settings are the same." in shown(pages, f"{path}?old=v1.1&new=v1.2")
    assert "Both are the same." in shown(pages, f"{path}?old=v1.1&new=v1.1")
    assert pages.get(f"{path}?old=v9.9&new=v1.1").status_code == 404
    assert pages.get(path).status_code == 404


def test_rolling_back_makes_a_new_version(pages: Client, trader: User) -> None:
    strategy = versioned(trader)
    path = f"/strategies/{strategy.pk}/roll-back/"
    answer = pages.post(path, {"version": "v1.0"})
    assert said(answer) == ["'one' is rolled back: v1.3 is what v1.0 was."]
    strategy.refresh_from_db()
    assert (strategy.version, strategy.config["pairs"]) == ("v1.3", CONFIG["pairs"])
    again = pages.post(path, {"version": "v1.0"})
    assert "runs what v1.0 ran already" in said(again)[-1]
    missing = pages.post(path, {"version": "v7"})
    assert "has no version v7" in said(missing)[-1]


def test_versions_can_be_looked_at_but_not_rolled_back_without_permission(
    looking: Client, trader: User
) -> None:
    strategy = versioned(trader)
    for path in ("versions/", "versions/compare/?old=v1.0&new=v1.2"):
        page = shown(looking, f"/strategies/{strategy.pk}/{path}")
        assert "v1.0" in page
        assert "roll-back" not in page


def trading(name: str = "one") -> Strategy:
    """Return a strategy that may be let trade for real."""
    return made(name, config={"exchange": "binance"}, type="trade_execution")


def test_real_trading_needs_the_typed_name_and_keys(operator: Client) -> None:
    strategy = trading()
    path = f"/strategies/{strategy.pk}/trading/"
    page = shown(operator, path)
    assert "paper trading" in page
    assert page.count('type="password"') == 2
    keys = {"api_key": "visible-key", "api_secret": "visible-secret"}
    wrong = operator.post(f"{path}on/", {"typed_name": "two", **keys})
    assert wrong.status_code == 400
    assert "The typed name is not &#x27;one&#x27;" in wrong.content.decode()
    assert b"visible" not in wrong.content
    assert not is_live(Strategy.objects.get(pk=strategy.pk))

    right = operator.post(f"{path}on/", {"typed_name": "one", **keys})
    assert (right.status_code, right["Location"]) == (302, path)
    live = Strategy.objects.get(pk=strategy.pk)
    assert live_credentials(live) == ("visible-key", "visible-secret")
    page = shown(operator, path)
    assert "LIVE: trades for real" in page
    assert "visible" not in page
    assert "LIVE" in shown(operator, "/strategies/")


def test_back_to_paper_trading(operator: Client) -> None:
    strategy = trading()
    path = f"/strategies/{strategy.pk}/trading/"
    data = {"typed_name": "one", "api_key": "k", "api_secret": "s"}
    operator.post(f"{path}on/", data)
    answer = operator.post(f"{path}off/")
    assert "trades on paper again" in said(answer)[-1]
    assert not is_live(Strategy.objects.get(pk=strategy.pk))
    again = operator.post(f"{path}off/")
    assert "does not trade for real" in said(again)[-1]


def test_the_trading_page_says_why_there_is_no_form(
    operator: Client, looking: Client
) -> None:
    signals = made("signals only")
    simulated = made("simulated", type="trade_execution")
    assert "only gives signals" in shown(operator, f"/strategies/{signals.pk}/trading/")
    page = shown(operator, f"/strategies/{simulated.pk}/trading/")
    assert "takes no real orders" in page
    assert 'type="password"' not in page
    page = shown(looking, f"/strategies/{trading().pk}/trading/")
    assert "Only people with the permission" in page
    assert 'type="password"' not in page
