"""``manage.py strategy``: counts, sentences, and an exit code that can be relied on."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from strategies.models import Strategy
from strategies.services import (
    process_started,
    strategy_start,
    strategy_status_set,
)
from tests.strategies import factories

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]


def run(*arguments: str) -> str:
    """Run the command and return what it printed."""
    out = StringIO()
    call_command("strategy", *arguments, stdout=out)
    return out.getvalue()


def states() -> dict[str, str]:
    return dict(Strategy.objects.values_list("name", "status"))


def test_named_strategies_are_asked_and_counted() -> None:
    for name in ("one", "two words", "three"):
        factories.strategy(name)

    printed = run("start", "ONE", "two words")

    assert printed.splitlines() == [
        "one: starting",
        "two words: starting",
        "2 of 2 asked to start, 0 refused.",
    ]
    assert states() == {"one": "starting", "two words": "starting", "three": "stopped"}


def test_all_are_asked_and_a_refusal_ends_with_an_error() -> None:
    one, _ = factories.strategy("one"), factories.strategy("two")
    strategy_start(one.pk)
    out = StringIO()

    with pytest.raises(CommandError, match="two"):
        call_command("strategy", "stop", "--all", stdout=out)

    assert out.getvalue().endswith("1 of 2 asked to stop, 1 refused.\n")
    assert states() == {"one": "stopping", "two": "stopped"}


def test_a_name_that_nobody_has_asks_nobody() -> None:
    factories.strategy("one")
    with pytest.raises(CommandError, match=r"no strategy 'two'\. Nothing was asked"):
        run("start", "one", "two")
    assert states() == {"one": "stopped"}


@pytest.mark.parametrize("arguments", [["start"], ["start", "one", "--all"]])
def test_either_names_or_all_are_given(arguments: list[str]) -> None:
    factories.strategy("one")
    with pytest.raises(CommandError, match="Name the strategies, or give --all"):
        run(*arguments)


def test_a_restart_is_asked_for() -> None:
    strategy_start(factories.strategy("one").pk)
    run("restart", "one")
    assert Strategy.objects.get().health_metrics["restarts"] == 1


def test_the_list_says_how_each_one_is() -> None:
    one = factories.strategy("one")
    factories.strategy("a long name")
    factories.draft("sketch")
    strategy_start(one.pk)
    strategy_status_set(one.pk, "error", reason="no such module")

    lines = run("list").splitlines()

    assert lines == [
        "NAME         STATUS   VERSION  EXCHANGE   TIMEFRAME  PROCESS  REASON",
        "a long name  stopped  v1.0     simulated  1m",
        "one          error    v1.0     simulated  1m                  no such module",
        "2 strategies.",
    ]
    assert run("list", "one").endswith("\n1 strategy.\n")


def test_the_list_and_the_answer_are_told_as_json() -> None:
    one = factories.strategy("one")
    strategy_start(one.pk)
    (row,) = json.loads(run("list", "--json"))
    assert (row["name"], row["status"], row["exchange"]) == (
        "one",
        "starting",
        "simulated",
    )
    assert json.loads(run("stop", "one", "--json")) == {
        "done": [{"name": "one", "status": "stopping"}],
        "refused": [],
    }


def test_the_list_says_who_shares_a_process() -> None:
    for name, usage in (("a", {"runner": "binance-1"}), ("b", {"own": "trades"})):
        strategy = factories.strategy(name)
        process_started(strategy.pk, details=usage)

    lines = run("list").splitlines()

    assert [line.split()[-1] for line in lines[1:3]] == ["binance-1", "own"]
    row, _other = json.loads(run("list", "--json"))
    assert row["shared_process"] == "binance-1"


def test_a_chinese_name_keeps_the_columns_under_each_other() -> None:
    factories.strategy("均线交叉")
    factories.strategy("b")
    head, *lines, _last = run("list").splitlines()
    # A Chinese character takes two cells.
    assert head.index("STATUS") == 10
    assert [line.partition("stopped")[0] for line in lines] == [
        "b         ",
        "均线交叉  ",
    ]


def test_what_does_not_fit_together_ends_with_2_and_what_is_refused_with_1() -> None:
    with pytest.raises(CommandError) as usage:
        run("start")
    with pytest.raises(CommandError) as failed:
        run("start", "nobody")
    assert (usage.value.returncode, failed.value.returncode) == (2, 1)
