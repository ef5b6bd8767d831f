"""Feishu against a robot that checks signatures, keywords and sizes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from django.utils.translation import override

from btc_watcher.lib.errors import TransportError
from notifications.transports.feishu import FeishuTransport, signature
from tests.notifications.fakes import FeishuFake
from tests.notifications.providers import MESSAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from notifications.transports.base import Outgoing, Receipt


@pytest.fixture
def robot() -> Iterator[FeishuFake]:
    with FeishuFake() as fake:
        yield fake


def deliver(robot: FeishuFake, message: Outgoing = MESSAGE, **secrets: Any) -> Receipt:
    return FeishuTransport().deliver({}, {"url": robot.url} | secrets, message)


def failure(robot: FeishuFake, **secrets: Any) -> TransportError:
    with pytest.raises(TransportError) as caught:
        deliver(robot, **secrets)
    return caught.value


def test_the_signature_is_the_one_that_the_vendors_example_makes() -> None:
    wanted = "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8="
    assert signature(1599360473, "demo") == wanted


@pytest.mark.parametrize(
    ("priority", "colour"), [("P0", "red"), ("P1", "orange"), ("P2", "blue")]
)
def test_a_card_has_the_colour_of_the_priority(
    robot: FeishuFake, priority: str, colour: str
) -> None:
    receipt = deliver(robot, replace(MESSAGE, priority=priority))
    (card,) = robot.cards
    assert card["header"]["template"] == colour
    assert card["header"]["title"]["content"] == f"[{priority}] {MESSAGE.title}"
    assert card["elements"][0]["text"]["content"] == MESSAGE.body
    assert (receipt.code, receipt.detail) == (0, "code 0, success")


LINK = "https://watcher.example.org/signals/7/"


@pytest.mark.parametrize(
    ("language", "label"), [("en", "Open in BTC Watcher"), ("zh-hans", "Watcher")]
)
def test_the_link_is_a_button_and_not_in_the_text(
    robot: FeishuFake, language: str, label: str
) -> None:
    told = replace(MESSAGE, body=f"Price: 1\n{LINK}\nBye", context={"url": LINK})
    with override(language):
        deliver(robot, told)
    (card,) = robot.cards
    text, action = card["elements"]
    assert text["text"]["content"] == "Price: 1\nBye"
    (button,) = action["actions"]
    assert (button["tag"], button["url"], button["type"]) == ("button", LINK, "default")
    assert label in button["text"]["content"]


def test_a_link_in_a_sentence_of_the_templates_stays_there(robot: FeishuFake) -> None:
    deliver(robot, replace(MESSAGE, body=f"See {LINK}!", context={"url": LINK}))
    text, action = robot.cards[0]["elements"]
    assert text["text"]["content"] == f"See {LINK}!"
    assert action["actions"][0]["url"] == LINK


@pytest.mark.parametrize("url", [None, "", 7, "signals/7/", "javascript:alert(1)"])
def test_what_is_no_address_makes_no_button(robot: FeishuFake, url: object) -> None:
    deliver(robot, replace(MESSAGE, context={"url": url}))
    assert len(robot.cards[0]["elements"]) == 1


def test_a_text_that_is_only_the_link_leaves_the_title(robot: FeishuFake) -> None:
    deliver(robot, replace(MESSAGE, body=LINK, context={"url": LINK}))
    assert robot.cards[0]["elements"][0]["text"]["content"] == MESSAGE.title


def test_a_robot_with_a_signature_takes_only_the_right_one(robot: FeishuFake) -> None:
    robot.secret = "right"
    deliver(robot, secret="right")
    for secrets in ({"secret": "wrong"}, {}):
        error = failure(robot, **secrets)
        assert (error.code, error.permanent, error.disables) == (19021, True, True)
        assert "'secret'" in error.message
        assert "clock" in error.message
    assert len(robot.cards) == 1


def test_a_clock_that_is_wrong_by_hours_is_told(
    robot: FeishuFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    robot.secret = "right"
    later = timezone.now() + timedelta(hours=2)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert failure(robot, secret="right").code == 19021


def test_a_missing_keyword_is_the_messages_fault_and_not_the_channels(
    robot: FeishuFake,
) -> None:
    robot.keyword = "BTC Watcher"
    error = failure(robot)
    assert (error.code, error.permanent, error.disables) == (19024, True, False)
    assert "keyword" in error.message
    deliver(robot, replace(MESSAGE, body="by BTC Watcher"))


def test_a_robot_that_is_gone_disables_the_channel(robot: FeishuFake) -> None:
    error = failure(robot, url=f"{robot.base}/open-apis/bot/v2/hook/other")
    assert (error.code, error.permanent, error.disables) == (19001, True, True)


def test_above_its_limit_it_answers_200_and_means_wait(robot: FeishuFake) -> None:
    robot.limit = 2
    deliver(robot)
    deliver(robot)
    error = failure(robot)
    assert (error.code, error.permanent) == (11232, False)
    assert error.retry_after == 10.0
    robot.answers.append((429, {"code": 1, "msg": "x"}, {"x-ogw-ratelimit-reset": "3"}))
    assert failure(robot).retry_after == 3.0


@pytest.mark.parametrize("letter", ["x", "中", "🚀", '"', "\n\\"])
def test_a_long_text_fits_twenty_kilobytes(robot: FeishuFake, letter: str) -> None:
    link = f"{LINK}?x={'x' * 500}"
    deliver(robot, replace(MESSAGE, body=letter * 30_000, context={"url": link}))
    assert len(robot.received[0].body) <= 20 * 1024
    text = robot.cards[0]["elements"][0]["text"]["content"]
    assert text.endswith("…")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("", "is no address"),
        ("open.feishu.cn/hook", "begins with https"),
        ("http://open.feishu.cn/hook/secret-hook-token", "must begin with https"),
        ("https://[x", "is no address"),
        ("ftp://open.feishu.cn/x", "begins with https"),
    ],
)
def test_an_address_that_cannot_work_is_told_without_it(
    robot: FeishuFake, url: str, told: str
) -> None:
    error = failure(robot, url=url)
    assert (error.permanent, error.disables) == (True, True)
    assert told in error.message
    assert "secret-hook" not in error.message


@pytest.mark.parametrize(
    ("status", "body", "permanent"),
    [
        (200, {"code": 99, "msg": "new trouble"}, False),
        (400, {"code": 99, "msg": "new trouble"}, True),
        (500, {"code": 99, "msg": "new trouble"}, False),
        (200, {"code": True, "msg": "odd"}, False),
        (500, {"code": 0, "msg": "success"}, False),
    ],
)
def test_codes_that_nobody_documented(
    robot: FeishuFake, status: int, body: dict[str, Any], permanent: bool
) -> None:
    robot.answers.append((status, body))
    assert failure(robot).permanent is permanent
