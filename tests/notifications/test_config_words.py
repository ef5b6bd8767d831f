"""What is wrong with a configuration is said in the reader's language."""

from __future__ import annotations

import ast

from tests.translatable import ROOT


def plain_texts(source: str) -> list[int]:
    """Return the lines that raise ConfigurationError with words that nobody translates."""
    return [
        call.lineno
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "ConfigurationError"
        and isinstance(call.args[0], ast.Constant | ast.JoinedStr)
    ]


def test_a_text_that_is_not_translated_is_found() -> None:
    assert plain_texts("raise ConfigurationError(f'{key} is wrong')") == [1]
    assert plain_texts("raise ConfigurationError(_('It is wrong.'))") == []


def test_every_refusal_of_channels_silences_and_proxies_is_translated() -> None:
    found = {
        str(path.relative_to(ROOT)): lines
        for app in ("notifications", "proxies")
        for path in sorted((ROOT / app).rglob("*.py"))
        if (lines := plain_texts(path.read_text(encoding="utf-8")))
    }
    assert found == {}
