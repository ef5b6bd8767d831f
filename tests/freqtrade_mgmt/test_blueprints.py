"""The templates of strategies: their questions, their text, and how it runs."""

from __future__ import annotations

import ast
import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from django.utils.translation import override

from btc_watcher.lib.errors import ConfigurationError
from freqtrade_mgmt.blueprints import (
    Kind,
    blueprint,
    blueprint_code,
    blueprints,
    parameters_clean,
)
from freqtrade_mgmt.strategy_code import strategy_check
from freqtrade_mgmt.supervisor.trial_process import SCRIPT
from strategies.template_words import CHOICES, PARAMETERS, TEMPLATES

if TYPE_CHECKING:
    from pathlib import Path

    from freqtrade_mgmt.installer import InstalledFreqtrade

ALL = ("ma", "rsi", "macd", "bollinger")
# Beside the defaults: the ends of what is allowed, and other ways.
ODD: list[tuple[str, dict[str, Any]]] = [
    ("ma_cross", {"average": "sma", "fast": 2, "slow": 3, "can_short": True}),
    ("ma_cross", {"fast": 40, "slow": 300}),
    ("rsi", {"rsi_period": 2, "oversold": 49, "overbought": 51, "can_short": True}),
    ("rsi", {"rsi_period": 7, "oversold": 25, "overbought": 75}),
    ("macd", {"macd_fast": 3, "macd_slow": 4, "macd_signal": 2, "can_short": True}),
    ("macd", {"macd_fast": 30, "macd_slow": 200, "macd_signal": 40}),
    ("bollinger", {"bands_use": "breakout", "bb_deviations": 1.5, "can_short": True}),
    ("bollinger", {"bb_period": 5, "bb_deviations": 0.5}),
    ("confirmed", {"indicators": ALL, "agreeing": 2, "window": 4, "can_short": True}),
    ("confirmed", {"indicators": ALL, "agreeing": 4, "window": 50}),
    ("confirmed", {"indicators": ["bollinger", "rsi"], "window": 10}),
    ("empty", {"can_short": True}),
]
DEFAULTS: list[tuple[str, dict[str, Any]]] = [
    (template.name, {}) for template in blueprints()
]
CASES = [*DEFAULTS, *ODD]
# Runs every strategy in one process: to import freqtrade takes seconds.
RUN_ALL = """
import runpy, sys, types
from pathlib import Path
loaded = types.SimpleNamespace(**runpy.run_path(sys.argv[1]))
report = loaded.Report(sys.stdout.fileno())
for folder in sorted(Path(sys.argv[2]).iterdir()):
    loaded.trial(folder, folder.name, report)
"""


def test_the_names_are_in_the_order_of_the_page() -> None:
    assert [template.name for template in blueprints()] == [
        "ma_cross",
        "rsi",
        "macd",
        "bollinger",
        "confirmed",
        "empty",
    ]


@pytest.mark.parametrize("template", blueprints(), ids=lambda template: template.name)
def test_every_question_is_complete_and_its_default_is_allowed(template: Any) -> None:
    assert str(template.title)
    assert str(template.description)
    for parameter in template.parameters:
        assert str(parameter.label), parameter.name
        if parameter.kind in {Kind.INTEGER, Kind.NUMBER}:
            assert parameter.minimum <= parameter.default <= parameter.maximum
            assert parameter.step
        if parameter.kind in {Kind.CHOICE, Kind.CHOICES}:
            assert len({choice.value for choice in parameter.choices}) > 1
    assert len(template.defaults()) == len(template.parameters)
    values, problems = parameters_clean(template, {})
    assert problems == {}
    assert values == template.defaults()
    fields = {check.field for check in template.checks}
    assert fields <= template.defaults().keys()


def test_the_texts_of_a_form_become_values() -> None:
    values, problems = parameters_clean(
        blueprint("confirmed"),
        {
            "fast": "5",
            "bb_deviations": "2.5",
            "can_short": "on",
            "average": "sma",
            "indicators": "macd, ma",
        },
    )
    assert problems == {}
    assert values["fast"] == 5
    assert values["bb_deviations"] == 2.5
    assert values["can_short"] is True
    assert values["average"] == "sma"
    assert values["indicators"] == ("ma", "macd")


@pytest.mark.parametrize(
    ("name", "given", "field", "message"),
    [
        ("ma_cross", {"fast": 30, "slow": 20}, "fast", "must be shorter"),
        ("ma_cross", {"fast": 20, "slow": 20}, "fast", "must be shorter"),
        ("ma_cross", {"fast": 1}, "fast", "a whole number from 2 to 200"),
        ("ma_cross", {"fast": "2.5"}, "fast", "a whole number from 2 to 200"),
        ("ma_cross", {"fast": True}, "fast", "a whole number"),
        ("ma_cross", {"fast": "nan"}, "fast", "a whole number"),
        ("ma_cross", {"fast": 10**400}, "fast", "a whole number"),
        ("ma_cross", {"fast": [5]}, "fast", "a whole number"),
        ("ma_cross", {"average": "vwap"}, "average", "exponential (EMA), simple"),
        ("ma_cross", {"can_short": "perhaps"}, "can_short", "yes or no"),
        ("ma_cross", {"quick": 5}, "quick", "no parameter of this name"),
        ("macd", {"macd_fast": 30}, "macd_fast", "must be shorter"),
        ("bollinger", {"bb_deviations": "inf"}, "bb_deviations", "from 0.5 to 5"),
        ("bollinger", {"bb_deviations": 9}, "bb_deviations", "from 0.5 to 5"),
        ("confirmed", {"indicators": ["ma"]}, "indicators", "at least two"),
        ("confirmed", {"indicators": ["ma", "x"]}, "indicators", "Choose from"),
        ("confirmed", {"indicators": 3}, "indicators", "Choose from"),
        ("confirmed", {"agreeing": 4}, "agreeing", "No more can agree"),
    ],
)
def test_what_is_not_allowed_is_told_at_its_field(
    name: str, given: dict[str, Any], field: str, message: str
) -> None:
    with override("en"):
        _values, problems = parameters_clean(blueprint(name), given)
    assert message in problems[field]
    with pytest.raises(ConfigurationError, match=field):
        blueprint_code(name, "Mine", "5m", given)


