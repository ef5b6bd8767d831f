"""A bot's configuration and the folder that it lives in."""

from __future__ import annotations

import ipaddress
import json
import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

from btc_watcher.lib.errors import ConfigurationError
from freqtrade_mgmt.bot_extra import SIMULATED, extra_check
from freqtrade_mgmt.bot_files import file_write, folder_take, read_inside
from freqtrade_mgmt.here import unwritable
from freqtrade_mgmt.strategy_code import StrategyFacts, strategy_inspect

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from btc_watcher.lib.sockets import ProxyAddress

__all__ = [
    "SIMULATED",
    "BotCredentials",
    "BotIdentity",
    "BotPaths",
    "BotSpec",
    "StrategyFacts",
    "bot_command",
    "bot_configuration",
    "bot_environment",
    "bot_folder_read",
    "bot_folder_write",
    "bot_name",
    "reached_at",
    "strategy_inspect",
]

API_HOST = "127.0.0.1"
LARGEST_CONFIG = 4 * 1024 * 1024
_LOG_BYTES, _LOG_FILES = 5_000_000, 3
_LOG_FORMAT = "%(asctime)s - %(name)s - %(levelname)s - %(message)s"
_EXCHANGE_NAME = re.compile(r"[a-z][a-z0-9_]{1,49}")
# Slots for open trades of a strategy that may trade.
PAPER_TRADES = 3
_TIMEFRAME = re.compile(r"[1-9][0-9]{0,2}[mhdwM]")


@dataclass(frozen=True)
class BotSpec:
    """What a bot shall run: one strategy on one exchange.

    ``pairs`` are names such as BTC/USDT, ``code`` is the strategy's source text and
    ``extra`` holds further freqtrade settings that the strategy wants. ``trades`` lets
    it open trades, on paper unless ``live`` holds the key and secret of an account.
    ``proxy`` is what its requests to the exchange go through, None: directly.
    """

    strategy_id: int
    name: str
    class_name: str
    code: str
    exchange: str
    pairs: tuple[str, ...]
    timeframe: str
    stake_currency: str
    extra: Mapping[str, object] = field(default_factory=dict)
    trades: bool = False
    live: tuple[str, str] | None = field(default=None, repr=False)
    proxy: ProxyAddress | None = None


@dataclass(frozen=True)
class BotCredentials:
    """The secrets of one start of a bot; none of them appears in a repr."""

    username: str
    password: str = field(repr=False)
    jwt_secret_key: str = field(repr=False)
    ws_token: str = field(repr=False)

    @classmethod
    def random(cls) -> BotCredentials:
        """Draw new ones."""
        return cls(
            username=f"btcw-{secrets.token_hex(4)}",
            password=secrets.token_urlsafe(32),
            jwt_secret_key=secrets.token_urlsafe(48),
            ws_token=secrets.token_urlsafe(32),
        )


@dataclass(frozen=True)
class BotPaths:
    """Where the parts of a bot lie. ``console`` is for what it prints, ours to open."""

    folder: Path
    config: Path
    strategies: Path
    log: Path
    console: Path
    database: Path

    @classmethod
    def of(cls, folder: Path) -> BotPaths:
        """Name the parts below ``folder``, which is made absolute; touches no file."""
        folder = folder.absolute()
        return cls(
            folder=folder,
            config=folder / "config.json",
            strategies=folder / "strategies",
            log=folder / "logs" / "freqtrade.log",
            console=folder / "logs" / "console.log",
            database=folder / "trades.sqlite",
        )


class BotIdentity(NamedTuple):
    """How to reach a bot that was started earlier, and the name that it must answer."""

    credentials: BotCredentials
    port: int
    bot_name: str
    host: str = API_HOST


def bot_name(strategy_id: int) -> str:
    """Return the name that the bot of a strategy reports in /show_config."""
    return f"btcw-{strategy_id}"


