"""What a strategy's source text says about itself, read without running it."""

from __future__ import annotations

import ast
import builtins
import io
import keyword
import re
import sys
import tokenize
from dataclasses import dataclass
from typing import Any, Final

from freqtrade_mgmt.trial.words import StrategyCodeError

MAXIMUM_BYTES: Final = 500_000
MAXIMUM_NAME: Final = 80
_BASE: Final = "IStrategy"
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_TIMEFRAME: Final = re.compile(r"[1-9][0-9]{0,2}[mhdwM]")
# freqtrade puts the folder of the strategies on the module search path, so a class's
# file hides a module of the same name. The trial asks the environment itself as well.
_MODULE_NAMES: Final = """
aiohappyeyeballs aiohttp aiosignal annotated_doc annotated_types anyio ast_comments
attr attrs bottleneck bs4 cachetools ccxt certifi charset_normalizer click cloudpickle
colorama cryptography dateutil fastapi freqtrade freqtrade_client frozenlist
ft_pandas_ta httpx humanize idna jinja2 joblib jsonschema jwt lightgbm markupsafe
multidict numexpr numpy orjson packaging pandas pandas_ta pip propcache psutil pyarrow
pycoingecko pydantic pydantic_core python_socks pytz questionary rapidjson referencing
regex requests rich rpds schedule scipy sdnotify setuptools sitecustomize six sklearn
socks sqlalchemy starlette strategies ta tables talib technical telegram torch tqdm
typing_extensions typing_inspection tzlocal urllib3 user_data uvicorn uvloop
websockets xgboost yaml yarl
"""
_MODULES: Final = frozenset(_MODULE_NAMES.split())


@dataclass(frozen=True)
class StrategyFacts:
    """The facts of the one strategy in a file.

    ``startup_candle_count`` is the number of first candles whose indicators mean
    nothing yet; 0 when it is absent or computed while running. ``interface_version`` is
    None when the class does not state it; ``doc`` is the class's docstring, else that of
    the file.
    """

    class_name: str
    timeframe: str
    startup_candle_count: int
    can_short: bool
    interface_version: int | None = None
    doc: str = ""


def strategy_inspect(code: str) -> StrategyFacts:
    """Find the strategy class in ``code`` and read its attributes.

    Raises ConfigurationError with a sentence for a person when the text is not Python,
    holds no strategy or more than one, or names no timeframe.
    """
    return _inspect(_parse(code))


def strategy_check(code: str) -> StrategyFacts:
    """Return the facts of a strategy that may be accepted for a trial.

    Stricter than ``strategy_inspect``, which also reads what was accepted long ago.
    Raises StrategyCodeError, a ConfigurationError, with the reason for a person.
    """
    _check_text(code)
    tree = _parse(code)
    facts = _inspect(tree)
    timeframe_check(facts.timeframe)
    class_name_check(facts.class_name)
    if facts.class_name in _imported(tree):
        raise StrategyCodeError("name_imported", name=facts.class_name)
    if f"class {facts.class_name}(" not in code:
        raise StrategyCodeError("class_line", name=facts.class_name)
    return facts


def strategy_text(uploaded: bytes) -> str:
    """Return the text of an uploaded file; raises StrategyCodeError when it is none."""
    if len(uploaded) > MAXIMUM_BYTES:
        raise _too_large(len(uploaded))
    try:
        text = uploaded.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StrategyCodeError("not_text", position=error.start) from error
    return text.replace("\r\n", "\n")


def class_name_check(name: str) -> None:
    """Raise StrategyCodeError when a strategy's class cannot be called ``name``."""
    if not _NAME.fullmatch(name) or len(name) > MAXIMUM_NAME:
        raise StrategyCodeError("name_odd", name=repr(name), limit=MAXIMUM_NAME)
    if name == _BASE or keyword.iskeyword(name) or name in dir(builtins):
        raise StrategyCodeError("name_python", name=name)
    if name in _MODULES or name in sys.stdlib_module_names:
        raise StrategyCodeError("name_module", name=name)


def timeframe_check(timeframe: str) -> None:
    """Raise StrategyCodeError when ``timeframe`` is none, such as 5m."""
    if not _TIMEFRAME.fullmatch(timeframe):
        raise StrategyCodeError("timeframe", timeframe=repr(timeframe))


def _check_text(code: str) -> None:
    try:
        raw = code.encode()
    except UnicodeEncodeError as error:
        raise StrategyCodeError("not_text", position=error.start) from error
    if len(raw) > MAXIMUM_BYTES:
        raise _too_large(len(raw))
    try:
        encoding, _lines = tokenize.detect_encoding(io.BytesIO(raw).readline)
    except SyntaxError as error:
        raise StrategyCodeError("syntax", line=1, problem=error.msg) from error
    if encoding not in {"utf-8", "utf-8-sig"}:
        raise StrategyCodeError("coding", encoding=encoding)


def _too_large(size: int) -> StrategyCodeError:
    limit = MAXIMUM_BYTES // 1000
    return StrategyCodeError("too_large", size=-(-size // 1000), limit=limit)


def _inspect(tree: ast.Module) -> StrategyFacts:
    found = _strategies(tree)
    if not found:
        raise StrategyCodeError("no_strategy")
    if len(found) > 1:
        names = ", ".join(definition.name for definition in found)
        raise StrategyCodeError("many_strategies", count=len(found), names=names)
    return _facts(found[0], ast.get_docstring(tree) or "")


def _parse(code: str) -> ast.Module:
    try:
        return ast.parse(code)
    except SyntaxError as error:
        raise StrategyCodeError(
            "syntax", line=error.lineno, problem=error.msg
        ) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise StrategyCodeError("unreadable", problem=str(error)) from error


def _strategies(tree: ast.Module) -> list[ast.ClassDef]:
    """Return the classes that derive from IStrategy, directly or through each other."""
    bases = {_BASE} | {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name == _BASE and alias.asname
    }
    found: list[ast.ClassDef] = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any(
            _last_name(base) in bases for base in node.bases
        ):
            bases.add(node.name)
            found.append(node)
    return found


def _imported(tree: ast.Module) -> set[str]:
    """Return the outermost modules that the file imports anywhere."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def _last_name(base: ast.expr) -> str:
    if isinstance(base, ast.Attribute):
        return base.attr
    return base.id if isinstance(base, ast.Name) else ""


def _facts(definition: ast.ClassDef, file_doc: str) -> StrategyFacts:
    values = _literals(definition)
    timeframe, startup = values.get("timeframe"), values.get("startup_candle_count")
    interface = values.get("INTERFACE_VERSION")
    if not isinstance(timeframe, str) or not timeframe:
        raise StrategyCodeError("no_timeframe", name=definition.name)
    return StrategyFacts(
        class_name=definition.name,
        timeframe=timeframe,
        startup_candle_count=startup if type(startup) is int and startup > 0 else 0,
        can_short=values.get("can_short") is True,
        interface_version=interface if type(interface) is int else None,
        doc=ast.get_docstring(definition) or file_doc,
    )


def _literals(definition: ast.ClassDef) -> dict[str, Any]:
    """Return the class attributes whose value is written down as a literal."""
    values: dict[str, Any] = {}
    for node in definition.body:
        if isinstance(node, ast.Assign):
            targets: list[ast.expr] = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        else:
            continue
        if isinstance(node.value, ast.Constant):
            values.update(
                {t.id: node.value.value for t in targets if isinstance(t, ast.Name)}
            )
    return values
