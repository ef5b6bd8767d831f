"""What a bot is told: paper trading, its own files, loopback, and no way around it."""

from __future__ import annotations

import ast
import json
import stat
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from btc_watcher.lib.errors import ConfigurationError
from freqtrade_mgmt.bot_config import (
    SIMULATED,
    BotCredentials,
    BotPaths,
    BotSpec,
    bot_command,
    bot_configuration,
    bot_environment,
    bot_folder_read,
    bot_folder_write,
    bot_name,
    strategy_inspect,
)
from freqtrade_mgmt.demo import DEMO_STRATEGIES, demo_source

if TYPE_CHECKING:
    from pathlib import Path

URL = "http://127.0.0.1:18080/api/v3"
CODE = "class Mine(IStrategy):\n    timeframe = '5m'\n"
SPEC = BotSpec(
    strategy_id=12,
    name="Mine",
    class_name="Mine",
    code=CODE,
    exchange=SIMULATED,
    pairs=("BTC/USDT", "ETH/USDT"),
    timeframe="5m",
    stake_currency="USDT",
)
CREDENTIALS = BotCredentials("u", "pass", "jwt", "ws")


def configuration(tmp_path: Path, url: str = URL, **changes: Any) -> dict[str, Any]:
    spec = replace(SPEC, **changes)
    return bot_configuration(spec, CREDENTIALS, 18501, url, BotPaths.of(tmp_path))


def test_a_bot_only_watches(tmp_path: Path) -> None:
    found = configuration(tmp_path)
    assert found["dry_run"] is True
    assert found["max_open_trades"] == 0
    assert found["initial_state"] == "running"
    assert found["force_entry_enable"] is False
    assert found["exchange"]["enable_ws"] is False
    assert not {"telegram", "fiat_display_currency", "webhook"} & set(found)
    assert "key" not in found["exchange"]
    assert found["strategy"] == "Mine"
    assert found["timeframe"] == "5m"
    assert found["bot_name"] == bot_name(12) == "btcw-12"


def test_the_api_listens_on_loopback_with_the_credentials_of_this_start(
    tmp_path: Path,
) -> None:
    assert configuration(tmp_path)["api_server"] == {
        "enabled": True,
        "listen_ip_address": "127.0.0.1",
        "listen_port": 18501,
        "username": "u",
        "password": "pass",
        "jwt_secret_key": "jwt",
        "ws_token": "ws",
    }


def test_database_and_log_are_the_bots_own_and_tokens_are_not_logged(
    tmp_path: Path,
) -> None:
    found = configuration(tmp_path)
    assert found["db_url"] == f"sqlite:///{tmp_path}/trades.sqlite"
    log = found["log_config"]
    assert log["handlers"]["file"]["filename"] == f"{tmp_path}/logs/freqtrade.log"
    assert log["handlers"]["file"]["maxBytes"] > 0
    assert log["handlers"]["file"]["backupCount"] > 0
    assert log["loggers"]["uvicorn.error"]["level"] == "WARNING"


def test_the_simulated_exchange_is_binance_at_our_own_address(tmp_path: Path) -> None:
    exchange = configuration(tmp_path)["exchange"]
    assert exchange["name"] == "binance"
    assert exchange["pair_whitelist"] == ["BTC/USDT", "ETH/USDT"]
    assert exchange["ccxt_config"] == {
        "urls": {"api": {"public": URL, "private": URL}},
        "options": {"fetchMarkets": {"types": ["spot"]}},
    }


@pytest.mark.parametrize("exchange", ["binance", "okx", "kraken"])
def test_a_real_exchange_never_gets_an_address_of_ours(
    tmp_path: Path, exchange: str
) -> None:
    found = configuration(tmp_path, exchange=exchange)
    assert found["exchange"]["name"] == exchange
    assert "ccxt_config" not in found["exchange"]
    assert "127.0.0.1:18080" not in json.dumps(found)


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.5:18080/api/v3",
        "http://localhost:18080/api/v3",
        "https://127.0.0.1/api/v3",
        "http://user@127.0.0.1:18080/api/v3",
        "http://127.0.0.1.example.org/api/v3",
        "",
    ],
)
def test_a_simulated_exchange_elsewhere_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError, match="is not on this machine") as error:
        configuration(tmp_path, url=url)
    assert repr(url) in error.value.message