def bot_configuration(
    spec: BotSpec,
    credentials: BotCredentials,
    port: int,
    simulator_url: str,
    paths: BotPaths,
    *,
    bind: str = API_HOST,
) -> dict[str, Any]:
    """Return freqtrade's configuration for ``spec``, whose API listens at bind:port.

    Raises ConfigurationError, naming the value, for anything that cannot work or that
    could make the bot trade for real or reach something else than its exchange.
    """
    simulated = spec.exchange == SIMULATED
    extra_check(spec.extra, simulated=simulated)
    _check_spec(spec)
    return {
        "stake_amount": 100,
        "dry_run_wallet": 1000,
        # "same" leaves paper orders open, which costs requests and log lines.
        "entry_pricing": {"price_side": "other"},
        "exit_pricing": {"price_side": "other"},
        **spec.extra,
        "bot_name": bot_name(spec.strategy_id),
        "strategy": spec.class_name,
        "timeframe": spec.timeframe,
        "stake_currency": spec.stake_currency,
        # Ours alone to say: a strategy cannot bring it along.
        "dry_run": spec.live is None,
        # Signals come from analysed candles, so not even paper trades are needed.
        "max_open_trades": PAPER_TRADES if spec.trades else 0,
        "initial_state": "running",
        "force_entry_enable": False,
        "db_url": f"sqlite:///{paths.database}",
        "exchange": _exchange(spec, simulator_url if simulated else None),
        "pairlists": [{"method": "StaticPairList"}],
        "api_server": {
            "enabled": True,
            "listen_ip_address": bind,
            "listen_port": port,
            "username": credentials.username,
            "password": credentials.password,
            "jwt_secret_key": credentials.jwt_secret_key,
            "ws_token": credentials.ws_token,
        },
        "log_config": _log_config(paths),
    }


def bot_folder_write(
    folder: Path,
    spec: BotSpec,
    credentials: BotCredentials,
    port: int,
    simulator_url: str,
    *,
    bind: str = API_HOST,
) -> BotPaths:
    """Write configuration and strategy to ``folder``, readable by us alone.

    What is there already (trades, logs) stays; strategies of earlier starts go. Raises
    ConfigurationError; NotHereError where the folder cannot be written.
    """
    paths = BotPaths.of(folder)
    configuration = bot_configuration(
        spec, credentials, port, simulator_url, paths, bind=bind
    )
    try:
        # The outer one first: it may be the bots' user's, who could exchange the others.
        for part in (paths.folder.resolve(), paths.strategies, paths.log.parent):
            folder_take(part)
        for old in paths.strategies.glob("*.py"):
            old.unlink()
        file_write(paths.strategies / f"{spec.class_name}.py", spec.code)
        file_write(paths.config, json.dumps(configuration, indent=2) + "\n")
    except OSError as error:
        raise unwritable(paths.folder, error) from error
    return paths


def bot_folder_read(folder: Path) -> BotIdentity:
    """Return how to reach the bot whose configuration lies in ``folder``.

    Raises ConfigurationError when the configuration is absent or damaged.
    """
    path = BotPaths.of(folder).config
    try:
        configuration = json.loads(read_inside(path.parent, path, LARGEST_CONFIG))
        server = configuration["api_server"]
        credentials = BotCredentials(
            username=str(server["username"]),
            password=str(server["password"]),
            jwt_secret_key=str(server["jwt_secret_key"]),
            ws_token=str(server["ws_token"]),
        )
        return BotIdentity(
            credentials,
            int(server["listen_port"]),
            str(configuration["bot_name"]),
            reached_at(str(server.get("listen_ip_address") or API_HOST)),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"The bot's configuration {path} cannot be read ({type(error).__name__})."
            " Start the strategy again, which writes it anew."
        ) from error


def reached_at(bind: str) -> str:
    """Return where a bot of this machine is reached that listens on ``bind``."""
    return API_HOST if bind in {"0.0.0.0", "::"} else bind  # noqa: S104 - not bound


def bot_command(python: Path, paths: BotPaths) -> list[str]:
    """Return the command that runs the bot with the interpreter of its environment."""
    # -I: neither the folder nor Python variables of ours can change what is imported.
    command = [str(python), "-I", "-m", "freqtrade", "trade", "--no-color"]
    return [*command, "--config", str(paths.config), "--userdir", str(paths.folder)]


def bot_environment(paths: BotPaths, spec: BotSpec | None = None) -> dict[str, str]:
    """Return the whole environment of the bot; nothing of ours is in it.

    A live account's key goes this way, because freqtrade logs no values from here.
    """
    plain = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(paths.folder),
        "LANG": "C.UTF-8",
    }
    if spec is None or spec.live is None:
        return plain
    key, secret = spec.live
    return plain | {
        "FREQTRADE__EXCHANGE__KEY": key,
        "FREQTRADE__EXCHANGE__SECRET": secret,
    }


