"""A bot's proxy: one key of ccxt that fits, and no other one beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from btc_watcher.lib.errors import ConfigurationError
from btc_watcher.lib.sockets import ProxyAddress
from freqtrade_mgmt.bot_config import (
    SIMULATED,
    BotCredentials,
    BotPaths,
    BotSpec,
    bot_configuration,
)
from freqtrade_mgmt.bot_extra import extra_check
from freqtrade_mgmt.forms.values import draft_values, form_data
from strategies.models import Strategy

if TYPE_CHECKING:
    from pathlib import Path

URL = "http://127.0.0.1:18080/api/v3"
SPEC = BotSpec(
    strategy_id=12,
    name="Mine",
    class_name="Mine",
    code="class Mine(IStrategy):\n    timeframe = '5m'\n",
    exchange=SIMULATED,
    pairs=("BTC/USDT",),
    timeframe="5m",
    stake_currency="USDT",
)
PROXY_KEYS = (
    "httpProxy",
    "httpsProxy",
    "http_proxy",
    "https_proxy",
    "socksProxy",
    "socks_proxy",
    "proxies",
    "proxy",
    "proxyUrl",
    "proxyUrlCallback",
    "aiohttp_proxy",
    "aiohttp_trust_env",
    "requests_trust_env",
    "trust_env",
    "wsProxy",
    "wssProxy",
    "wsSocksProxy",
)


def ccxt(tmp_path: Path, proxy: ProxyAddress | None, exchange: str) -> dict[str, Any]:
    """Return ccxt_config without what the simulated exchange needs."""
    spec = replace(SPEC, proxy=proxy, exchange=exchange)
    found = bot_configuration(
        spec, BotCredentials.random(), 18501, URL, BotPaths.of(tmp_path)
    )
    section: dict[str, Any] = found["exchange"].get("ccxt_config", {})
    return {k: v for k, v in section.items() if k not in {"urls", "options"}}


@pytest.mark.parametrize(
    ("proxy", "exchange", "setting"),
    [
        (None, "binance", {}),
        (
            ProxyAddress("http", "p.test", 8080),
            "binance",
            {"httpsProxy": "http://p.test:8080"},
        ),
        (
            ProxyAddress("http", "p.test", 8080),
            SIMULATED,
            {"httpProxy": "http://p.test:8080"},
        ),
        (
            ProxyAddress("socks5", "2001:db8::1", 1080),
            "binance",
            {"socksProxy": "socks5h://[2001:db8::1]:1080"},
        ),
        (
            ProxyAddress("socks5", "127.0.0.1", 1080, "a b", "p:w/@%ü"),
            SIMULATED,
            {"socksProxy": "socks5h://a%20b:p%3Aw%2F%40%25%C3%BC@127.0.0.1:1080"},
        ),
    ],
)
def test_exactly_one_key_carries_everything(
    tmp_path: Path,
    proxy: ProxyAddress | None,
    exchange: str,
    setting: dict[str, str],
) -> None:
    assert ccxt(tmp_path, proxy, exchange) == setting


def test_a_kind_that_freqtrade_does_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"socks4.*would go out directly"):
        ccxt(tmp_path, ProxyAddress("socks4", "p.test", 1080), "binance")


def test_what_would_write_the_login_into_the_log_is_silent(tmp_path: Path) -> None:
    found = bot_configuration(
        SPEC, BotCredentials.random(), 18501, URL, BotPaths.of(tmp_path)
    )
    loggers = found["log_config"]["loggers"]
    assert loggers["freqtrade.exchange.exchange"] == {"level": "WARNING"}


@pytest.mark.parametrize("key", PROXY_KEYS)
@pytest.mark.parametrize(
    "path",
    [
        (),
        ("exchange",),
        ("exchange", "ccxt_config"),
        ("exchange", "ccxt_async_config"),
        ("somewhere", "else"),
    ],
)
def test_a_proxy_of_a_strategys_own_is_refused(path: tuple[str, ...], key: str) -> None:
    extra: dict[str, Any] = {key: "http://elsewhere.test:8080"}
    for name in reversed(path):
        extra = {name: extra}
    with pytest.raises(ConfigurationError, match=r"is refused: .*proxy"):
        extra_check(extra, simulated=False)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (("7", "another"), {"proxy": 7}),
        (("7", "never"), {"proxy": 7, "proxy_policy": "never"}),
        (("7", "direct"), {"proxy": 7, "proxy_policy": "direct"}),
        (("7", ""), {"proxy": 7}),
        # Without a proxy there is nothing that could be out.
        (("", "never"), {}),
    ],
)
def test_the_form_stores_the_proxy_and_what_happens_when_it_is_out(
    given: tuple[str, str], stored: dict[str, Any]
) -> None:
    draft = Strategy(
        config={"class_name": "S", "code": ""},
        freqtrade_config={"proxy": 3, "proxy_policy": "direct"},
        signal_thresholds={},
    )
    data = form_data(draft)
    assert (data["proxy"], data["proxy_policy"]) == ("3", "direct")
    values = draft_values(draft, {"proxy": given[0], "proxy_policy": given[1]})
    assert values["freqtrade_config"] == stored