@pytest.mark.parametrize(
    ("extra", "key"),
    [
        ({"dry_run": False}, "dry_run"),
        ({"dry_run": 0}, "dry_run"),
        ({"api_server": {"enabled": True}}, "api_server"),
        ({"telegram": {"enabled": True}}, "telegram"),
        ({"webhook": {"url": "https://example.org"}}, "webhook"),
        ({"discord": {}}, "discord"),
        ({"db_url": "postgresql://prod"}, "db_url"),
        ({"external_message_consumer": {}}, "external_message_consumer"),
        ({"fiat_display_currency": "USD"}, "fiat_display_currency"),
        ({"force_entry_enable": True}, "force_entry_enable"),
        ({"max_open_trades": 3}, "max_open_trades"),
        ({"pairlists": [{"method": "RemotePairList"}]}, "pairlists"),
        ({"add_config_files": ["/etc/x.json"]}, "add_config_files"),
        ({"strategy_path": "/tmp"}, "strategy_path"),  # noqa: S108 - refused
        ({"user_data_dir": "/"}, "user_data_dir"),
        ({"logfile": "/x"}, "logfile"),
        ({"log_config": {}}, "log_config"),
        ({"initial_state": "stopped"}, "initial_state"),
        ({"bot_name": "x"}, "bot_name"),
        ({"exchange": {"key": "k"}}, "exchange.key"),
        ({"exchange": {"apiKey": "k"}}, "exchange.apiKey"),
        ({"exchange": {"secret": "s"}}, "exchange.secret"),
        ({"exchange": {"password": "s"}}, "exchange.password"),
        ({"exchange": {"uid": "s"}}, "exchange.uid"),
        ({"exchange": {"ccxt_config": {"apiKey": "s"}}}, "exchange.ccxt_config.apiKey"),
        ({"mine": [{"private_key": "s"}]}, "mine.private_key"),
        ({"exchange": {"name": "okx"}}, "exchange.name"),
        ({"exchange": {"enable_ws": True}}, "exchange.enable_ws"),
        ({"exchange": {"ccxt_sync_config": {}}}, "exchange.ccxt_sync_config"),
        ({"exchange": {"ccxt_async_config": {}}}, "exchange.ccxt_async_config"),
        ({"exchange": {"ccxt_config": {"urls": {}}}}, "exchange.ccxt_config.urls"),
        (
            {"exchange": {"ccxt_config": {"hostname": "x"}}},
            "exchange.ccxt_config.hostname",
        ),
        (
            {"exchange": {"ccxt_config": {"httpsProxy": "x"}}},
            "exchange.ccxt_config.httpsProxy",
        ),
        ({"exchange": "binance"}, "exchange"),
        ({"exchange": {"ccxt_config": [1]}}, "exchange.ccxt_config"),
        ({"trading_mode": "futures"}, "trading_mode"),
    ],
)
@pytest.mark.parametrize("exchange", [SIMULATED, "binance"])
def test_a_setting_that_leads_around_the_rules_is_refused_by_name(
    tmp_path: Path, exchange: str, extra: dict[str, object], key: str
) -> None:
    if key == "trading_mode" and exchange != SIMULATED:
        assert configuration(tmp_path, exchange=exchange, extra=extra)
        return
    with pytest.raises(ConfigurationError) as error:
        configuration(tmp_path, exchange=exchange, extra=extra)
    assert f"The setting {key} is" in error.value.message