def _check_spec(spec: BotSpec) -> None:
    if not spec.class_name.isidentifier():
        raise ConfigurationError(
            f"{spec.class_name!r} is not the name of a Python class."
        )
    if not _EXCHANGE_NAME.fullmatch(spec.exchange):
        raise ConfigurationError(
            f"{spec.exchange!r} is not the name of an exchange. Write it as freqtrade does,"
            f" such as binance, or {SIMULATED} for the built-in one."
        )
    if not _TIMEFRAME.fullmatch(spec.timeframe):
        raise ConfigurationError(
            f"{spec.timeframe!r} is not a timeframe. Write one such as 1m, 5m or 1h."
        )
    if spec.live is not None and (spec.exchange == SIMULATED or not spec.trades):
        raise ConfigurationError(
            f"The strategy {spec.name} cannot trade live: only strategies of the type"
            " trade_execution on a real exchange can. Turn live trading off."
        )
    if not spec.pairs:
        raise ConfigurationError(
            f"The strategy {spec.name} watches no pair. Name at least one, such as"
            f" BTC/{spec.stake_currency}."
        )
    for pair in spec.pairs:
        if pair.partition("/")[2].partition(":")[0] != spec.stake_currency:
            raise ConfigurationError(
                f"The pair {pair!r} is not priced in {spec.stake_currency}. Choose pairs that"
                f" end in /{spec.stake_currency}, or change the stake currency."
            )


def _exchange(spec: BotSpec, simulator_url: str | None) -> dict[str, Any]:
    """Return the section ``exchange``; only the simulated one gets an address."""
    wanted = spec.extra.get("exchange", {})
    section: dict[str, Any] = dict(wanted) if isinstance(wanted, dict) else {}
    section.update(
        name=spec.exchange,
        pair_whitelist=list(spec.pairs),
        # Exchange websockets know no proxy, and REST gives every candle.
        enable_ws=False,
    )
    if spec.proxy is not None:
        scheme = "https" if simulator_url is None else "http"
        section["ccxt_config"] = {
            **section.get("ccxt_config", {}),
            **_proxy_setting(spec.proxy, scheme),
        }
    if simulator_url is not None:
        url = _loopback_url(simulator_url)
        section["name"] = "binance"
        section["ccxt_config"] = {
            **section.get("ccxt_config", {}),
            "urls": {"api": {"public": url, "private": url}},
            # Without it ccxt asks two futures exchanges on the internet for markets.
            "options": {"fetchMarkets": {"types": ["spot"]}},
        }
    return section


def _proxy_setting(proxy: ProxyAddress, scheme: str) -> dict[str, str]:
    """Return the one key of ccxt that sends all requests to ``scheme`` addresses there.

    Any other key for an HTTP proxy leaves some requests direct, in silence, and two keys
    end the bot.
    """
    # Names are looked up by the proxy (the h).
    known = {"http": (f"{scheme}Proxy", "http"), "socks5": ("socksProxy", "socks5h")}
    if proxy.kind not in known:
        raise ConfigurationError(
            f"freqtrade knows no {proxy.kind} proxies, and would go out directly. The"
            " supervisor's bridge has to be put in between."
        )
    key, protocol = known[proxy.kind]
    host = f"[{proxy.host}]" if ":" in proxy.host else proxy.host
    login = ""
    if proxy.username or proxy.password:
        parts = (quote(part, safe="") for part in (proxy.username, proxy.password))
        login = ":".join(parts) + "@"
    return {key: f"{protocol}://{login}{host}:{proxy.port}"}


def _loopback_url(url: str) -> str:
    parts = urlsplit(url)
    try:
        loopback = ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        loopback = False
    if parts.scheme != "http" or not loopback or parts.username is not None:
        raise ConfigurationError(
            f"The simulated exchange's address {url!r} is not on this machine. Set"
            " BTCW_SIMULATOR_URL to one such as http://127.0.0.1:18080/api/v3."
        )
    return url


def _log_config(paths: BotPaths) -> dict[str, Any]:
    """Return logging to a rotated file alone, without the lines that hold tokens."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"standard": {"format": _LOG_FORMAT}},
        "handlers": {
            "file": {
                "class": "logging.handlers.RotatingFileHandler",
                "formatter": "standard",
                "filename": str(paths.log),
                "maxBytes": _LOG_BYTES,
                "backupCount": _LOG_FILES,
                "encoding": "utf-8",
            }
        },
        "root": {"handlers": ["file"], "level": "INFO"},
        "loggers": {
            # It writes the address of every WebSocket client, with the token in it.
            "uvicorn.error": {"level": "WARNING"},
            # It writes all of ccxt_config, with the proxy's login in it.
            "freqtrade.exchange.exchange": {"level": "WARNING"},
        },
    }
