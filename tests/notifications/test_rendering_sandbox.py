"""What people write into templates reaches nothing, and costs little."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.template import TemplateSyntaxError
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from btc_watcher.lib.errors import ConfigurationError
from notifications.rendering import default_templates, template_check, templates_check
from notifications.rendering.sandbox import (
    OUTPUT_LENGTH,
    TooMuchError,
    compiled,
    number_text,
)
from notifications.rendering.values import KINDS, plain

NESTS = 3
LONG = "x" * 20_000
VALUES: dict[str, Any] = {
    "title": "T",
    "text": "abc",
    "long": LONG,
    "much": list(range(100)),
    "pairs": {"a": 1, "b": [1, 2, {"c": "deep"}]},
    "none": None,
    "true": True,
    "number": 0.1,
}


def text(source: str, **values: Any) -> str:
    return compiled(source).text(VALUES | values)


# -- What cannot be reached -------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "{% include 'notifications/email.html' %}",
        "{% include name %}",
        "{% extends 'base.html' %}",
        "{% block a %}{% endblock %}",
        "{% load i18n %}",
        "{% load static from static %}",
        "{% debug %}",
        "{% url 'admin:index' %}",
        "{% static 'x' %}",
        "{% csrf_token %}",
        "{% now 'Y' %}",
        "{% lorem 100000 p %}",
        "{% verbatim %}x{% endverbatim %}",
        "{% autoescape on %}{{ text }}{% endautoescape %}",
        "{% filter upper %}x{% endfilter %}",
        "{% widthratio number 1 2 %}",
        "{% regroup much by a as b %}",
        "{% translate 'x' %}",
        "{{ text|add:text }}",
        "{{ text|center:100000000 }}",
        "{{ text|ljust:'100000000' }}",
        "{{ text|stringformat:'1000000000d' }}",
        "{{ text|safe }}",
        "{{ pairs|pprint }}",
        "{{ text|make_list }}",
        "{{ much|random }}",
        "{{ text.__class__ }}",
        "{{ _private }}",
        "{{ text._x }}",
    ],
)
def test_what_is_not_on_the_list_is_refused(source: str) -> None:
    with pytest.raises(TemplateSyntaxError):
        compiled(source)
    assert template_check(source).startswith("Line 1: ")


@pytest.mark.parametrize(
    "source",
    [
        "{{ text.upper }}",
        "{{ text.encode.hex }}",
        "{{ text.format }}",
        "{{ much.clear }}",
        "{{ much.pop }}",
        "{{ pairs.keys }}",
        "{{ pairs.popitem }}",
        "{{ pairs.values }}",
        "{{ number.as_integer_ratio }}",
        "{{ forloop }}",
        "{{ block.super }}",
        "{{ meter }}",
        "{{ dicts }}",
        "{{ template.engine }}",
        "{{ render_context }}",
        "{{ request.user }}",
        "{{ settings.SECRET_KEY }}",
        "{{ text.0 }}",
        "{{ much.1000 }}",
        "{{ none.x }}",
        "{% for each in text %}{{ each }}{% endfor %}",
        "{% for each in number %}{{ each }}{% endfor %}",
    ],
)
def test_an_attribute_of_an_object_is_nothing(source: str) -> None:
    assert text(source) == ""
    assert VALUES["much"] == list(range(100))


def test_dictionaries_and_lists_are_looked_into() -> None:
    assert text("{{ pairs.a }} {{ pairs.b.2.c }} {{ much.99 }}") == "1 deep 99"
    assert text("{{ pairs.b }} | {{ pairs }}") == "1, 2, c deep | a 1, b 1, 2, c deep"
    items = "{% for name, value in pairs.items %}{{ name }}{% endfor %}"
    assert text(items) == "ab"
    assert text(items, pairs={"items": []}) == ""


class Secretive:
    """An object that nobody meant to hand over."""

    secret = "geheim"

    def __str__(self) -> str:
        return "an object"

    def items(self) -> list[str]:
        return ["geheim"]


def test_values_are_plain_before_a_template_sees_them() -> None:
    deep: Any = {"a": {"b": {"c": {"d": {"e": 1}}}}}
    values = plain({"it": Secretive(), "deep": deep, "long": "x" * 30_000, 5: (1, 2)})
    assert text("{{ it }}{{ it.secret }}{{ it.items }}", it=values["it"]) == (
        "an object"
    )
    assert values["deep"] == {"a": {"b": {"c": ""}}}
    assert len(values["long"]) == 20_000
    assert values["5"] == [1, 2]
    assert len(plain(list(range(1000)))) == 100


# -- What it may cost -------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in much %}" * 6 + "x" + "{% endfor %}" * 6,
        "{% for a in much %}" * 6 + "{% endfor %}" * 6,
        "{% for a in much %}" * NESTS + "x" * 3_000 + "{% endfor %}" * NESTS,
        "{% for a in much %}" * NESTS + "{{ long }}" + "{% endfor %}" * NESTS,
        "{% for a in much %}{% for b in much %}{% firstof long %}{% endfor %}{% endfor %}",
        "{% for a in much %}{% for b in much %}{% cycle long long as c silent %}"
        "{% endfor %}{% endfor %}",
        "{% for a in much %}" * 2 + "{{ long" + "|title" * 10 + " }}" + "{% endfor %}" * 2,
        "{% for a in much %}" * 280 + "{% endfor %}" * 280,
    ],
    ids=["deep", "empty", "wide", "values", "firstof", "cycle", "filters", "deepest"],
)  # fmt: skip
def test_work_and_length_are_bounded(source: str) -> None:
    started = time.thread_time()
    with pytest.raises((TooMuchError, RecursionError)):
        text(source)
    assert time.thread_time() - started < 5


def test_many_filters_in_a_row_are_refused() -> None:
    # They would be counted when the last of them is done.
    source = "{{ long" + "|title" * 1600 + " }}"
    with translation.override("en"):
        assert template_check(source) == (
            "Line 1: There are more than 10 filters in a row."
        )
    assert template_check("{{ long" + "|title" * 10 + " }}") == ""


def test_what_doubles_stays_bounded() -> None:
    doubling = "{% with a=much|join:long %}" * 10 + "{{ a }}" + "{% endwith %}" * 10
    assert len(text(doubling)) <= 20_000
    nested = "".join(f"{{% with a{n + 1}=much|join:a{n} %}}" for n in range(20))
    nested += "{{ a20 }}" + "{% endwith %}" * 20
    assert len(text(nested, a0="xx")) <= 20_000


def test_a_template_that_is_too_long_is_refused() -> None:
    with translation.override("en"):
        assert template_check("x" * 10_001) == (
            "The template is longer than 10000 characters."
        )
    assert template_check("x" * 10_000) == ""


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["{{ text }}", "{{", "}}", "{%", "%}", "{#", "{% if text %}", "{% endif %}",
             "{% for a in much %}", "{% endfor %}", "{{ a|join:text }}", "|", ":", "'",
             "\n", " ", "{% with b=text %}", "{% endwith %}", "{% else %}", "_", ".",
             "{% comment %}", "{% endcomment %}", "{{ pairs.items }}", "9" * 5000, "\0"]
        ),
        max_size=14,
    ).map("".join)
)  # fmt: skip
def test_any_text_is_a_template_or_a_sentence(source: str) -> None:
    problem = template_check(source, "signal")
    assert problem == problem.strip()
    try:
        assert len(text(source)) <= OUTPUT_LENGTH
    except (TemplateSyntaxError, TooMuchError):
        pass
    except ValueError as error:
        # Loop variables that do not fit: met at run time only.
        assert "unpack" in str(error)  # noqa: PT017 - the other errors are fine


def test_several_threads_share_a_template() -> None:
    source = "{% for a in much %}{% cycle 'x' 'y' %}{{ a }}{% endfor %}{{ own }}"
    wrong: list[str] = []

    def work(number: int) -> None:
        for _ in range(30):
            told = text(source, own=f"<{number}>")
            if not told.endswith(f"99<{number}>") or not told.startswith("x0y1x2"):
                wrong.append(told)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# -- How values are written -------------------------------------------------


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (82.0, "82"),
        (28.1234567, "28.1235"),
        (1e-9, "0.000000001"),
        (1234567.8, "1234568"),
        (-0.00001234, "-0.00001234"),
        (1e20, "100000000000000000000"),
        (0.0, "0"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
    ],
)
def test_numbers_are_written_without_exponents(value: float, told: str) -> None:
    assert number_text(value) == told


def test_nothing_is_escaped_and_nothing_is_localised() -> None:
    with translation.override("zh-hans"):
        told = text("{{ a }} {{ none }}{{ true }} {{ n }}", a="<&'\"_*[]", n=1234567)
    assert told == "<&'\"_*[] true 1234567"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("{{ m|date:'Y/m/d H:i' }}", "2026/11/22 12:05"),
        ("{{ m|date }}", "2026-11-22 12:05"),
        ("{{ text|date:'Y' }}{{ number|date }}", ""),
        ("{{ number|floatformat:3 }} {{ number|floatformat:900000000 }}", "0.100 0.100000000000"),
        ("{{ text|floatformat }}", ""),
        ("{{ much|join:'' }}", "".join(map(str, range(100)))),
        ("{{ text|join:'-' }}", "abc"),
        ("{{ text|yesno:'a,b' }} {{ much|length }} {{ much|slice:':2'|join:'+' }}", "a 100 0+1"),
    ],
)  # fmt: skip
def test_filters(source: str, told: str) -> None:
    assert text(source, m="2026-11-22T12:05:00Z") == told


# -- What forms are told ----------------------------------------------------


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("a\nb {% include 'x' %}", "Line 2: There is no tag include here; use comment, cycle,"),
        ("{{ a|nope }}", "Line 1: There is no filter nope here; use capfirst, cut, date,"),
        ("x\n\n{% if price %}\ny", "Line 3: The tag if has no end."),
        ("{% endif %}", "Line 1: There is no tag endif here"),
        ("\n{{ pair", "Line 2: {{ is not closed on the same line."),
        ("{% if\npair %}x{% endif %}", "Line 1: {% is not closed on the same line."),
        ("{{ }}", "Line 1: "),
        ("{{ a b }}", "Line 1: Could not parse the remainder"),
        ("ok\n{{ prise }}", "Line 2: there is no value prise; use direction, arrow,"),
        ("{% for each in rows %}{% endfor %}", "Line 1: there is no value rows;"),
    ],
)  # fmt: skip
def test_a_problem_is_a_sentence_that_names_the_line(source: str, told: str) -> None:
    with translation.override("en"):
        assert template_check(source, "signal").startswith(told)


def test_names_that_a_template_makes_itself_are_known() -> None:
    source = (
        "{% for name, value in indicators.items %}{{ forloop.counter }}{{ name }}"
        "{% cycle 'a' 'b' as colour silent %}{{ colour }}{% endfor %}"
        "{% with x=pair %}{{ x }}{% endwith %}{% firstof tag mark as y %}{{ y }}"
        "{% if guessed == True %}{{ None }}{% endif %}"
    )
    assert template_check(source, "signal") == ""


def test_an_alert_may_have_values_of_its_sender() -> None:
    assert template_check("{{ strategy_ids }}", "alert") == ""
    assert template_check("{{ strategy_ids }}") == ""
    assert template_check("{{ strategy_ids }}", "system") != ""


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_defaults_are_sound(kind: str, language: str) -> None:
    for template in default_templates(kind, language):
        assert template_check(template, kind) == ""


@pytest.mark.parametrize(
    ("templates", "told"),
    [
        ([], "'templates' is []"),
        ({"trade": {}}, "'templates' holds 'trade'; use signal, alert, system, digest."),
        ({"signal": "x"}, "'signal' is 'x'"),
        ({"signal": {"de": {}}}, "'signal' holds 'de'; use zh-hans, en."),
        ({"signal": {"en": {"subject": "x"}}}, "'en' holds 'subject'; use title, body."),
        ({"signal": {"en": {"title": 5}}}, "signal, en is 5; use a text."),
        ({"digest": {"en": {"body": "{% x %}"}}}, "The body of the template digest, en: Line 1:"),
    ],
)  # fmt: skip
def test_a_channel_s_templates_are_checked(templates: Any, told: str) -> None:
    with translation.override("en"), pytest.raises(ConfigurationError) as caught:
        templates_check(templates)
    assert told in caught.value.message


def test_sound_templates_pass() -> None:
    templates_check(None)
    templates_check({})
    templates_check(
        {"signal": {"en": {"title": "{{ pair }}", "body": ""}, "zh-hans": {}}}
    )
