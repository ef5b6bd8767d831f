"""Text messages: Aliyun's signature and templates, Twilio's errors, many phones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from btc_watcher.lib.errors import ConfigurationError, TransportError
from notifications.transports.aliyun import Call, signed_headers
from notifications.transports.phones import one_line
from notifications.transports.sms import SmsTransport
from tests.notifications.fakes import AliyunFake, TwilioFake
from tests.notifications.providers import MESSAGE, PHONE, aliyun, twilio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from notifications.transports.base import Outgoing, Receipt

OTHER = "+8613900139000"


@pytest.fixture
def ali() -> Iterator[AliyunFake]:
    with AliyunFake() as fake:
        yield fake


@pytest.fixture
def twi() -> Iterator[TwilioFake]:
    with TwilioFake() as fake:
        yield fake


def deliver(
    config: dict[str, Any], message: Outgoing = MESSAGE, **changes: Any
) -> Receipt:
    config = config | changes
    secrets: dict[str, str] = {
        key: config[key] for key in ("access_key_secret", "auth_token") if key in config
    }
    return SmsTransport().deliver(config, secrets, message)


def failure(config: dict[str, Any], **changes: Any) -> TransportError:
    with pytest.raises(TransportError) as caught:
        deliver(config, **changes)
    return caught.value


# -- Aliyun -------------------------------------------------------------------


def test_the_signature_is_that_of_the_documentations_example() -> None:
    headers = signed_headers(
        Call(
            host="ecs.cn-shanghai.aliyuncs.com",
            action="RunInstances",
            version="2014-05-26",
            query={
                "RegionId": "cn-shanghai",
                "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd",
            },
        ),
        "YourAccessKeyId",
        "YourAccessKeySecret",
        {
            "x-acs-date": "2023-10-26T10:22:32Z",
            "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        },
    )
    assert headers["Authorization"].endswith(
        "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )


def test_variables_come_from_the_messages_context(ali: AliyunFake) -> None:
    variables = {"pair": "{pair}", "price": "{price} rsi {indicators.rsi} {gone}"}
    receipt = deliver(aliyun(ali), variables=variables)
    assert ali.texts == [(PHONE, {"pair": "BTC/USDT", "price": "63210.5 rsi 28.1"})]
    assert receipt.message_id == "9006195^1"


@pytest.mark.parametrize("length", [20, 35])
def test_variables_are_cut_and_carry_no_address(ali: AliyunFake, length: int) -> None:
    ali.longest = length
    body = "https://x.example.org/a\nsee www.evil.com or evil.com or 10.0.0.1:80 " * 9
    message = replace(MESSAGE, title="【策略】" + "长" * 90, body=body)
    deliver(aliyun(ali), message, variable_length=length)
    ((_number, variables),) = ali.texts
    assert len(variables["pair"]) == length
    assert variables["pair"].startswith("[策略]")
    assert variables["price"].startswith("see or evil com")


def test_a_variable_is_never_empty(ali: AliyunFake) -> None:
    deliver(aliyun(ali), variables={"pair": "{gone}", "price": "http://a.b/"})
    assert ali.texts[0][1] == {"pair": "-", "price": "-"}


def test_a_phones_limit_of_the_day_means_wait_for_hours(ali: AliyunFake) -> None:
    ali.daily = 1
    deliver(aliyun(ali))
    error = failure(aliyun(ali))
    assert (error.permanent, error.retry_after) == (False, 6 * 3600.0)
    assert "isv.BUSINESS_LIMIT_CONTROL" in error.message


@pytest.mark.parametrize(
    ("changes", "code", "disables"),
    [
        ({"template_code": "SMS_1"}, "isv.SMS_TEMPLATE_ILLEGAL", True),
        ({"sign_name": "another"}, "isv.SMS_SIGNATURE_ILLEGAL", True),
        ({"variables": {}}, "isv.TEMPLATE_MISSING_PARAMETERS", True),
        ({"access_key_id": "LTAI"}, "InvalidAccessKeyId.NotFound", True),
        ({"access_key_secret": "wrong"}, "SignatureDoesNotMatch", True),
        ({"to": ["12345"]}, "isv.MOBILE_NUMBER_ILLEGAL", False),
        ({"variable_length": 35}, "isv.PARAM_LENGTH_LIMIT", False),
    ],
)
def test_what_aliyun_refuses_is_permanent(
    ali: AliyunFake, changes: dict[str, Any], code: str, disables: bool
) -> None:
    config = aliyun(ali) | {"variables": {"pair": "{body}", "price": "{price}"}}
    error = failure(config, message=replace(MESSAGE, body="x" * 90), **changes)
    assert (error.permanent, error.disables) == (True, disables)
    assert code in error.message


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "Throttling.User"),
        (200, "isp.SYSTEM_ERROR"),
        (200, "isp.GATEWAY_ERROR"),
        (503, "ServiceUnavailable"),
        (200, "isv.DAY_LIMIT_CONTROL"),
    ],
)
def test_what_passes_is_asked_again(ali: AliyunFake, status: int, code: str) -> None:
    ali.answers.append((status, {"Code": code, "Message": "later"}))
    error = failure(aliyun(ali))
    assert (error.permanent, error.disables) == (False, False)


# -- Twilio -------------------------------------------------------------------


def test_twilio_sends_one_line_of_two_parts_at_most(twi: TwilioFake) -> None:
    message = replace(MESSAGE, body="看 https://x.example.org/a\n" + "长" * 500)
    receipt = deliver(twilio(twi), message)
    ((number, text),) = twi.texts
    assert number == PHONE
    assert len(text) == 134
    assert text.startswith("[P0] ▲ BUY BTC/USDT 5m: 看 长长")
    assert receipt.message_id.startswith("SM")


def test_a_messaging_service_stands_for_the_sender(twi: TwilioFake) -> None:
    config = twilio(twi) | {"from": "", "messaging_service_sid": "MG1"}
    assert deliver(config).code == 201
    assert "MessagingServiceSid=MG1" in twi.received[0].body.decode()


@pytest.mark.parametrize(
    ("changes", "code", "disables"),
    [
        ({"auth_token": "wrong"}, 20003, True),
        ({"from": "+15550000000"}, 21212, True),
        ({"to": ["13800138000"]}, 21211, False),
    ],
)
def test_what_twilio_refuses_is_permanent(
    twi: TwilioFake, changes: dict[str, Any], code: int, disables: bool
) -> None:
    error = failure(twilio(twi), **changes)
    assert (error.code, error.permanent, error.disables) == (code, True, disables)


def test_too_many_requests_mean_wait(twi: TwilioFake) -> None:
    twi.limit = 0
    error = failure(twilio(twi))
    assert (error.code, error.permanent) == (20429, False)
    day = {"code": 63038, "message": "daily limit", "status": 429}
    twi.answers.append((429, day))
    assert failure(twilio(twi)).retry_after == 6 * 3600.0


def test_a_senders_queue_that_is_full_gets_empty_again(twi: TwilioFake) -> None:
    full = {"code": 21611, "message": "exceeded the maximum number of queued messages"}
    twi.answers.append((400, full))
    error = failure(twilio(twi))
    assert (error.code, error.permanent, error.disables) == (21611, False, False)


def test_a_clock_that_is_wrong_costs_no_message(ali: AliyunFake) -> None:
    late = {"Code": "InvalidTimeStamp.Expired", "Message": "Specified time is expired."}
    ali.answers.append((400, late))
    error = failure(aliyun(ali))
    assert (error.permanent, error.disables) == (False, False)


# -- Many phones --------------------------------------------------------------


def test_each_phone_has_its_own_outcome(twi: TwilioFake) -> None:
    twi.stopped.add(OTHER)
    config = twilio(twi) | {"to": [PHONE, OTHER, "+8613700137000"]}
    twi.answers.append((429, {"code": 20429, "message": "slow down"}))
    receipt = deliver(config)
    # The first was asked to wait, the second does not want any.
    assert [number for number, _text in twi.texts] == ["+8613700137000"]
    assert set(receipt.refused or {}) == {PHONE, OTHER}
    assert receipt.left == (PHONE,)


def test_only_those_who_are_left_get_it_again(twi: TwilioFake) -> None:
    config = twilio(twi) | {"to": [PHONE, OTHER]}
    deliver(config, replace(MESSAGE, left=(OTHER,)))
    assert [number for number, _text in twi.texts] == [OTHER]


def test_a_phone_whose_outcome_is_unknown_is_asked_again_unless_told_not_to(
    twi: TwilioFake,
) -> None:
    config = twilio(twi) | {"to": [PHONE, OTHER]}
    twi.answers.append((201, b""))
    assert deliver(config).left == (PHONE,)
    twi.answers.append((201, b""))
    receipt = deliver(config, at_most_once=True)
    assert receipt.left == ()
    assert PHONE in (receipt.refused or {})


def test_a_refusal_of_every_phone_names_them(twi: TwilioFake) -> None:
    twi.stopped |= {PHONE, OTHER}
    error = failure(twilio(twi), to=[PHONE, OTHER])
    assert (error.permanent, error.disables) == (True, False)
    assert PHONE in error.message
    assert OTHER in error.message
    twi.stopped.clear()
    twi.answers.extend(
        [
            (429, {"code": 20429, "message": "slow"}, {"Retry-After": "5"}),
            (400, {"code": 21610, "message": "stopped"}),
        ]
    )
    error = failure(twilio(twi), to=[PHONE, OTHER])
    assert (error.permanent, error.retry_after) == (False, 5.0)


# -- Configuration ------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "changes", "names"),
    [
        ("aliyun", {"provider": "pigeon"}, "'pigeon'"),
        ("aliyun", {"to": []}, "'to'"),
        ("aliyun", {"to": ["call me"]}, "'callme'"),
        ("aliyun", {"sign_name": ""}, "'sign_name'"),
        ("aliyun", {"template_code": None}, "'template_code'"),
        ("aliyun", {"access_key_id": None}, "'access_key_id'"),
        ("aliyun", {"access_key_secret": None}, "'access_key_secret'"),
        ("aliyun", {"variables": ["a"]}, "'variables'"),
        ("aliyun", {"variables": {"a": 1}}, "'variables'"),
        ("aliyun", {"variable_length": 36}, "'variable_length'"),
        ("twilio", {"account_sid": None}, "'account_sid'"),
        ("twilio", {"auth_token": None}, "'auth_token'"),
        ("twilio", {"from": None}, "'from'"),
        ("twilio", {"from": True}, "'from'"),
        ("twilio", {"length": 2000}, "'length'"),
        ("twilio", {"api_base": "http://sms.example.org"}, "'api_base'"),
    ],
)
def test_a_wrong_configuration_names_the_key(
    ali: AliyunFake,
    twi: TwilioFake,
    provider: str,
    changes: dict[str, Any],
    names: str,
) -> None:
    config = aliyun(ali) if provider == "aliyun" else twilio(twi)
    with pytest.raises(ConfigurationError, match=names):
        SmsTransport().check(config | changes)


def test_a_secret_with_a_letter_that_no_key_has_is_told(twi: TwilioFake) -> None:
    error = failure(twilio(twi), auth_token="tökén")
    assert error.disables
    assert not twi.received


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\n b\t c", "a b c"),
        ("see https://a.b/c?d now", "see now"),
        ("see WWW.A.COM/x now", "see now"),
        ("mail me@example.org now", "mail now"),
        ("go to example.com/x", "go to example com/x"),
        ("price 63210.5 +1.25%", "price 63210.5 +1.25%"),
        ("at 192.168.1.1:8000/x now", "at now"),
        ("【BTC】", "[BTC]"),
    ],
)
def test_a_line_without_addresses(text: str, line: str) -> None:
    assert one_line(text) == line
