"""The report: one verdict, for people and for programs."""

from __future__ import annotations

import json

from tests.soak import judging
from tests.soak.report import FAILED, OK, SKIPPED, Check, Growth, Report, check


def report(*results: str) -> Report:
    found = Report(seed=42, minutes=3)
    found.checks += [Check(f"part {n}", r, "told") for n, r in enumerate(results)]
    return found


def test_what_is_not_judged_fails_nothing_and_nothing_at_all_does() -> None:
    assert report(OK, SKIPPED).ok
    assert not report(OK, FAILED).ok
    assert not report().ok


def test_the_text_names_the_seed_the_faults_and_what_failed() -> None:
    found = report(OK, FAILED)
    found.faults += ["bot killed (A)", "bot killed (B)", "proxy dies for 20 s"]
    text = found.text()
    assert "seed 42" in text
    assert "2 x bot killed" in text
    assert "1 x proxy dies" in text
    assert text.endswith("FAILED: part 1. Run it again with --seed 42.")


def test_many_details_are_counted_and_few_are_shown() -> None:
    found = report()
    found.checks.append(check("marks", "told", [f"missing {n}" for n in range(40)]))
    assert "missing 9" in found.text()
    assert "missing 10" not in found.text()
    assert "and 30 more" in found.text()
    assert len(json.loads(found.json())["checks"][0]["details"]) == 40


def test_the_json_is_one_object_on_one_line() -> None:
    found = report(OK)
    growth = Growth("web", "MB", 1.0, 2.0, 0.5, 0.1, 20.0, 12.0, OK)
    found.growth.append(growth)
    assert "\n" not in found.json()
    read = json.loads(found.json())
    assert read["ok"] is True
    assert read["growth"][0]["per_hour"] == 0.5
    assert "web" in found.text()


def test_keys_that_never_expire_and_queues_that_are_left_fail() -> None:
    assert judging.keys_check({"notifications:budget:N": 4}, {}).result == OK
    assert judging.keys_check({"session:N": 400}, {}).result == FAILED
    assert judging.keys_check({}, {"queue:default": 1}).result == FAILED
    assert judging.keys_check({}, {"unacked": 3}).result == OK
    assert judging.keys_check({}, {"unacked": 3000}).result == FAILED


def test_dead_rows_fail_when_they_are_more_than_the_living() -> None:
    assert judging.dead_check([("signals", 4_000, 10)]).result == OK
    assert judging.dead_check([("signals", 90_000, 100_000)]).result == OK
    assert judging.dead_check([("signals", 90_000, 10)]).result == FAILED
