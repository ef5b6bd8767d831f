"""Which freqtrade settings a strategy may bring along, and which are refused.

A bot only watches: paper trading, no account, no messages of its own, no other route
to the exchange. Whatever could change that is refused by name, never dropped silently.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btc_watcher.lib.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

# Keys of freqtrade_config that are BTC Watcher's; the rest goes to the bot.
OUR_KEYS = ("version", "proxy", "proxy_policy", "own_process", "live")
# The exchange's name that stands for our own simulated one.
SIMULATED = "simulated"
# Set by BTC Watcher for every bot, from the strategy's own fields or by rule.
_OURS = frozenset(
    {
        "add_config_files",
        "api_server",
        "bot_name",
        "config_files",
        "datadir",
        "db_url",
        "db_url_from",
        "initial_state",
        "log_config",
        "logfile",
        "max_open_trades",
        "original_config",
        "pairlists",
        "recursive_strategy_search",
        "runmode",
        "stake_currency",
        "strategy",
        "strategy_list",
        "strategy_path",
        "timeframe",
        "user_data_dir",
    }
)
# They would make a bot send, fetch or obey something behind BTC Watcher's back.
_OUTWARD = frozenset(
    {
        "apiserver",
        "coingecko",
        "discord",
        "external_message_consumer",
        "fiat_display_currency",
        "force_entry_enable",
        "freqai",
        "freqaimodel",
        "freqaimodel_path",
        "telegram",
        "webhook",
    }
)
_SECRETS = frozenset(
    {
        "accountid",
        "apikey",
        "authorization",
        "chatid",
        "jwtsecretkey",
        "passphrase",
        "password",
        "privatekey",
        "secret",
        "token",
        "uid",
        "walletaddress",
        "wstoken",
    }
)
_EXCHANGE_KEYS = frozenset(
    {
        "ccxt_config",
        "markets_refresh_interval",
        "outdated_offset",
        "pair_blacklist",
        "unknown_fee_rate",
    }
)
# Everything else in ccxt_config may reroute traffic: urls, hostname, proxies, headers.
_CCXT_KEYS = frozenset({"enableRateLimit", "rateLimit", "timeout"})
# As ccxt spells them, in small letters and without underscores.
_PROXY_KEYS = frozenset(
    {
        "aiohttpproxy",
        "aiohttptrustenv",
        "httpproxy",
        "httpproxycallback",
        "httpsproxy",
        "httpsproxycallback",
        "proxies",
        "proxy",
        "proxyurl",
        "proxyurlcallback",
        "requeststrustenv",
        "socksproxy",
        "socksproxycallback",
        "trustenv",
        "wsproxy",
        "wssproxy",
        "wssocksproxy",
    }
)


def settings_check(
    config: Mapping[str, object], freqtrade_config: Mapping[str, object]
) -> None:
    """Raise ConfigurationError for the first setting of a strategy that is refused.

    What is BTC Watcher's own in ``freqtrade_config`` is checked elsewhere.
    """
    extra = {k: v for k, v in freqtrade_config.items() if k not in OUR_KEYS}
    extra_check(extra, simulated=config.get("exchange") == SIMULATED)


def extra_check(extra: Mapping[str, object], *, simulated: bool) -> None:
    """Raise ConfigurationError, naming the key, for the first setting that is refused."""
    for key, value in extra.items():
        _check_top(key, value, simulated=simulated)
    _check_secrets(extra, "")
    _check_proxies(extra, "")
    exchange = _object(extra.get("exchange", {}), "exchange")
    _check_known(exchange, _EXCHANGE_KEYS, "exchange")
    ccxt = _object(exchange.get("ccxt_config", {}), "exchange.ccxt_config")
    _check_known(ccxt, _CCXT_KEYS, "exchange.ccxt_config")


def _check_proxies(value: object, path: str) -> None:
    """Refuse routes of a strategy's own at any depth, also in sections nobody knows.

    Beside the chosen proxy they would end the bot, or take some requests past it.
    """
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        name = f"{path}{key}"
        if str(key).lower().replace("_", "") in _PROXY_KEYS:
            raise _refused(
                name,
                "the bot's proxy is chosen on the strategy's page, where it is tested"
                " and replaced when it is out",
            )
        _check_proxies(inner, f"{name}.")


def _check_top(key: str, value: object, *, simulated: bool) -> None:
    if key == "dry_run" and value is not True:
        raise ConfigurationError(
            f"The setting dry_run is {value!r}, but bots never trade with real money here."
            " Remove it, or write true."
        )
    if key in _OURS:
        raise _refused(key, "BTC Watcher sets it for every bot")
    if key in _OUTWARD:
        raise _refused(key, "a bot only watches, and BTC Watcher does the rest")
    if key == "trading_mode" and simulated and value != "spot":
        raise ConfigurationError(
            f"The setting trading_mode is {value!r}, but the simulated exchange is a spot"
            " market. Remove it, or choose a real exchange."
        )


def _check_secrets(value: object, path: str) -> None:
    """Refuse credentials at any depth: they would be stored and shown as plain text."""
    if isinstance(value, dict):
        for key, inner in value.items():
            name = f"{path}{key}"
            plain = str(key).lower().replace("_", "")
            if plain in _SECRETS or (path == "exchange." and plain == "key"):
                raise _refused(
                    name, "paper trading needs no credentials and none are kept"
                )
            _check_secrets(inner, f"{name}.")
    elif isinstance(value, list | tuple):
        for inner in value:
            _check_secrets(inner, path)


def _check_known(value: Mapping[str, object], known: frozenset[str], path: str) -> None:
    for key in value:
        if key not in known:
            raise _refused(
                f"{path}.{key}",
                "it could send the bot's requests elsewhere; allowed here are "
                + ", ".join(sorted(known)),
            )


def _object(value: object, path: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ConfigurationError(
            f"The setting {path} is {value!r}, but must be an object with named values."
        )
    return value


def _refused(name: str, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"The setting {name} is refused: {reason}. Remove it from the strategy's"
        " freqtrade configuration."
    )
