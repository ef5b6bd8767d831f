"""WeCom against a robot and an application with tokens that expire."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from btc_watcher.lib.errors import ConfigurationError, TransportError
from btc_watcher.lib.redis_keys import provider_token
from notifications.transports import wecom_token
from notifications.transports.wechat import WeChatTransport, plain
from tests.notifications.fakes import WeComFake
from tests.notifications.providers import MESSAGE, app

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

    from notifications.transports.base import Outgoing, Receipt


@pytest.fixture
def wecom() -> Iterator[WeComFake]:
    with WeComFake() as fake:
        yield fake


def robot(wecom: WeComFake, message: Outgoing = MESSAGE, **secrets: str) -> Receipt:
    secrets = {"url": wecom.url} | secrets
    return WeChatTransport().deliver({"mode": "robot"}, secrets, message)


def by_app(wecom: WeComFake, message: Outgoing = MESSAGE, **changes: Any) -> Receipt:
    config = app(wecom) | changes
    return WeChatTransport().deliver(config, {"secret": config["secret"]}, message)


def failure(send: Any, *args: Any, **changes: Any) -> TransportError:
    with pytest.raises(TransportError) as caught:
        send(*args, **changes)
    return caught.value


# -- Robot --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("priority", "colour"), [("P0", "warning"), ("P1", "info"), ("P2", "comment")]
)
def test_the_priority_has_its_colour(
    wecom: WeComFake, priority: str, colour: str
) -> None:
    receipt = robot(wecom, replace(MESSAGE, priority=priority))
    (content,) = wecom.robot
    assert content.startswith(f'<font color="{colour}">[{priority}]</font> **▲ BUY')
    assert (receipt.code, receipt.detail) == (0, "errcode 0, ok")


@pytest.mark.parametrize("letter", ["x", "中", "🚀", "<a"])
def test_a_long_text_fits_4096_bytes(wecom: WeComFake, letter: str) -> None:
    robot(wecom, replace(MESSAGE, body=letter * 5000))
    assert 4000 < len(wecom.robot[0].encode()) <= 4096


@pytest.mark.parametrize(
    "text",
    [
        "**bold**",
        "[text](address)",
        "<font color='red'>x</font> <@zhang>",
        "`code`",
        "# head",
        "> quote\n- item\n1. item",
        "~~gone~~ __line__",
    ],
)
def test_marks_are_shown_and_not_obeyed(text: str) -> None:
    shown = plain(text)
    assert shown.replace("\u200b", "") == text
    assert not re.search(r"\*\*|\]\(|<[/@a-z]|~~|__|^[#>\-1]", shown, re.MULTILINE)


def test_what_is_no_mark_stays_as_it_is() -> None:
    text = "ema_cross BTC/USDT 5m, 3 < 4 > 2, a*b, [x] (y), #1"
    assert plain(text) == text


def test_a_robot_that_is_gone_disables_the_channel(wecom: WeComFake) -> None:
    url = f"{wecom.base}/cgi-bin/webhook/send?key=another-robots-key"
    error = failure(robot, wecom, url=url)
    assert (error.code, error.permanent, error.disables) == (93000, True, True)
    assert "'url'" in error.message


def test_above_twenty_a_minute_it_means_wait(wecom: WeComFake) -> None:
    wecom.limit = 1
    robot(wecom)
    error = failure(robot, wecom)
    assert (error.code, error.permanent, error.retry_after) == (45009, False, 60.0)


def test_our_own_limits_stay_below_those_that_drop_in_silence() -> None:
    limits = WeChatTransport().default_limits
    assert limits["minute"] < 20
    assert limits["hour"] < 1000


@pytest.mark.parametrize("code", [-1, 50_000])
def test_a_busy_system_is_asked_again(wecom: WeComFake, code: int) -> None:
    wecom.answers.append((200, {"errcode": code, "errmsg": "system error"}))
    assert not failure(robot, wecom).permanent


# -- Application --------------------------------------------------------------


def test_a_token_is_fetched_once(wecom: WeComFake, redis_client: redis.Redis) -> None:
    receipt = by_app(wecom)
    by_app(wecom, replace(MESSAGE, title="another"))
    assert wecom.fetched == 1
    assert [each["to"] for each in wecom.app] == [{"zhang"}, {"zhang"}]
    content = f"{MESSAGE.head}\n{MESSAGE.body}\n#{MESSAGE.id}"
    assert wecom.app[0]["text"]["content"] == content
    assert receipt.message_id == "msg-1"


def test_another_process_finds_the_token_in_redis(
    wecom: WeComFake, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_app(wecom)
    monkeypatch.setattr(wecom_token, "_known", {})
    by_app(wecom)
    assert wecom.fetched == 1
    (key,) = redis_client.keys(provider_token("*"))
    assert 0 < redis_client.ttl(key) <= 7200 - 300
    # What lies in Redis is no token that anybody could use.
    (token,) = wecom.valid
    assert token not in str(redis_client.get(key))


def test_without_redis_every_process_has_its_own(
    wecom: WeComFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wecom_token, "_known", {})
    monkeypatch.setattr(wecom_token, "provider_token_get", lambda _name: ("", 0.0))
    monkeypatch.setattr(wecom_token, "provider_token_put", lambda *_args: None)
    by_app(wecom)
    by_app(wecom)
    assert wecom.fetched == 1


@pytest.mark.parametrize("told", ["expired", "unknown"])
def test_a_token_that_is_not_taken_any_more_is_replaced(
    wecom: WeComFake, redis_client: redis.Redis, told: str
) -> None:
    by_app(wecom)
    wecom.expire()
    if told == "unknown":
        wecom.old.clear()
    assert by_app(wecom, replace(MESSAGE, title="after")).code == 0
    assert wecom.fetched == 2
    assert len(wecom.app) == 2


def test_a_token_that_is_never_taken_is_asked_for_once_only(
    wecom: WeComFake, redis_client: redis.Redis
) -> None:
    wecom.answers.extend(
        [
            (200, {"errcode": 0, "access_token": "t" * 32, "expires_in": 7200}),
            (200, {"errcode": 42001, "errmsg": "expired"}),
            (200, {"errcode": 0, "access_token": "u" * 32, "expires_in": 7200}),
            (200, {"errcode": 42001, "errmsg": f"expired {'u' * 32}"}),
        ]
    )
    error = failure(by_app, wecom)
    assert (error.code, error.permanent) == (42001, False)
    assert "u" * 32 not in f"{error.body}"
    assert len(wecom.received) == 4


def test_a_repeat_within_half_an_hour_is_told_once(
    wecom: WeComFake, redis_client: redis.Redis
) -> None:
    by_app(wecom)
    by_app(wecom)
    assert len(wecom.app) == 1
    assert WeChatTransport().is_idempotent({"mode": "app"})
    assert not WeChatTransport().is_idempotent({"mode": "robot"})


@pytest.mark.parametrize("kind", ["text", "markdown"])
def test_another_notification_in_the_same_words_is_no_repeat(
    wecom: WeComFake, kind: str
) -> None:
    for number in (7, 8):
        by_app(wecom, replace(MESSAGE, id=number, body="中" * 3000), format=kind)
    first, second = (each[kind]["content"] for each in wecom.app)
    assert first.endswith("\n#7")
    assert second.endswith("\n#8")


def test_the_access_token_is_not_in_an_answer_that_is_not_wecoms(
    wecom: WeComFake,
) -> None:
    by_app(wecom)
    (token,) = wecom.valid
    wecom.answers.append((502, f"<p>No way to /send?access_token={token}".encode()))
    error = failure(by_app, wecom)
    assert error.body == "<p>No way to /send?access_token=***"
    assert not error.permanent


def test_members_that_wecom_does_not_know_are_recorded(
    wecom: WeComFake, redis_client: redis.Redis
) -> None:
    receipt = by_app(wecom, to=["zhang", "nobody", "nemo"])
    assert receipt.refused == {
        "nobody": "WeCom does not know this member.",
        "nemo": "WeCom does not know this member.",
    }
    assert receipt.left == ()
    error = failure(by_app, wecom, to="nobody")
    assert (error.code, error.permanent, error.disables) == (81013, True, True)


@pytest.mark.parametrize(
    ("changes", "code", "names"),
    [
        ({"secret": "wrong"}, 40001, "'secret'"),
        ({"corpid": "wrong"}, 40013, "'corpid'"),
        ({"agentid": 5}, 40056, "'agentid'"),
    ],
)
def test_what_an_application_is_refused_for_is_named(
    wecom: WeComFake,
    redis_client: redis.Redis,
    changes: dict[str, Any],
    code: int,
    names: str,
) -> None:
    error = failure(by_app, wecom, **changes)
    assert (error.code, error.permanent, error.disables) == (code, True, True)
    assert names in error.message


def test_text_is_for_wechat_and_markdown_for_wecom(
    wecom: WeComFake, redis_client: redis.Redis
) -> None:
    long = replace(MESSAGE, body="长" * 3000)
    by_app(wecom, long)
    by_app(wecom, long, format="markdown")
    text, markdown = wecom.app
    assert 2000 < len(text["text"]["content"].encode()) <= 2048
    assert 2000 < len(markdown["markdown"]["content"].encode()) <= 2048
    assert "<font" in markdown["markdown"]["content"]


@pytest.mark.parametrize(
    ("config", "names"),
    [
        ({"mode": "post"}, "'post'"),
        ({"mode": "robot"}, "'url'"),
        ({"mode": "app"}, "'secret'"),
        ({"mode": "app", "secret": "s"}, "'corpid'"),
        ({"mode": "app", "secret": "s", "corpid": "c"}, "'agentid'"),
        ({"mode": "app", "secret": "s", "corpid": "c", "agentid": 1}, "'to'"),
        (
            {"mode": "app", "secret": "s", "corpid": "c", "agentid": 1, "to": ["a"]}
            | {"format": "html"},
            "'html'",
        ),
        (
            {"mode": "app", "secret": "s", "corpid": "c", "agentid": 1, "to": ["a"]}
            | {"api_base": "http://wecom.example.org"},
            "'api_base'",
        ),
    ],
)
def test_a_wrong_configuration_names_the_key(
    config: dict[str, Any], names: str
) -> None:
    with pytest.raises(ConfigurationError, match=names):
        WeChatTransport().check(config)
