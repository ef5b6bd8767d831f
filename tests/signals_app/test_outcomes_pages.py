"""Pages of outcomes: hit rates, the list, one signal, and marking it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import escape

from accounts.models import User
from signals_app.models import Signal, SignalChoice
from strategies.models import Strategy
from tests.signals_app.outcome_rows import judged, path, stored

if TYPE_CHECKING:
    from uuid import UUID

    import redis
    from django.test import Client

pytestmark = pytest.mark.django_db
PRICE = 63_210.5


@pytest.fixture(autouse=True)
def _redis(redis_client: redis.Redis) -> None:
    """The statistics of the test before are not kept."""


@pytest.fixture
def user() -> User:
    return User.objects.create_user("trader", "secret-word", language="en")


@pytest.fixture
def browser(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


@pytest.fixture
def strategy() -> Strategy:
    return Strategy.objects.create(name="ema cross")


def now_of(**changes: Any) -> dict[str, Any]:
    moment = timezone.now().replace(second=0, microsecond=0)
    return {"timestamp": moment - timedelta(minutes=30), **changes}


def text(client: Client, address: str, **query: str) -> str:
    answer = client.get(address, query)
    assert answer.status_code == 200
    return re.sub(r"[ \n]+", " ", answer.content.decode())


def test_the_pages_need_a_login(client: Client) -> None:
    for address in ("/outcomes/", "/outcomes/signals/", "/outcomes/newest/"):
        assert client.get(address).status_code == 302


def test_an_empty_page_says_what_to_do(browser: Client) -> None:
    page = text(browser, "/outcomes/")
    assert "No outcomes yet" in page
    assert "outcomes_fill" in page
    assert "No outcome fits." in text(browser, "/outcomes/", level="weak")
    assert "No signals yet" in text(browser, "/outcomes/signals/")
    assert "No signal fits." in text(browser, "/outcomes/signals/", choice="taken")


def test_hit_rates_are_shown_with_how_sure_they_are(
    browser: Client, strategy: Strategy
) -> None:
    own = {"strategy_id": strategy.pk, "strategy_name": strategy.name}
    ids = stored(*[now_of(pair=f"P{n}/USDT", **own) for n in range(3)])
    judged(ids, path(PRICE, 0.5, 1.0))

    page = text(browser, "/outcomes/")

    # Three of three is not certainty.
    assert "100\xa0%" in page
    assert "44–100\xa0%" in page  # noqa: RUF001 - from, to
    assert "n = 3" in page
    assert "+0.50\xa0%" in page
    assert f"?strategy={strategy.pk}&amp;by=pair" in page
    assert "All strategies" not in page


def test_all_strategies_are_summed_up_where_there_are_several(browser: Client) -> None:
    ids = stored(now_of(strategy_name="one"), now_of(strategy_name="two"))
    judged(ids, path(PRICE, 1.0))

    page = text(browser, "/outcomes/")

    assert "All strategies" in page
    assert page.count("n = 2") == 3
    assert "posted" in page


def test_filters_narrow_and_nonsense_is_ignored(
    browser: Client, strategy: Strategy
) -> None:
    own = {"strategy_id": strategy.pk, "strategy_name": strategy.name}
    ids = stored(
        now_of(**own),
        now_of(strength=55.0, signal_type="SELL", mark="exit_long", **own),
        now_of(strategy_name="other"),
    )
    judged(ids, path(PRICE, 1.0))

    def rows(**query: str) -> int:
        return text(browser, "/outcomes/", **query).count('class="by"')

    assert rows() == 5  # three, and two sums
    assert rows(strategy=str(strategy.pk)) == 2
    assert rows(strategy="other") == 1
    assert rows(level="medium") == rows(direction="SELL") == rows(kind="exit") == 1
    assert rows(by="direction", strategy=str(strategy.pk)) == 2
    assert rows(by="pair", strategy=str(strategy.pk)) == 1
    # By pair without a strategy is by level.
    assert rows(by="pair") == 5
    assert rows(days="x", level="x", direction="x", kind="x", by="x") == 5


def test_the_detail_shows_what_became_of_it(browser: Client) -> None:
    (identifier,) = stored(now_of(signal_type="SELL", mark="enter_short"))
    judged([identifier], path(PRICE, -1.0)[:5], due=timezone.now() + timedelta(1))

    page = text(browser, f"/signals/{identifier}/")

    assert "Outcome" in page
    assert "in progress" in page
    assert "+1.00\xa0%" in page
    assert "a fall is a gain" in page
    assert "closes " in page


def test_the_detail_tells_of_gaps_and_of_what_will_not_be_known(
    browser: Client,
) -> None:
    bars = path(PRICE, 1.0)
    torn, lost, both = stored(
        now_of(pair="A/USDT"),
        now_of(pair="B/USDT"),
        now_of(pair="C/USDT", signal_type="HOLD", mark="enter_long+exit_long"),
    )
    judged([torn], [None, *bars[1:]])
    judged([lost], [], reason="nobody")

    page = text(browser, f"/signals/{torn}/")
    assert "1 candle missing" in page

    lost_page = text(browser, f"/signals/{lost}/")
    assert "no strategy watches this pair" in lost_page
    assert "unknown" in lost_page
    assert "no direction to judge" in text(browser, f"/signals/{both}/")


def test_a_signal_is_marked_and_unmarked(browser: Client, user: User) -> None:
    (identifier,) = stored(now_of())
    address = f"/signals/{identifier}/choice/"

    plain = browser.post(address, {"choice": "taken", "note": "half <b>size</b>"})
    assert plain.status_code == 302
    assert plain["Location"] == f"/signals/{identifier}/"
    page = text(browser, f"/signals/{identifier}/")
    assert escape("half <b>size</b>") in page

    part = browser.post(address, {"choice": "skipped"}, headers={"HX-Request": "true"})
    assert b"<html" not in part.content
    assert b'aria-pressed="true"' in part.content
    choice = SignalChoice.objects.get()
    assert (choice.user, choice.choice, choice.note) == (user, "skipped", "")

    browser.post(address, {"choice": ""}, headers={"HX-Request": "true"})
    assert not SignalChoice.objects.exists()


def test_a_mark_that_makes_no_sense_is_refused_with_a_sentence(browser: Client) -> None:
    (identifier,) = stored(now_of())
    address = f"/signals/{identifier}/choice/"

    for body, words in (
        ({"choice": "bought"}, "“bought” is no choice"),
        ({"choice": "taken", "note": "x" * 501}, "501 characters; 500 fit"),
    ):
        part = browser.post(address, body, headers={"HX-Request": "true"})
        assert words in part.content.decode()
        page = browser.post(address, body, follow=True)
        assert words in page.content.decode()
    assert not SignalChoice.objects.exists()
    gone = "01900000-0000-8000-8000-000000000000"
    assert browser.post(f"/signals/{gone}/choice/").status_code == 404
    assert browser.get(address).status_code == 405


def test_what_one_person_marks_nobody_else_sees(browser: Client, user: User) -> None:
    (identifier,) = stored(now_of())
    other = User.objects.create_user("other", "secret-word", language="en")
    signal = Signal.objects.get()
    SignalChoice.objects.create(
        user=other,
        signal_id=identifier,
        timestamp=signal.timestamp,
        choice="taken",
        note="my secret",
    )

    for address in (f"/signals/{identifier}/", "/outcomes/signals/"):
        page = text(browser, address)
        assert "my secret" not in page
        assert not re.search(r'id="taken-[^>]*aria-pressed="true"', page)
    assert "No signal fits." in text(browser, "/outcomes/signals/", choice="taken")


def test_the_list_is_filtered_by_what_was_decided(browser: Client) -> None:
    ids = stored(*[now_of(pair=f"P{n}/USDT") for n in range(4)])
    browser.post(f"/signals/{ids[0]}/choice/", {"choice": "taken", "note": "nice"})
    browser.post(f"/signals/{ids[1]}/choice/", {"choice": "skipped"})

    def pairs(**query: str) -> set[str]:
        page = text(browser, "/outcomes/signals/", **query)
        return {f"P{n}" for n in range(4) if f"P{n}/USDT" in page}

    assert pairs() == {"P0", "P1", "P2", "P3"}
    assert pairs(choice="taken") == {"P0"}
    assert pairs(choice="skipped") == {"P1"}
    assert pairs(choice="undecided") == {"P2", "P3"}
    assert pairs(pair="p1/usdt") == {"P1"}
    assert pairs(choice="x") == pairs(after="x") == {"P0", "P1", "P2", "P3"}
    assert "nice" in text(browser, "/outcomes/signals/", choice="taken")


def test_the_list_goes_on_page_by_page(browser: Client) -> None:
    ids = stored(*[now_of(pair=f"P{n}/USDT") for n in range(60)])
    judged(ids, path(PRICE, 1.0))
    answer = browser.get("/outcomes/signals/")
    page = answer.content.decode()
    assert page.count("data-choice-row") == 50

    following = browser.get(f"/outcomes/signals/{answer.context['next_page']}")
    assert following.content.decode().count("data-choice-row") == 10


def test_the_pages_ask_a_fixed_number_of_questions(browser: Client) -> None:
    counts = []
    browser.get("/outcomes/signals/")
    for size in (1, 30):
        ids = stored(*[now_of(pair=f"P{size}{n}/USDT") for n in range(size)])
        judged(ids, path(PRICE, 1.0))
        with CaptureQueriesContext(connection) as queries:
            browser.get("/outcomes/signals/")
            browser.get("/outcomes/newest/")
        counts.append(len(queries))
        assert not [q for q in queries if "COUNT(*)" in q["sql"].upper()]
    assert counts[0] == counts[1]


def test_the_live_page_learns_of_outcomes(browser: Client) -> None:
    known, fresh = stored(now_of(pair="A/USDT"), now_of(pair="B/USDT"))
    judged([known], path(PRICE, -0.25)[:4], due=timezone.now() + timedelta(1))
    browser.post(f"/signals/{known}/choice/", {"choice": "taken"})

    found: dict[str, Any] = browser.get("/outcomes/newest/").json()["signals"]

    assert found[str(known)] == {
        "text": "−0.25\xa0%",  # noqa: RUF001 - a minus
        "tone": "fall",
        "candles": 4,
        "hint": "after 4 candles",
        "choice": "taken",
        "said": "taken",
        "note": "",
    }
    assert found[str(fresh)]["text"] == ""


def test_a_strategys_page_has_the_outcome_of_its_signals(
    browser: Client, strategy: Strategy
) -> None:
    own = {"strategy_id": strategy.pk, "strategy_name": strategy.name}
    ids: list[UUID] = stored(now_of(**own), now_of(pair="ETH/USDT", **own))
    judged(ids[:1], path(PRICE, 2.0))

    page = text(browser, f"/strategies/{strategy.pk}/signals/")

    assert "+2.00\xa0%" in page
    assert "…" in page


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_the_admin_reads_the_ledger(
    client: Client, admin_user: User, language: str
) -> None:
    User.objects.filter(pk=admin_user.pk).update(language=language)
    client.force_login(admin_user)
    done, _open = stored(now_of(pair="A/USDT"), now_of(pair="B/USDT"))
    judged([done], path(PRICE, 1.0))
    browser = client
    for model in ("outcome", "outcomework", "outcomeday", "signalchoice"):
        address = f"/admin/signals_app/{model}/"
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(address).status_code == 200
        wanted = [q["sql"] for q in queries if "signal_outcomes" in q["sql"]]
        assert not [sql for sql in wanted if "COUNT(" in sql]
        assert browser.get(f"{address}add/").status_code == 403
    assert browser.get(f"/admin/signals_app/outcome/{done}/change/").status_code == 200
    assert browser.get("/admin/signals_app/outcome/x/change/").status_code == 302
