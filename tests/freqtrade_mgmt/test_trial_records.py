"""What a trial may do to a draft, and what not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from freqtrade_mgmt.models import FreqtradeVersion
from freqtrade_mgmt.supervisor.trial_records import (
    trial_begin,
    trial_finish,
    trials_open,
)
from freqtrade_mgmt.trial.verdict import Outcome, failed
from freqtrade_mgmt.trial.words import Sentence, trial_shown
from strategies.models import Strategy
from strategies.services import (
    draft_save,
    draft_trial_ask,
    strategy_create,
    trial_state_set,
)

if TYPE_CHECKING:
    from pathlib import Path

    from freqtrade_mgmt.supervisor.trial_records import Order

pytestmark = pytest.mark.django_db

CODE = """from freqtrade.strategy import IStrategy


class Mine(IStrategy):
    timeframe = "1h"
"""
CONFIG: dict[str, Any] = {
    "class_name": "Mine",
    "code": CODE,
    "exchange": "simulated",
    "pairs": ["BTC/USDT"],
    "timeframe": "5m",
    "stake_currency": "USDT",
}
PASSED = Outcome(
    passed=True,
    warnings=(Sentence("no_marks", {"candles": 500}),),
    facts={"class_name": "Mine"},
)


@pytest.fixture(autouse=True)
def _freqtrade(tmp_path: Path) -> None:
    FreqtradeVersion.objects.create(
        version="2026.9",
        is_installed=True,
        install_date=timezone.now(),
        install_path=str(tmp_path),
    )


def draft(name: str = "new one", **changes: Any) -> Strategy:
    values: dict[str, Any] = {
        "by": None,
        "name": name,
        "config": CONFIG | changes.pop("config", {}),
        "freqtrade_config": {"stoploss": -0.1, "version": "2026.9"},
        "signal_thresholds": {"strong": 80, "medium": 50, "weak": 20},
    }
    return draft_save(**(values | changes))


def asked(**changes: Any) -> Strategy:
    row = draft(**changes)
    draft_trial_ask(row.pk)
    return row


def begun(row: Strategy) -> Order:
    order = trial_begin(row.pk)
    assert order is not None
    return order


def trial_of(row: Strategy) -> dict[str, Any]:
    row.refresh_from_db()
    return dict(row.health_metrics.get("trial") or {})


def test_only_drafts_whose_trial_is_asked_for_are_tried_oldest_first() -> None:
    draft("not asked")
    second, first = asked(name="b"), asked(name="a")
    left = asked(name="left behind")
    trial_state_set(left.pk, "running")
    done = asked(name="done")
    trial_state_set(done.pk, "failed")
    for row, moment in ((first, "2026-01-01"), (second, "2026-01-02")):
        row.refresh_from_db()
        row.health_metrics["trial"]["asked_at"] = moment
        row.save()
    assert trials_open() == [first.pk, second.pk, left.pk]


def test_a_trial_gets_what_the_bot_will_get(tmp_path: Path) -> None:
    row = asked(config={"strength": {"column": "power"}})
    order = begun(row)
    assert order.draft_id == row.pk
    assert order.program.class_name == "Mine"
    assert order.program.code == CODE
    assert order.program.python == tmp_path / "bin" / "python"
    assert order.program.settings == {
        "stoploss": -0.1,
        "timeframe": "5m",
        "stake_currency": "USDT",
    }
    assert order.tried.version == "2026.9"
    assert order.tried.timeframe == "5m"
    assert order.tried.file_timeframe == "1h"
    assert order.tried.column == "power"
    assert trial_of(row)["state"] == "running"


def test_a_column_that_an_expression_stands_in_for_is_not_missed() -> None:
    row = asked(config={"strength": {"expression": "rsi"}})
    assert begun(row).tried.column == ""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"config": {"code": "class Mine(:"}}, "not valid Python: line 1"),
        ({"config": {"code": CODE.replace("Mine", "Other")}}, "called Other, but Mine"),
        (
            {"config": {"class_name": "ccxt", "code": CODE.replace("Mine", "ccxt")}},
            "ccxt.py would hide",
        ),
        ({"freqtrade_config": {"version": "2020.1"}}, "2020.1 is not installed"),
        ({"freqtrade_config": {"telegram": {}}}, "telegram is refused"),
    ],
)
def test_what_cannot_be_tried_fails_with_the_reason(
    changes: dict[str, Any], reason: str
) -> None:
    # Stored past the checks of the page, which refuse some of it before.
    row = asked()
    found = Strategy.objects.get(pk=row.pk)
    found.config |= changes.get("config", {})
    found.freqtrade_config |= changes.get("freqtrade_config", {})
    found.save()
    assert trial_begin(row.pk) is None
    trial = trial_of(row)
    assert trial["state"] == "failed"
    assert reason in trial["reason"]
    assert trial_shown(trial)[0]


def test_a_trial_that_nobody_wants_any_more_is_not_begun() -> None:
    row = draft()
    assert trial_begin(row.pk) is None
    assert trial_begin(row.pk + 1_000) is None
    assert trial_of(row) == {}


def test_a_draft_that_passed_becomes_a_strategy() -> None:
    row = asked()
    assert trial_finish(row.pk, begun(row).fingerprint, PASSED) == "published"
    row.refresh_from_db()
    assert not row.is_draft
    assert row.version == "v1.0"


def test_a_draft_of_an_edit_that_passed_changes_its_strategy() -> None:
    strategy = strategy_create(name="old one", config=CONFIG | {"code": CODE + "\n"})
    row = draft(name="old one", of=strategy)
    draft_trial_ask(row.pk)
    assert trial_finish(row.pk, begun(row).fingerprint, PASSED) == "published"
    strategy.refresh_from_db()
    assert strategy.config["code"] == CODE
    assert strategy.version == "v1.1"
    assert not Strategy.objects.filter(pk=row.pk).exists()


def test_a_draft_that_failed_says_why_in_both_forms() -> None:
    row = asked()
    outcome = failed("load", 3, problem="KeyError: 'x'")
    assert trial_finish(row.pk, begun(row).fingerprint, outcome) == "failed"
    trial = trial_of(row)
    assert trial["state"] == "failed"
    assert trial["reason"] == ("The strategy cannot be loaded: KeyError: 'x' (line 3).")
    assert trial["facts"]["reason"] == {
        "code": "load",
        "values": {"problem": "KeyError: 'x'"},
        "line": 3,
    }
    row.refresh_from_db()
    assert row.is_draft


@pytest.mark.parametrize("again", [False, True], ids=["edited", "edited and asked"])
@pytest.mark.parametrize("outcome", [PASSED, failed("killed")], ids=["pass", "fail"])
@pytest.mark.parametrize(
    "changes",
    [
        {"config": {"code": CODE + "\nimport os\n"}},
        {"config": {"pairs": ["ETH/USDT"]}},
        {"freqtrade_config": {}},
        {"name": "another name"},
    ],
    ids=["code", "pairs", "version", "name"],
)
def test_a_verdict_about_an_older_draft_is_dropped(
    changes: dict[str, Any], outcome: Outcome, again: bool
) -> None:
    row = asked()
    order = begun(row)
    draft(draft_id=row.pk, **changes)
    if again:
        draft_trial_ask(row.pk)
    before = trial_of(row)
    assert trial_finish(row.pk, order.fingerprint, outcome) == "dropped"
    assert trial_of(row) == before
    assert before.get("state") == ("wanted" if again else None)
    assert row.is_draft


def test_a_draft_that_was_changed_past_the_services_is_not_published() -> None:
    row = asked()
    order = begun(row)
    Strategy.objects.filter(pk=row.pk).update(description="changed in the database")
    assert trial_finish(row.pk, order.fingerprint, PASSED) == "dropped"
    trial = trial_of(row)
    assert trial["state"] == "failed"
    assert "changed while it was tried" in trial["reason"]


def test_a_draft_that_was_discarded_meanwhile_stays_away() -> None:
    row = asked()
    order = begun(row)
    row.delete()
    assert trial_finish(order.draft_id, order.fingerprint, PASSED) == "dropped"
    assert not Strategy.objects.exists()


def test_one_that_cannot_be_published_says_why_and_stays_a_draft() -> None:
    row = asked(name="taken")
    order = begun(row)
    strategy_create(name="taken", config=CONFIG)
    assert trial_finish(row.pk, order.fingerprint, PASSED) == "failed"
    trial = trial_of(row)
    assert trial["state"] == "failed"
    assert "could not be published" in trial["reason"]
    assert "taken" in trial["reason"]
    assert trial["warnings"] == [PASSED.warnings[0].english()]
    assert row.is_draft


def test_what_nobody_has_foreseen_fails_a_trial_and_does_not_repeat_it() -> None:
    made = draft()
    draft_trial_ask(made.pk)
    # Past the forms, as the API takes it.
    Strategy.objects.filter(pk=made.pk).update(freqtrade_config={"version": ["2026.9"]})

    assert trial_begin(made.pk) is None

    assert trials_open() == []
    made.refresh_from_db()
    assert made.health_metrics["trial"]["state"] == "failed"