def test_harmless_settings_reach_freqtrade(tmp_path: Path) -> None:
    extra = {
        "dry_run": True,
        "stake_amount": 50,
        "minimal_roi": {"0": 0.1},
        "my_own": {"fast": 3},
        "exchange": {
            "pair_blacklist": ["X/USDT"],
            "ccxt_config": {"rateLimit": 100},
        },
    }
    found = configuration(tmp_path, extra=extra)
    assert found["stake_amount"] == 50
    assert found["minimal_roi"] == {"0": 0.1}
    assert found["my_own"] == {"fast": 3}
    assert found["exchange"]["pair_blacklist"] == ["X/USDT"]
    assert found["exchange"]["ccxt_config"]["rateLimit"] == 100
    assert found["exchange"]["ccxt_config"]["urls"]["api"]["public"] == URL
    real = configuration(tmp_path, extra=extra, exchange="okx")["exchange"]
    assert real["ccxt_config"] == {"rateLimit": 100}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"class_name": "../x"}, "'../x' is not the name of a Python class"),
        ({"exchange": "Binance; rm"}, "'Binance; rm' is not the name of an exchange"),
        ({"timeframe": "5 minutes"}, "'5 minutes' is not a timeframe"),
        ({"pairs": ()}, "watches no pair"),
        ({"pairs": ("BTC/EUR",)}, "'BTC/EUR' is not priced in USDT"),
        ({"pairs": ("BTCUSDT",)}, "'BTCUSDT' is not priced in USDT"),
    ],
)
def test_a_value_that_cannot_work_is_named(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError) as error:
        configuration(tmp_path, **changes)
    assert message in error.value.message


def test_a_pair_of_futures_is_priced_in_its_quote(tmp_path: Path) -> None:
    pairs = ("BTC/USDT:USDT",)
    found = configuration(tmp_path, exchange="binance", pairs=pairs)
    assert found["exchange"]["pair_whitelist"] == ["BTC/USDT:USDT"]


def test_credentials_are_random_and_not_shown() -> None:
    first, second = BotCredentials.random(), BotCredentials.random()
    for name in ("username", "password", "jwt_secret_key", "ws_token"):
        assert getattr(first, name) != getattr(second, name)
    assert len(first.jwt_secret_key) >= 32
    for secret in (first.password, first.jwt_secret_key, first.ws_token):
        assert secret not in repr(first)


