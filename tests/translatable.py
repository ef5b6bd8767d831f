"""Finds every text that the product marks for translation, without gettext programs."""

from __future__ import annotations

import ast
import io
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from babel.messages.extract import extract
from django.utils.translation.template import templatize

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
APPS = (
    "accounts",
    "btc_watcher",
    "freqtrade_mgmt",
    "monitoring",
    "notifications",
    "proxies",
    "signals_app",
    "strategies",
)
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
# What templatize writes: a call with Python literals.
CALL = re.compile(r"\b(n?p?gettext|_)\((?=[ur]?['\"])")

# A context ("" for none) with a text, or with the two texts of a plural.
Message = tuple[str, str | tuple[str, str]]


def messages_in_use() -> dict[Message, set[str]]:
    """Return every text with the files that use it."""
    found: dict[Message, set[str]] = defaultdict(set)
    for path, message in _in_all_files():
        found[message].add(str(path.relative_to(ROOT)))
    return dict(found)


def _in_all_files() -> Iterator[tuple[Path, Message]]:
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*")):
            if "migrations" in path.parts or "node_modules" in path.parts:
                continue
            if path.suffix == ".py":
                yield from ((path, message) for message in _in_python(path))
            elif path.suffix in {".html", ".txt"} and "templates" in path.parts:
                text = path.read_text(encoding="utf-8")
                yield from ((path, m) for m in messages_of_template(text))


def _in_python(path: Path) -> Iterator[Message]:
    with path.open("rb") as source:
        for _line, texts, _comments, context in extract(
            "python", source, keywords=KEYWORDS, options={"encoding": "utf-8"}
        ):
            yield context or "", _texts(texts)


def messages_of_template(source: str) -> Iterator[Message]:
    """Return the texts that a template marks."""
    code = templatize(source)
    for match in CALL.finditer(code):
        call = ast.parse(_call_at(code, match.start()), mode="eval").body
        assert isinstance(call, ast.Call)
        texts = [a.value for a in call.args if isinstance(a, ast.Constant)]
        context = str(texts.pop(0)) if "p" in match[1].split("gettext")[0] else ""
        plural = match[1].startswith("n")
        yield context, (str(texts[0]), str(texts[1])) if plural else str(texts[0])


def _call_at(code: str, start: int) -> str:
    """Return the call that starts at ``start``: the shortest text that is Python."""
    for end in range(code.index(")", start), len(code)):
        if code[end] == ")":
            try:
                ast.parse(code[start : end + 1], mode="eval")
            except SyntaxError:
                continue
            return code[start : end + 1]
    raise AssertionError(f"no call at {io.StringIO(code[start:]).readline()!r}")


def _texts(texts: str | tuple[str, ...]) -> str | tuple[str, str]:
    return texts if isinstance(texts, str) else (texts[0], texts[1])
