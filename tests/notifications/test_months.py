"""Deliveries and pages open the months of their rows, and not the whole history."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from btc_watcher.lib.partitions import NOTIFICATIONS, month_start, months_ensure
from btc_watcher.lib.redis_keys import PRIORITIES
from notifications import queues, services, tasks
from notifications.models import Notification
from notifications.queues import Queued, Task, tasks_enqueue
from notifications.services import (
    claims,
    notification_claim,
    notifications_deliver,
    notifications_sweep,
)
from notifications.services.fallbacks import NOTE
from notifications.services.flushing import RELEASE
from notifications.services.members import COLLAPSE
from notifications.written import CLOCK_ERROR, EPOCH, HEADER, Written, since_of
from tests.notifications.factories import message, notification
from tests.notifications.held import channel, flush, record, row, signals
from tests.signals_app.plans import months_of_range, partitions_read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.test import Client
    from pytest_django.plugin import DjangoDbBlocker

    from notifications.models import NotificationChannel
    from tests.notifications.fakes import SmtpFake

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("two_years")]
MONTHS = 26
# Every statement about a waiting row that a worker runs once for each of them.
PARAMETERS: dict[str, Any] = {
    "id": 1,
    "ids": [1, 2],
    "token": "x",
    "now_text": "x",
    "digest": 3,
    "marks": "{}",
    "note": "{}",
}


@pytest.fixture(scope="module")
def two_years(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """A partition for each of 26 months."""
    now = timezone.now()
    with django_db_blocker.unblock():
        months = [month_start(now, -back) for back in range(MONTHS)]
        made = months_ensure(NOTIFICATIONS, months)
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        names = ", ".join(NOTIFICATIONS.partition(month) for month in made)
        cursor.execute(f"DROP TABLE {names}")
        connection.close()


@pytest.fixture
def sent_tasks(monkeypatch: pytest.MonkeyPatch) -> list[Task]:
    """What would have gone to the broker."""
    found: list[Task] = []

    def publish(made: Iterable[Task]) -> int:
        found.extend(made)
        return len(found)

    monkeypatch.setattr(queues, "_publish", publish)
    return found


def moments(now: datetime) -> dict[str, Any]:
    names = ["now", "soon", "first", "last", "sent_at"]
    names += ["lease_over", "claim_ahead", "put_off"]
    return PARAMETERS | dict.fromkeys(names, now)


@pytest.mark.parametrize("statement", [claims.CLAIM, NOTE, RELEASE, COLLAPSE])
def test_a_statement_about_a_waiting_row_opens_one_month(statement: str) -> None:
    now = timezone.now()

    touched = partitions_read(statement, NOTIFICATIONS, moments(now))

    assert touched == {NOTIFICATIONS.partition(month_start(now))}


def test_without_its_time_a_row_is_looked_for_everywhere(
    email_channel: NotificationChannel, smtp: SmtpFake
) -> None:
    touched = partitions_read(
        claims.CLAIM_ANYWHERE, NOTIFICATIONS, moments(timezone.now())
    )
    old = notification(email_channel, now=timezone.now() - timedelta(days=400))

    # As a task of an earlier release has it.
    tasks.deliver.apply(args=([old.id],))

    assert len(touched) > MONTHS
    assert Notification.objects.get(id=old.id).status == "sent"
    assert len(smtp.received) == 1


def test_a_task_says_when_its_rows_were_written(
    email_channel: NotificationChannel, smtp: SmtpFake, sent_tasks: list[Task]
) -> None:
    now = timezone.now()
    rows = record([message(), message()], email_channel, now=now, at_once=True)
    tasks_enqueue(rows)

    assert sent_tasks
    for task in sent_tasks:
        assert Written.read(task.headers) == Written(now, now)
        tasks.deliver.apply(args=task.args, headers=task.headers)
    assert len(smtp.received) == len(rows) == 2


def test_the_rest_of_a_chunk_keeps_the_time_of_its_rows(
    email_channel: NotificationChannel,
    sent_tasks: list[Task],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = timezone.now()
    monkeypatch.setattr(services, "notifications_deliver", lambda **_: [2])
    tasks.deliver.apply(args=([1, 2],), headers=Written(now, now).headers())

    (task,) = sent_tasks
    assert (task.args, Written.read(task.headers)) == (([2],), Written(now, now))


def test_a_row_outside_of_the_time_that_is_named_is_not_claimed(
    email_channel: NotificationChannel,
) -> None:
    waiting, now = notification(email_channel), timezone.now()
    other = now - timedelta(days=90)

    wrong = Written(other, other)
    right = Written(waiting.sent_at, now)
    assert (
        notification_claim(notification_id=waiting.id, now=now, written=wrong) is None
    )
    assert notification_claim(notification_id=waiting.id, now=now, written=right)


def test_what_is_swept_up_knows_its_time(
    email_channel: NotificationChannel, smtp: SmtpFake
) -> None:
    long_ago = timezone.now() - timedelta(days=100)
    waiting = notification(email_channel, now=long_ago)

    (queued,) = notifications_sweep(
        lengths=dict.fromkeys(PRIORITIES, 0), now=timezone.now()
    )

    assert queued.sent_at == waiting.sent_at == long_ago
    written = Written.of([queued.sent_at])
    assert notifications_deliver(ids=[queued.id], written=written) == []
    assert len(smtp.received) == 1


def test_a_digest_knows_since_when_it_has_members(
    email_config: dict[str, Any], smtp: SmtpFake
) -> None:
    mail = channel(config={key: v for key, v in email_config.items() if key != "speed"})
    long_ago = timezone.now() - timedelta(days=70)
    first = record(signals(3), mail, now=long_ago)
    second = record(signals(3), mail, now=long_ago + timedelta(seconds=5))
    (told,) = flush(timezone.now())

    digest = row(told.id)
    assert digest.metadata["digest_since"] == long_ago.isoformat()
    assert told.sent_at == digest.sent_at
    notifications_deliver(ids=[told.id], written=Written.of([told.sent_at]))
    assert {row(each.id).status for each in (*first, *second)} == {"sent"}


@pytest.mark.parametrize(
    ("found", "span"),
    [
        ([], None),
        ([None], None),
        ([EPOCH, None], None),
        ([EPOCH + CLOCK_ERROR, EPOCH], (EPOCH, EPOCH + CLOCK_ERROR)),
    ],
)
def test_a_span_is_known_when_every_row_is(found: Any, span: Any) -> None:
    assert Written.of(found) == span


@pytest.mark.parametrize(
    "headers",
    [
        *(None, {}, {HEADER: None}, {HEADER: "x"}, {HEADER: "x y"}, {HEADER: [1, 2]}),
        {HEADER: "2026-11-01T00:00:00 2026-11-01T00:00:00"},
    ],
)
def test_headers_that_say_nothing_are_none(headers: Any) -> None:
    assert Written.read(headers) is None


@pytest.mark.parametrize("text", [None, "", "x", 5, "2026-11-01T00:00:00"])
def test_members_of_earlier_digests_are_looked_for_from_the_beginning(
    text: object,
) -> None:
    assert since_of(text) == EPOCH


def test_rows_without_a_time_are_enqueued_as_before(sent_tasks: list[Task]) -> None:
    tasks_enqueue([Queued(1, 5, "P1"), Queued(2, 5, "P1", sent_at=EPOCH)])

    assert [task.headers for task in sent_tasks] == [
        {},
        Written(EPOCH, EPOCH).headers(),
    ]


def queries_of(browser: Client, address: str) -> list[str]:
    """Return the statements that a page takes."""
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(address).status_code == 200
    return [each["sql"] for each in captured.captured_queries]


def about_history(statement: str) -> bool:
    return 'FROM "notification_history"' in statement


FILTERS = [
    "",
    "?days=1",
    "?days=90",
    "?state=failed",
    "?channel={mail}",
    "?priority=P0",
]
FILTERS += ["?type=signal", "?q=ema", "?q=%231", "?until=2025-12-15&days=30"]


@pytest.mark.parametrize("query", FILTERS)
def test_the_history_opens_the_months_of_its_period(
    browser: Client, email_channel: NotificationChannel, query: str
) -> None:
    address = f"/notifications/{query.format(mail=email_channel.id)}"
    # The first page of a session writes the session.
    browser.get(address)
    few = queries_of(browser, address)
    record([message()] * 60, email_channel, now=timezone.now(), at_once=True)
    many = queries_of(browser, address)

    assert len(few) == len(many)
    (statement,) = filter(about_history, many)
    touched = partitions_read(statement, NOTIFICATIONS)
    assert touched <= months_of_range(statement, NOTIFICATIONS)
    assert len(touched) <= 5


def test_a_new_notification_is_found_without_the_old_months(
    browser: Client, email_channel: NotificationChannel
) -> None:
    new = notification(email_channel)
    old = notification(email_channel, now=timezone.now() - timedelta(days=400))
    seen: dict[int, set[str]] = {}
    for each in (new, old):
        statements = queries_of(browser, f"/notifications/{each.id}/")
        read = [
            partitions_read(s, NOTIFICATIONS) for s in filter(about_history, statements)
        ]
        seen[each.id] = set().union(*read)

    # This month, the last, and those ahead.
    assert len(seen[new.id]) <= 7
    assert len(seen[old.id]) > MONTHS


@pytest.mark.parametrize(("query", "months"), [("", 3), ("?status=failed", 3)])
def test_the_admin_lists_the_months_of_its_period(
    browser: Client, query: str, months: int
) -> None:
    found = queries_of(browser, f"/admin/notifications/notification/{query}")

    for each in filter(about_history, found):
        touched = partitions_read(each, NOTIFICATIONS)
        assert touched <= months_of_range(each, NOTIFICATIONS)
        assert len(touched) <= months
