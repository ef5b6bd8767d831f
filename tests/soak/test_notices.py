"""Every notice was delivered once, or its state tells why not."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.soak.judging import notices_check
from tests.soak.notices import (
    EMAIL,
    LONGEST_WAIT_SECONDS,
    WEBHOOK,
    Notice,
    NoticeVerdict,
    judge,
    state,
)
from tests.soak.report import FAILED, OK

NOW = 1_795_435_200.0


def at(seconds: float) -> str:
    """Return a moment so many seconds from now, as metadata have it."""
    return datetime.fromtimestamp(NOW + seconds, UTC).isoformat()


SOON, LATER = at(60), at(LONGEST_WAIT_SECONDS + 1)


def notice(number: int = 1, status: str = "sent", **metadata: Any) -> Notice:
    return Notice(number, "signal", 7, WEBHOOK, status, "", metadata)


def verdict(*rows: Notice, got: dict[int, int] | None = None) -> NoticeVerdict:
    """Judge rows of one signal on one channel, whose receiver got these numbers."""
    received = Counter(got if got is not None else {1: 1})
    return judge(rows, ["signal"], [7], received, Counter(), now=NOW)


def test_one_that_was_sent_and_came_passes() -> None:
    found = verdict(notice())
    assert found.ok
    assert notices_check(found).result == OK
    assert notices_check(found).told == "1 sent"


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (notice(status="failed", suppressed={"because": "silence"}), "suppressed"),
        (notice(status="failed")._replace(error="refused"), "failed"),
        (notice(status="pending", held={}, next_attempt_at=SOON), "held"),
        (notice(status="retry", next_attempt_at=SOON), "tried again"),
    ],
)
def test_a_state_that_tells_why_not_passes(row: Notice, told: str) -> None:
    assert state(row, NOW).startswith(told)
    assert verdict(row, got={}).ok
    assert notices_check(verdict(row, got={}), faults=1).result == FAILED


@pytest.mark.parametrize(
    "row",
    [
        notice(status="pending"),
        notice(status="retry"),
        notice(status="failed"),
        notice(status="retry", next_attempt_at=LATER),
        notice(status="retry", next_attempt_at="soon"),
        notice(status="pending", held={}, next_attempt_at=LATER),
    ],
)
def test_a_state_that_tells_nothing_fails(row: Notice) -> None:
    found = verdict(row, got={})
    assert found.untold
    assert notices_check(found).result == FAILED


def test_one_that_is_called_sent_and_never_came_fails() -> None:
    assert verdict(notice(), got={}).undelivered


def test_one_that_came_twice_fails_unless_that_was_said() -> None:
    assert verdict(notice(), got={1: 2}).repeated
    assert verdict(notice(unknown_outcome=True), got={1: 2}).ok


def test_a_signal_without_its_notice_or_with_two_fails() -> None:
    assert verdict(got={}).absent
    assert verdict(notice(1), notice(2), got={1: 1, 2: 1}).doubled
    assert judge([notice()], [], [7], Counter({1: 1}), Counter(), now=NOW).strangers


def test_one_in_a_digest_is_delivered_when_the_digest_was() -> None:
    member = notice(1, collapsed_into=2)
    digest = notice(2, digest_of=[1])._replace(signal="")
    assert verdict(member, digest, got={2: 1}).ok
    assert verdict(member, digest, got={}).undelivered
    assert verdict(member, got={}).undelivered


def test_a_mail_is_known_by_its_message_id() -> None:
    row = notice(message_id="<1@x>")._replace(channel_type=EMAIL)
    mails = Counter({"<1@x>": 1})

    def judged() -> NoticeVerdict:
        return judge([row], ["signal"], [7], Counter(), mails, now=NOW)

    assert judged().ok
    mails["<2@x>"] += 1
    assert judged().strangers
    mails.clear()
    assert judged().undelivered


def test_a_fallback_is_no_second_notice() -> None:
    first = notice(1, status="failed")._replace(error="gone")
    second = notice(2, fallback_of=1)
    assert verdict(first, second, got={2: 1}).ok


def test_a_run_without_any_notice_fails() -> None:
    found = judge([], [], [], Counter(), Counter(), now=NOW)
    assert notices_check(found).result == FAILED


def many(status: str, count: int, **metadata: Any) -> list[Notice]:
    """Return notices of as many signals, which are numbered as they are."""
    return [
        notice(n, status, **metadata)._replace(
            signal=str(n), error="Connection refused"
        )
        for n in range(count)
    ]


@pytest.mark.parametrize(
    "rows", [many("failed", 100), many("retry", 100, next_attempt_at=SOON)]
)
def test_a_run_in_which_nothing_was_delivered_fails(rows: list[Notice]) -> None:
    wanted = [str(n) for n in range(100)]
    found = judge(rows, wanted, [7], Counter(), Counter(), now=NOW)
    assert found.ok
    told = notices_check(found, faults=100).details
    assert told == ("channel 7 told 0 of 100 signals",)


def test_failures_must_have_faults_that_may_cause_them() -> None:
    rows = [*many("failed", 5), *many("sent", 100)[5:]]
    wanted = [str(n) for n in range(100)]
    got = Counter(range(5, 100))
    found = judge(rows, wanted, [7], got, Counter(), now=NOW)
    assert notices_check(found, faults=1).result == OK
    assert notices_check(found).details == (
        "channel 7: 5 failed and 0 are open, at most 0 by 0 faults",
    )


def test_an_alert_that_follows_from_another_is_no_failure_and_a_signal_is() -> None:
    muted = notice(2, "failed", suppressed={"because": "inhibited"})
    found = verdict(notice(), muted._replace(signal=""))
    assert notices_check(found).result == OK
    found = verdict(muted)
    assert found.channels[7].failed == 1


def test_signals_none_of_which_had_to_be_told_prove_nothing() -> None:
    alert = notice()._replace(signal="")
    found = judge([alert], [], [7], Counter({1: 1}), Counter(), now=NOW)
    assert found.ok
    assert notices_check(found).result == FAILED


def test_what_came_late_without_a_cause_fails() -> None:
    assert notices_check(verdict(notice()), late=["a mark"]).result == FAILED