def test_an_order_that_is_not_used_is_not_asked_for() -> None:
    given = {"indicators": ["rsi", "bollinger"], "fast": 30, "slow": 20}
    assert parameters_clean(blueprint("confirmed"), given)[1] == {}


def test_an_unknown_template_is_told_with_those_that_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"'grid'.*ma_cross, rsi"):
        blueprint("grid")


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_the_text_is_a_strategy_that_is_accepted(
    name: str, parameters: dict[str, Any]
) -> None:
    code = blueprint_code(name, "Mine", "15m", parameters)
    facts = strategy_check(code)
    assert facts.class_name == "Mine"
    assert facts.timeframe == "15m"
    assert facts.can_short is bool(parameters.get("can_short"))
    assert 30 <= facts.startup_candle_count <= 1_000
    assert ("enter_short" in code) is facts.can_short
    assert max(len(line) for line in code.splitlines()) <= 92
    assert all(line == line.rstrip() for line in code.splitlines())


@pytest.mark.parametrize(
    ("class_name", "timeframe"),
    [
        ("Mine(IStrategy): import os\nclass X", "5m"),
        ('Mine"""', "5m"),
        ("talib", "5m"),
        ("Mine", '5m"; import os; "'),
        ("Mine", ""),
    ],
)
def test_nothing_but_names_and_timeframes_gets_into_the_text(
    class_name: str, timeframe: str
) -> None:
    with pytest.raises(ConfigurationError):
        blueprint_code("rsi", class_name, timeframe, {})


@pytest.mark.parametrize("template", blueprints(), ids=lambda template: template.name)
def test_no_text_that_is_given_gets_into_the_text(template: Any) -> None:
    evil = '1); __import__("os").system("x") #'
    for parameter in template.parameters:
        _values, problems = parameters_clean(template, {parameter.name: evil})
        assert problems.keys() == {parameter.name}

    class Text(str):
        """Equal to a choice, yet another text."""

        __slots__ = ()

        def __str__(self) -> str:
            return evil

    values, _problems = parameters_clean(
        blueprint("ma_cross"), {"average": Text("ema")}
    )
    assert type(values["average"]) is str
    code = blueprint_code("ma_cross", "Mine", "5m", {"average": Text("ema")})
    assert evil not in code
    called = {
        node.func.id
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert called == set()


@pytest.mark.freqtrade
@pytest.mark.timeout(600)
def test_every_template_runs_on_real_freqtrade_without_a_warning(
    real_freqtrade: InstalledFreqtrade, tmp_path: Path
) -> None:
    for number, (name, parameters) in enumerate(CASES):
        class_name = f"Case{number:02}"
        strategies = tmp_path / "cases" / class_name / "strategies"
        strategies.mkdir(parents=True)
        code = blueprint_code(name, class_name, "5m", parameters)
        (strategies / f"{class_name}.py").write_text(code)
        mode = "futures" if parameters.get("can_short") else "spot"
        settings = {"timeframe": "5m", "trading_mode": mode}
        (strategies.parent / "settings.json").write_text(json.dumps(settings))

    printed = subprocess.run(
        [
            *(str(real_freqtrade.python), "-I", "-W", "default", "-c", RUN_ALL),
            *(str(SCRIPT), str(tmp_path / "cases")),
        ],
        capture_output=True,
        check=True,
        text=True,
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "OPENBLAS_NUM_THREADS": "1"},
    )

    said = [json.loads(line) for line in printed.stdout.splitlines()]
    done = [line for line in said if line["stage"] == "done"]
    assert len(done) == len(CASES), said
    ours = [line for line in printed.stderr.splitlines() if "/strategies/Case" in line]
    assert not [line for line in ours if "Warning" in line]
    for (name, parameters), report in zip(CASES, done, strict=True):
        facts, about = report["facts"], (name, parameters, report)
        assert report["warnings"] == [], about
        assert facts["candles"] == 500, about
        assert "signal_strength" in facts["columns"], about
        if name == "empty":
            assert not any(facts["marks"].values()), about
            continue
        sides = ("long", "short") if parameters.get("can_short") else ("long",)
        wanted = {f"{kind}_{side}" for kind in ("enter", "exit") for side in sides}
        assert facts["marks"].keys() == wanted, about
        assert all(facts["marks"].values()), about
        assert max(facts["marks"].values()) < 250, about


def test_the_pages_of_strategies_call_templates_and_parameters_the_same() -> None:
    asked = [each for template in blueprints() for each in template.parameters]
    assert {template.name: template.title for template in blueprints()} == TEMPLATES
    assert {each.name: each.label for each in asked} == PARAMETERS
    assert {
        each.name: {choice.value: choice.label for choice in each.choices}
        for each in asked
        if each.choices
    } == CHOICES
