"""What a runner cannot do, found before a strategy runs in one. Pure.

Better too much than too little: what is found here gets a bot of its own.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, Final

from freqtrade_mgmt.runner import shared

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Called for trades only, and a strategy that watches has none.
_OF_TRADES: Final = frozenset(
    {
        "adjust_entry_price",
        "adjust_exit_price",
        "adjust_order_price",
        "adjust_trade_position",
        "check_buy_timeout",
        "check_entry_timeout",
        "check_exit_timeout",
        "check_sell_timeout",
        "confirm_trade_entry",
        "confirm_trade_exit",
        "custom_entry_price",
        "custom_exit",
        "custom_exit_price",
        "custom_roi",
        "custom_sell",
        "custom_stake_amount",
        "custom_stoploss",
        "leverage",
        "order_filled",
    }
)
_TRADES: Final = "trades, locks or the wallet of its own"
_PROCESS: Final = "settings of the whole process"
_NAMES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("LocalTrade", "Order", "PairLocks", "Trade", "wallets"), _TRADES),
    **dict.fromkeys(
        ("is_pair_locked", "lock_pair", "unlock_pair", "unlock_reason"), _TRADES
    ),
    **dict.fromkeys(
        ("get_producer_df", "get_producer_pairs"), "the candles of producers"
    ),
    "freqai": "FreqAI",
    **dict.fromkeys(
        ("chdir", "set_compatibility", "set_unstable_period", "setlocale", "setrlimit"),
        _PROCESS,
    ),
}
_MODULES: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "_thread",
            "concurrent",
            "joblib",
            "multiprocessing",
            "subprocess",
            "threading",
        ),
        "threads or processes of its own",
    ),
    "signal": _PROCESS,
}
_SENDERS: Final = ("discord", "telegram", "webhook")


def of_config(config: Mapping[str, Any]) -> str:
    """Return what in a bot's configuration needs a bot of its own, or nothing."""
    exchange = config.get("exchange", {})
    methods = [entry.get("method") for entry in config.get("pairlists", [])]
    cases = (
        (_enabled(config, "freqai"), "It uses FreqAI."),
        (_enabled(config, "external_message_consumer"), "It follows producers."),
        (any(_enabled(config, n) for n in _SENDERS), "Its bot sends messages itself."),
        (config.get("dry_run") is not True, "It trades with real money."),
        (config.get("max_open_trades") != 0, "It opens trades."),
        (
            exchange.get("enable_ws", True) is not False,
            "It reads the exchange's stream.",
        ),
        (bool(exchange.get("use_public_trades")), "It reads the exchange's trades."),
        (methods != ["StaticPairList"], "Its list of pairs changes by itself."),
        (
            config.get("process_only_new_candles") is False,
            "It analyses again and again while a candle is open"
            " (process_only_new_candles).",
        ),
    )
    return next((sentence for found, sentence in cases if found), "")


def of_source(source: str) -> str:
    """Return what in a strategy's source needs a bot of its own, or nothing.

    A source that is not Python is for freqtrade to refuse.
    """
    tree = _parsed(source)
    if tree is None:
        return ""
    for node in _reached(tree):
        for name, line in _used(node):
            what = _NAMES.get(name) or (
                _MODULES.get(name)
                if isinstance(node, ast.Import | ast.ImportFrom)
                else ""
            )
            if what:
                return f"It uses {what} ({name}, line {line})."
    where = shared.of_nodes(_reached(tree), tree)
    return f"It changes what all share in a process ({where})." if where else ""


def changes_all(source: str) -> bool:
    """Tell whether a source changes, anywhere in it, what all share in a process."""
    tree = _parsed(source)
    return tree is not None and bool(shared.of_nodes(ast.walk(tree), tree))


def looks_around(source: str) -> bool:
    """Tell whether code may look at other candles than those of the analysed pair."""
    return ".dp" in source or "getattr" in source


def _parsed(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return None


def _reached(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk everything but the functions that only trades call."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and node.name in _OF_TRADES
        ):
            continue
        yield node
        waiting.extend(ast.iter_child_nodes(node))


def _used(node: ast.AST) -> Iterator[tuple[str, int]]:
    if isinstance(node, ast.Name):
        yield node.id, node.lineno
    elif isinstance(node, ast.Attribute):
        yield node.attr, node.lineno
    elif isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name.partition(".")[0], node.lineno
    elif isinstance(node, ast.ImportFrom):
        yield (node.module or "").partition(".")[0], node.lineno
        # Under its own name it may be imported for callbacks of trades only.
        for alias in node.names:
            if alias.asname not in {None, alias.name}:
                yield alias.name, node.lineno


def _enabled(config: Mapping[str, Any], name: str) -> bool:
    section = config.get(name)
    return isinstance(section, dict) and bool(section.get("enabled"))
