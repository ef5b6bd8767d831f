"""What the editor's fields take and refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone, translation

from freqtrade_mgmt.blueprints import blueprint, blueprints
from freqtrade_mgmt.forms.draft import DraftForm
from freqtrade_mgmt.forms.expressions import (
    code_columns,
    expression_names,
    expression_problem,
)
from freqtrade_mgmt.forms.fields import PairsField, SettingsField
from freqtrade_mgmt.forms.hints import hints
from freqtrade_mgmt.forms.start import values_of_template
from freqtrade_mgmt.forms.values import form_data
from freqtrade_mgmt.models import FreqtradeVersion
from proxies.models import Proxy
from strategies.models import Strategy
from tests.freqtrade_mgmt.editing import CODE, running

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


def code_draft(**changes: Any) -> Strategy:
    """Return an unsaved draft of code, with changes of its configuration."""
    config = {
        "class_name": "DipBuyer",
        "code": CODE,
        "exchange": "binance",
        "pairs": ["BTC/USDT"],
        "timeframe": "15m",
        **changes,
    }
    thresholds = {"strong": 80, "medium": 50, "weak": 20}
    return Strategy(
        is_draft=True, name="Mine", config=config, signal_thresholds=thresholds
    )


def form_of(draft: Strategy, *, may_code: bool = True, **typed: Any) -> DraftForm:
    """Return the form of a draft in which somebody has typed something."""
    data = form_data(draft)
    for name, value in typed.items():
        data[name] = value
    return DraftForm(draft, data, may_code=may_code)


def errors(form: DraftForm) -> dict[str, str]:
    return {name: " ".join(map(str, found)) for name, found in form.errors.items()}


# -- Pairs, settings, expressions ---------------------------------------------------


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("BTC/USDT", ["BTC/USDT"]),
        ("btc/usdt, eth/usdt\r\nsol/usdt", ["BTC/USDT", "ETH/USDT", "SOL/USDT"]),
        ("BTC-USDT ETH_USDT; BTC/USDT", ["BTC/USDT", "ETH/USDT"]),
        ("BTC/USDT\uff0cETH/USDT\u3001SOL/USDT", ["BTC/USDT", "ETH/USDT", "SOL/USDT"]),
        ("BTC/USDC:USDC", ["BTC/USDC:USDC"]),
        (",BTC/USDT,\n\n", ["BTC/USDT"]),
    ],
)
def test_pairs_are_taken_as_people_write_them(text: str, pairs: list[str]) -> None:
    assert PairsField().clean(text) == pairs


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("BTCUSDT", "“BTCUSDT” is not a trading pair. Write it like BTC/USDT."),
        ("BTC/USDT, <b>/USDT", "“<B>/USDT” is not a trading pair."),
        ("ABCDEFGHIJKL/ABCDEFGH:ABCDEFGH", "is not a trading pair."),
        ("BTC/USDT ETH/EUR", "priced in different currencies (USDT, EUR)"),
        (" ", "This field is required."),
    ],
)
def test_pairs_that_make_no_sense_are_named(text: str, sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        PairsField().clean(text)
    assert sentence in caught.value.messages[0]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"a": 1,}', "This is not JSON: line 1, column "),
        ("[1]", "Write an object with named settings"),
        ("{" * 3, "This is not JSON: line 1, column 2"),
        ("[" * 100_000, "This JSON is nested too deeply."),
    ],
)
def test_settings_that_are_no_json_object_are_refused(text: str, sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SettingsField().clean(text)
    assert sentence in caught.value.messages[0]


@pytest.mark.parametrize(
    "expression",
    [
        "100 - rsi",
        "min(100, abs(close - open) / (high - low) * 100)",
        "80 if rsi < 25 else 40",
        "100 / (ema_fast - ema_slow)",
        "42",
        "max(0, min(100, 50 + ema_gap * 10))",
    ],
)
def test_a_sound_expression_is_accepted(expression: str) -> None:
    assert expression_problem(expression) == ""


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("100 -", "cannot be computed"),
        ("rsi.__class__", "cannot be computed"),
        ("open('/etc/passwd')", "cannot be computed"),
        ("__import__('os')", "cannot be computed"),
        ("[x for x in close]", "cannot be computed"),
        ("lambda: 1", "cannot be computed"),
        ("'80'", "must give a number, but gives '80'"),
        ("rsi > 30", "must give a number, but gives"),
        ("1 / 0", "It fails"),
        ("-" * 900 + "1", "nested too deeply"),
        ("a = 1", "cannot be computed"),
    ],
)
def test_an_expression_that_cannot_work_is_told(expression: str, words: str) -> None:
    problem = expression_problem(expression)
    assert words in problem
    assert problem.endswith(".")


def test_the_columns_of_expression_and_code_are_found() -> None:
    assert expression_names("min(100, rsi + adx)") == {"rsi", "adx"}
    assert expression_names("rsi +") == set()
    assert code_columns(CODE) == {"rsi"}
    assert code_columns("class (") == set()


# -- The form -----------------------------------------------------------------------


def test_a_form_that_nobody_touched_changes_nothing() -> None:
    draft = running("Dips", notify_every=3, stake_currency="USDT")
    draft.freqtrade_config = {"stake_amount": 50}
    values = DraftForm(draft, may_code=True).values
    assert values["config"] == draft.config
    assert values["freqtrade_config"] == {"stake_amount": 50}
    assert values["signal_thresholds"] == draft.signal_thresholds


@pytest.mark.parametrize("name", [template.name for template in blueprints()])
def test_a_template_s_form_that_nobody_touched_changes_nothing(name: str) -> None:
    values = values_of_template(blueprint(name))
    draft = Strategy(is_draft=True, **values)
    form = DraftForm(draft, may_code=True)
    assert errors(form) == {}
    assert form.values == values


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("name", "", "This field is required."),
        ("name", "x" * 101, "at most 100 characters"),
        ("type", "gambling", "Select a valid choice."),
        ("exchange", "nowhere", "Select a valid choice."),
        ("timeframe", "7m", "Select a valid choice."),
        ("strong", "101", "less than or equal to 100"),
        ("strong", "50", "Must be above 50"),
        ("medium", "20", "Must be above 20"),
        ("weak", "-1", "greater than or equal to 0"),
        ("weak", "nan", "Enter a number."),
        ("default", "", "This field is required."),
        ("notify_every", "1", "greater than or equal to 2"),
        ("expression", "rsi(", "cannot be computed"),
        ("version", "1999.1", "Select a valid choice."),
        ("proxy", "7", "Select a valid choice."),
        ("extra", "{", "This is not JSON"),
        ("extra", '{"telegram": {}}', "The setting telegram is refused"),
        ("extra", '{"dry_run": false}', "never trade with real money"),
        ("extra", '{"live": {}}', "“live” has its own place"),
        ("extra", '{"exchange": {"key": "k"}}', "no credentials"),
        ("code", "class Half(", "line 1"),
        ("code", "x = 1", "The file holds no strategy"),
    ],
)
def test_each_field_says_what_is_wrong_with_it(
    field: str, text: str, sentence: str
) -> None:
    typed: dict[str, Any] = {field: text}
    form = form_of(code_draft(), **typed)
    assert sentence in errors(form)[field]
    assert form.values["name"] == "Mine"


def test_a_name_is_taken_whatever_its_capitals() -> None:
    running("Night Watch")
    for name in ("Night Watch", "night watch", " NIGHT  WATCH "):
        assert "There is a strategy" in errors(form_of(code_draft(), name=name))["name"]
    assert errors(form_of(code_draft(), name="Night Watch 2")) == {}


def test_an_edit_keeps_its_own_name() -> None:
    strategy = running("Night Watch")
    draft = code_draft(editing=True)
    draft.parent_strategy = strategy
    assert errors(form_of(draft, name="night WATCH")) == {}


def test_another_exchange_is_taken_by_freqtrade_s_name() -> None:
    form = form_of(code_draft(), exchange="other", exchange_other="Bitvavo")
    assert errors(form) == {}
    assert form.values["config"]["exchange"] == "bitvavo"
    shown = DraftForm(code_draft(exchange="bitvavo"), may_code=True)
    assert shown["exchange"].value() == "other"
    assert shown["exchange_other"].value() == "bitvavo"
    for wrong in ("", "no spaces!", "simulated"):
        form = form_of(code_draft(), exchange="other", exchange_other=wrong)
        assert "small letters" in errors(form)["exchange_other"]


def test_pairs_of_another_currency_drop_the_old_stake() -> None:
    draft = code_draft(stake_currency="USDT")
    assert form_of(draft).values["config"]["stake_currency"] == "USDT"
    form = form_of(draft, pairs="BTC/EUR")
    assert "stake_currency" not in form.values["config"]


def test_release_and_proxy_are_chosen_from_what_is_there() -> None:
    now = timezone.now()
    for version, path in (("2026.10", "/b"), ("2026.9", "/a")):
        FreqtradeVersion.objects.create(
            version=version, is_installed=True, install_date=now, install_path=path
        )
    FreqtradeVersion.objects.create(version="2026.7")
    proxy = Proxy.objects.create(name="Tokyo", type="socks5", host="h", port=1)
    form = form_of(code_draft(), version="2026.9", proxy=str(proxy.pk))
    assert errors(form) == {}
    assert form.values["freqtrade_config"] == {"version": "2026.9", "proxy": proxy.pk}
    text = form.as_p()
    assert "The current version (2026.10)" in text
    assert "2026.7" not in text
    assert "Tokyo · SOCKS5" in text


def test_a_release_or_proxy_that_is_gone_stays_visible() -> None:
    draft = code_draft()
    draft.freqtrade_config = {"version": "2025.1", "proxy": 99}
    form = DraftForm(draft, may_code=True)
    assert "freqtrade 2025.1 is not installed." in errors(form)["version"]
    text = form.as_p()
    assert "2025.1 (not installed)" in text
    assert "Proxy 99 (gone)" in text
    off = Proxy.objects.create(name="Off", type="http", host="h", port=1, enabled=False)
    draft.freqtrade_config = {"proxy": off.pk}
    assert "Off · HTTP (switched off)" in DraftForm(draft, may_code=True).as_p()


def test_the_leave_to_trade_is_neither_shown_nor_lost() -> None:
    draft = code_draft()
    draft.freqtrade_config = {"live": {"enabled": True, "key": "k1:abc"}, "a": 1}
    form = DraftForm(draft, may_code=True)
    assert "k1:abc" not in form.as_p()
    assert form.values["freqtrade_config"] == draft.freqtrade_config


def test_the_usual_strength_is_not_written_down() -> None:
    assert "strength" not in form_of(code_draft()).values["config"]
    form = form_of(code_draft(), expression="100 - rsi", default="30")
    assert form.values["config"]["strength"] == {
        "column": "signal_strength",
        "expression": "100 - rsi",
        "default": 30,
    }
    back = form_of(code_draft(strength={"default": 30}), default="50", column="")
    assert back.values["config"]["strength"]["default"] == 50
    assert back.values["config"]["strength"]["column"] == "signal_strength"


def test_a_template_s_parameters_are_checked_alone_and_together() -> None:
    draft = Strategy(is_draft=True, **values_of_template(blueprint("ma_cross")))
    assert errors(form_of(draft, p_fast="x")) == {
        "p_fast": "Give a whole number from 2 to 200."
    }
    assert "Give a whole number" in errors(form_of(draft, p_fast=""))["p_fast"]
    assert "Give a whole number" in errors(form_of(draft, p_slow="301"))["p_slow"]
    assert "Choose from" in errors(form_of(draft, p_average="wma"))["p_average"]
    form = form_of(draft, p_fast="26")
    assert "must be shorter" in errors(form)["p_fast"]
    assert form.values["config"]["code"] == draft.config["code"]


def test_parameters_and_timeframe_make_the_code() -> None:
    draft = Strategy(is_draft=True, **values_of_template(blueprint("ma_cross")))
    form = form_of(draft, p_fast="7", p_can_short="on", timeframe="1h")
    assert errors(form) == {}
    config = form.values["config"]
    assert "fast = 7" in config["code"]
    assert 'timeframe = "1h"' in config["code"]
    assert "can_short = True" in config["code"]
    assert config["template"]["parameters"]["fast"] == 7
    assert config["class_name"] == draft.config["class_name"]


def test_several_indicators_are_chosen_by_boxes() -> None:
    draft = Strategy(is_draft=True, **values_of_template(blueprint("confirmed")))
    data = form_data(draft)
    assert data.getlist("p_indicators") == ["ma", "rsi", "macd"]
    data.setlist("p_indicators", ["rsi"])
    form = DraftForm(draft, data, may_code=False)
    assert "at least two" in errors(form)["p_indicators"]
    assert form.invalid_texts() == {"p_indicators": ["rsi"]}


def test_a_template_that_is_gone_leaves_code() -> None:
    form = DraftForm(code_draft(template={"name": "old"}), may_code=True)
    assert form.template is None
    assert "code" in form.fields


def test_code_is_kept_while_it_does_not_parse() -> None:
    form = form_of(code_draft(), code="class Half(\r\n")
    assert "code" in form.errors
    assert form.values["config"]["code"] == "class Half(\n"
    assert form.values["config"]["class_name"] == "DipBuyer"
    assert form.invalid_texts() == {}


def test_code_that_is_too_large_or_unstorable_is_not_kept() -> None:
    for code in ("#" * 500_001, "x\0"):
        form = form_of(code_draft(), code=code)
        assert "code" in form.errors
        assert form.values["config"]["code"] == CODE


def test_without_the_permission_there_is_no_field_for_code() -> None:
    form = form_of(code_draft(), may_code=False, code="x = 1")
    assert "code" not in form.fields
    assert form.values["config"]["code"] == CODE
    broken = form_of(code_draft(code="class ("), may_code=False)
    assert "not valid Python" in errors(broken)["__all__"]


def test_remarks_do_not_refuse() -> None:
    form = form_of(code_draft(), timeframe="1h", expression="rsii * 2", column="mine")
    assert errors(form) == {}
    found = hints(form.values)
    assert found["timeframe"] == ("The code says 15m; the bot will use 1h instead.")
    assert "“rsii”" in found["expression"]
    assert "“mine”" in found["column"]
    template = Strategy(is_draft=True, **values_of_template(blueprint("rsi")))
    assert hints(DraftForm(template, may_code=True).values) == {}


def test_empty_fields_are_no_fault_while_somebody_types() -> None:
    form = form_of(code_draft(), name="", pairs="BTCUSDT").shown_while_typing()
    assert set(form.errors) == {"pairs"}