def test_the_folder_is_for_us_alone(tmp_path: Path) -> None:
    paths = bot_folder_write(tmp_path / "bots" / "12", SPEC, CREDENTIALS, 18501, URL)
    for folder in (paths.folder, paths.strategies, paths.log.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    strategy = paths.strategies / "Mine.py"
    for file in (paths.config, strategy):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert strategy.read_text() == CODE


def test_writing_again_keeps_the_trades_and_drops_old_strategies(
    tmp_path: Path,
) -> None:
    paths = bot_folder_write(tmp_path, SPEC, CREDENTIALS, 18501, URL)
    paths.database.write_text("trades")
    paths.config.chmod(0o644)
    renamed = replace(SPEC, class_name="Other")
    bot_folder_write(tmp_path, renamed, CREDENTIALS, 18502, URL)
    assert paths.database.read_text() == "trades"
    assert [path.name for path in paths.strategies.iterdir()] == ["Other.py"]
    assert stat.S_IMODE(paths.config.stat().st_mode) == 0o600


def test_a_refused_configuration_touches_no_file(tmp_path: Path) -> None:
    folder = tmp_path / "bot"
    with pytest.raises(ConfigurationError):
        bot_folder_write(folder, replace(SPEC, pairs=()), CREDENTIALS, 18501, URL)
    assert not folder.exists()


def test_a_running_bot_can_be_found_again(tmp_path: Path) -> None:
    bot_folder_write(tmp_path, SPEC, CREDENTIALS, 18501, URL)
    credentials, port, name, host = bot_folder_read(tmp_path)
    assert host == "127.0.0.1"
    assert (credentials, port, name) == (CREDENTIALS, 18501, "btcw-12")


@pytest.mark.parametrize(
    "text", [None, "{", "[]", "{}", '{"api_server": {}}', '{"api_server": 5}']
)
def test_a_folder_that_cannot_be_read_names_the_file(
    tmp_path: Path, text: str | None
) -> None:
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(ConfigurationError) as error:
        bot_folder_read(tmp_path)
    assert f"{tmp_path}/config.json" in error.value.message


def test_command_and_environment_hold_no_secret_and_nothing_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BTCW_CANARY", "of ours")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    paths = bot_folder_write(tmp_path, SPEC, CREDENTIALS, 18501, URL)
    python = tmp_path / "env" / "bin" / "python"
    command = bot_command(python, paths)
    assert command[0] == str(python)
    assert command[command.index("--userdir") + 1] == str(tmp_path)
    environment = bot_environment(paths)
    assert set(environment) == {"PATH", "HOME", "LANG"}
    assert environment["HOME"] == str(tmp_path)
    words = {*command, *environment.values()}
    assert not words & {"pass", "jwt", "ws", "of ours"}


def test_a_strategy_that_may_trade_does_so_on_paper(tmp_path: Path) -> None:
    found = configuration(tmp_path, trades=True, exchange="binance")

    assert found["dry_run"] is True
    assert found["max_open_trades"] > 0


def test_live_trading_needs_an_account_and_its_key_stays_out_of_the_file(
    tmp_path: Path,
) -> None:
    live = ("an account's key", "an account's secret")
    found = configuration(tmp_path, trades=True, exchange="binance", live=live)

    assert found["dry_run"] is False
    assert live[0] not in str(found)
    assert live[1] not in str(found)
    spec = replace(SPEC, trades=True, exchange="binance", live=live)
    assert live[1] not in repr(spec)
    environment = bot_environment(BotPaths.of(tmp_path), spec)
    assert environment["FREQTRADE__EXCHANGE__KEY"] == live[0]
    assert environment["FREQTRADE__EXCHANGE__SECRET"] == live[1]


@pytest.mark.parametrize(
    "changes", [{"trades": True}, {"exchange": "binance", "trades": False}]
)
def test_live_trading_is_refused_where_it_makes_no_sense(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError, match="cannot trade live"):
        configuration(tmp_path, live=("key", "secret"), **changes)


def test_a_strategy_is_read_without_running_it() -> None:
    facts = strategy_inspect(
        "import os\nos._exit(1)\n"
        "from freqtrade.strategy import IStrategy as Base\n"
        "class Helper: pass\n"
        "class Mine(Helper, Base):\n"
        "    timeframe: str = '15m'\n"
        "    startup_candle_count: int = 240\n"
        "    can_short = True\n"
        "    other: int\n"
        "    a, b = 1, 2\n"
    )
    assert facts.class_name == "Mine"
    assert facts.timeframe == "15m"
    assert facts.startup_candle_count == 240
    assert facts.can_short is True


@pytest.mark.parametrize("value", ["max(30, 20)", "True", "'30'", "-5"])
def test_a_startup_count_that_is_no_number_counts_as_none(value: str) -> None:
    facts = strategy_inspect(CODE + f"    startup_candle_count = {value}\n")
    assert facts.startup_candle_count == 0
    assert facts.can_short is False


def test_a_strategy_may_derive_through_the_module() -> None:
    code = "class A(strategy.IStrategy):\n    timeframe = '1h'\n"
    assert strategy_inspect(code).class_name == "A"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("x = 1\ndef broken(:\n", "not valid Python: line 2"),
        ("x = '\0'", "not valid Python|cannot be read as Python"),
        ("(" * 5000, "not valid Python|cannot be read as Python"),
        ("", "holds no strategy"),
        ("class A(Other):\n    timeframe = '1m'\n", "holds no strategy"),
        ("class A(make()):\n    timeframe = '1m'\n", "holds no strategy"),
        (f"{CODE}class Two(IStrategy): pass\n", r"holds 2 strategies \(Mine, Two\)"),
        (f"{CODE}class Two(Mine): pass\n", r"holds 2 strategies \(Mine, Two\)"),
        ("class A(IStrategy): pass\n", "A names no timeframe"),
        ("class A(IStrategy):\n    timeframe = TF\n", "A names no timeframe"),
    ],
)
def test_a_bad_strategy_is_told_what_is_wrong(code: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        strategy_inspect(code)


@pytest.mark.parametrize("demo", DEMO_STRATEGIES, ids=lambda demo: demo.class_name)
def test_the_demonstration_strategies_are_what_their_descriptions_say(
    demo: Any,
) -> None:
    code = demo_source(demo)
    facts = strategy_inspect(code)
    assert facts.class_name == demo.class_name
    assert facts.timeframe == demo.timeframe == "1m"
    assert facts.startup_candle_count > 0
    assert not facts.can_short
    assert 3 <= len(demo.pairs) <= 4
    assert ast.get_docstring(ast.parse(code))
