"""What is refused of a strategy file before anything runs it."""

from __future__ import annotations

import json
import re

import pytest
from django.utils.translation import override

from btc_watcher.lib.errors import ConfigurationError
from freqtrade_mgmt.demo import DEMO_STRATEGIES, demo_source
from freqtrade_mgmt.strategy_code import (
    MAXIMUM_BYTES,
    StrategyFacts,
    class_name_check,
    strategy_check,
    strategy_text,
    timeframe_check,
)
from freqtrade_mgmt.trial import words
from freqtrade_mgmt.trial.words import SENTENCES, Sentence, StrategyCodeError

CODE = '''\
"""What the file is."""
from freqtrade.strategy import IStrategy


class Mine(IStrategy):
    """Buys low."""

    INTERFACE_VERSION = 3
    timeframe = "5m"
    startup_candle_count = 20
'''
WORDS = """
IStrategy class None print Exception freqtrade pandas numpy talib technical ccxt json
asyncio __init__ ../x _x 9x a;b
"""
REFUSED_NAMES = [*WORDS.split(), "", "a b", "x\n"]


def test_the_facts_that_an_editor_shows_are_read() -> None:
    assert strategy_check(CODE) == StrategyFacts(
        class_name="Mine",
        timeframe="5m",
        startup_candle_count=20,
        can_short=False,
        interface_version=3,
        doc="Buys low.",
    )


def test_the_file_speaks_for_a_class_without_words() -> None:
    facts = strategy_check(CODE.replace('    """Buys low."""\n', ""))
    assert facts.doc == "What the file is."


@pytest.mark.parametrize("demo", DEMO_STRATEGIES, ids=lambda demo: demo.class_name)
def test_the_demonstration_strategies_are_accepted(demo: object) -> None:
    assert strategy_check(demo_source(demo)).timeframe == "1m"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def broken(:\n", "not valid Python: line 1"),
        ("#" * (MAXIMUM_BYTES + 1), "has 501 kB; at most 500 kB"),
        ("x = '\ud800'", "no text in UTF-8"),
        (f"# coding: gbk\n{CODE}", "encoding is gbk"),
        (f"# coding: nonsense\n{CODE}", "not valid Python: line 1: unknown encoding"),
        (CODE.replace('"5m"', '"five"'), "'five' is not a timeframe"),
        (CODE.replace("class Mine(", "class Mine ("), r"its line `class Mine\(`"),
        (f"import Mine.helper\n{CODE}", "imports a module of that name"),
        (f"def f():\n    from Mine import x\n{CODE}", "imports a module of that name"),
        (CODE.replace("Mine", "talib"), r"talib.py would hide the module"),
        (CODE.replace("Mine", "random"), r"random.py would hide the module"),
        (CODE.replace("Mine", "IStrategy"), "Python itself uses that name"),
        (CODE.replace("Mine", "Straße"), "letters, digits and _"),
        (CODE.replace("Mine", "M" * 81), "at most 80"),
    ],
)
def test_what_is_refused_is_told(code: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        strategy_check(code)


@pytest.mark.parametrize(
    "name",
    REFUSED_NAMES,
)
def test_a_name_that_hides_something_or_is_none_is_refused(name: str) -> None:
    with pytest.raises(StrategyCodeError):
        class_name_check(name)


@pytest.mark.parametrize("name", ["A", "Mine_2", "RSI", "Pandas", "match"])
def test_any_other_name_will_do(name: str) -> None:
    class_name_check(name)


@pytest.mark.parametrize(
    "timeframe", ["1m", "5m", "15m", "1h", "12h", "1d", "1w", "1M"]
)
def test_timeframes(timeframe: str) -> None:
    timeframe_check(timeframe)


@pytest.mark.parametrize("timeframe", ["", "0m", "5", "m", "5 m", '5m"', "1y", "5m\n"])
def test_what_is_no_timeframe(timeframe: str) -> None:
    with pytest.raises(StrategyCodeError, match="is not a timeframe"):
        timeframe_check(timeframe)


def test_an_uploaded_file_becomes_text() -> None:
    assert strategy_text("\ufeffa = 'é'\r\n".encode()) == "a = 'é'\n"


@pytest.mark.parametrize(
    ("uploaded", "message"),
    [
        (b"PK\x03\x04\xff", "byte 4 cannot be read"),
        (b"a" * (MAXIMUM_BYTES + 1), "501 kB"),
    ],
)
def test_an_uploaded_file_that_is_no_text_is_refused(
    uploaded: bytes, message: str
) -> None:
    with pytest.raises(StrategyCodeError, match=message):
        strategy_text(uploaded)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_sentence_can_be_filled_in_every_language(language: str) -> None:
    for code, english in SENTENCES.items():
        names = re.findall(r"%\((\w+)\)s", english)
        values = {name: f"<{name}>" for name in names if name != "where"}
        with override(language):
            shown = Sentence(code, values, 7).shown()
        assert "%(" not in shown
        for name in set(names) - {"where", "line"}:
            assert f"<{name}>" in shown, (code, shown)


def test_a_sentence_is_stored_in_english_and_told_in_the_readers_language(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sentence = Sentence("load", {"problem": "KeyError: 'x'"}, 12)
    english = "The strategy cannot be loaded: KeyError: 'x' (line 12)."
    assert sentence.english() == english
    trial = {
        "reason": english,
        "warnings": ["old words", "more"],
        "facts": {
            "reason": json.loads(json.dumps(sentence.stored())),
            "warnings": [{"code": "of another version"}, None],
        },
    }
    monkeypatch.setattr(
        words, "gettext", lambda text: text.replace("cannot be loaded", "!!")
    )
    reason, warnings = words.trial_shown(trial)
    assert reason == "The strategy !!: KeyError: 'x' (line 12)."
    assert warnings == ["old words", "more"]


def test_a_trial_without_codes_is_shown_as_it_is_stored() -> None:
    assert words.trial_shown({"reason": "why", "warnings": ["a"]}) == ("why", ["a"])
    assert words.trial_shown({}) == ("", [])


def test_an_error_of_the_file_is_told_in_the_readers_language() -> None:
    error = StrategyCodeError("no_strategy")
    with override("en"):
        assert words.problem_shown(error) == str(error)
    assert words.problem_shown(ConfigurationError("other")) == "other"
