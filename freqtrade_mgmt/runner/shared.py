"""What a strategy's source changes for everybody in its process. Pure.

Python keeps one copy of each library in a process, so one that is patched, seeded or
set otherwise is so for all strategies there.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_CALLS: Final = frozenset(
    {
        "logging.captureWarnings",
        "logging.config.dictConfig",
        "logging.config.fileConfig",
        "logging.disable",
        "logging.setLogRecordFactory",
        "logging.setLoggerClass",
        "logging.shutdown",
        "numpy.random.seed",
        "numpy.random.set_state",
        "numpy.setbufsize",
        "numpy.seterr",
        "numpy.seterrcall",
        "os.environ.clear",
        "os.environ.pop",
        "os.environ.setdefault",
        "os.environ.update",
        "os.putenv",
        "os.umask",
        "os.unsetenv",
        "pandas.reset_option",
        "random.seed",
        "random.setstate",
        "sys.setprofile",
        "sys.setrecursionlimit",
        "sys.setswitchinterval",
        "sys.settrace",
        "time.tzset",
    }
)
# Of all that can be indexed, what belongs to the process.
_ENTRIES: Final = ("os.environ", "sys.modules")
_OPTIONS: Final = "pandas.options."
# How pandas shows something, or warns, changes nothing that is calculated. The names of
# options may be cut to what is unambiguous.
_HARMLESS: Final = (
    "chained_assignment",
    "display.",
    "expand_frame_repr",
    "float_format",
    "max_",
    "mode.chained_assignment",
    "plotting.",
    "precision",
    "styler.",
    "width",
)


def of_nodes(nodes: Iterable[ast.AST], tree: ast.AST) -> str:
    """Return the first of ``nodes`` that changes what all share, as a name and a line.

    ``tree`` is the whole source, which tells what was imported under which name.
    """
    imported = dict(_imported(tree))
    for node in nodes:
        name = ""
        if isinstance(node, ast.Attribute | ast.Subscript):
            name = _written(node, imported)
        elif isinstance(node, ast.Call):
            name = _called(node, imported)
        if name:
            return f"{name}, line {getattr(node, 'lineno', 0)}"
    return ""


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Return the names that are bound by imports, each with what it stands for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (first, first)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module or ''}.{alias.name}"


def _full(node: ast.AST, imported: Mapping[str, str]) -> str:
    """Return the whole name of something imported or of a part of it, or nothing."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute | ast.Subscript):
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in imported:
        return ""
    return ".".join([imported[node.id], *reversed(parts)])


def _written(node: ast.Attribute | ast.Subscript, imported: Mapping[str, str]) -> str:
    """Return what is assigned or deleted, if it is a part of something imported."""
    if isinstance(node.ctx, ast.Load):
        return ""
    name = _full(node, imported)
    if isinstance(node, ast.Subscript):
        return name if name in _ENTRIES else ""
    option = name.removeprefix(_OPTIONS)
    return "" if option != name and option.startswith(_HARMLESS) else name


def _called(node: ast.Call, imported: Mapping[str, str]) -> str:
    """Return what a call changes, or nothing."""
    if isinstance(node.func, ast.Name) and node.func.id in {"delattr", "setattr"}:
        return _full(node.args[0], imported) if node.args else ""
    name = _full(node.func, imported)
    texts = [_text(argument) for argument in node.args]
    if name == "pandas.set_option":
        # Names and values take turns.
        harmless = texts and all(t.startswith(_HARMLESS) for t in texts[::2])
        return "" if harmless else name
    if name == "logging.basicConfig":
        # Without force it does nothing where there are handlers.
        return name if any(k.arg in {"force", None} for k in node.keywords) else ""
    if name in {"warnings.filterwarnings", "warnings.simplefilter"}:
        texts += [_text(k.value) for k in node.keywords if k.arg == "action"]
        return name if "error" in texts[:1] + texts[len(node.args) :] else ""
    return name if name in _CALLS else ""


def _text(node: ast.AST) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ""
