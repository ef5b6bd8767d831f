"""The pages of operations: how far they are, how they end, their history."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.urls import reverse
from django.utils import timezone

from freqtrade_mgmt.cache.installs import operation_progress_write
from freqtrade_mgmt.models import FreqtradeUpgrade
from tests.freqtrade_mgmt.version_world import (
    NEW,
    NEXT,
    OLD,
    installing,
    operation,
    upgrading,
)
from tests.strategies.pages import plain, running, shown

if TYPE_CHECKING:
    from pathlib import Path

    from django.test import Client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]


def at(number: int) -> str:
    return f"/freqtrade/operations/{number}/"


def test_an_installation_shows_its_bytes_and_its_stages(viewer: Client) -> None:
    asked = installing("asked", "begun", "look_up", "environment", "download")
    progress = {"bytes": 312e6, "total": 729e6, "step": "download", "percent": 42}
    operation_progress_write(asked.pk, progress)
    page = shown(viewer, at(asked.pk))
    text = plain(page)
    assert "42 % 312 MB of about 729 MB" in text
    assert 'value="42"' in page
    assert 'class="stage-now" data-key="download"' in page
    assert 'class="stage-done" data-key="look_up"' in page
    assert 'class="stage-waiting" data-key="run"' in page
    assert 'data-seconds="1"' in page
    assert "The packages are downloaded." in text
    part = shown(viewer, f"{at(asked.pk)}live/")
    assert "<html" not in part
    assert "42 %" in plain(part)


def test_what_began_again_counts_from_then(viewer: Client) -> None:
    asked = installing(
        "asked", "begun", "look_up", "download", "build", "taken_over", "look_up"
    )
    page = shown(viewer, at(asked.pk))
    assert 'class="stage-now" data-key="look_up"' in page
    assert 'class="stage-waiting" data-key="download"' in page


def test_a_pending_operation_says_whom_it_waits_for(viewer: Client) -> None:
    first = installing("asked", "begun", "download")
    second = operation("install", "pending", "2026.11", ago=60)
    assert f"waits for operation {first.pk}" in plain(shown(viewer, at(second.pk)))
    FreqtradeUpgrade.objects.filter(pk=first.pk).update(status="completed")
    assert "is the supervisor running?" in plain(shown(viewer, at(second.pk)))


def test_a_failed_installation_keeps_what_was_said_and_can_be_repeated(
    manager: Client,
) -> None:
    failed = installing(
        "asked", "begun", "look_up", "download", "failed", status="failed"
    )
    failed.error_message = "A package could not be built.\n! Failed to build <ta-lib>"
    failed.completed_at = timezone.now()
    failed.save()
    page = shown(manager, at(failed.pk))
    assert "A package could not be built." in page
    assert "Failed to build &lt;ta-lib&gt;</pre>" in page
    assert 'class="stage-failed" data-key="download"' in page
    assert "not begun" in page
    assert f'formaction="{reverse("freqtrade_mgmt:install", args=[NEXT])}"' in page


def test_an_installation_is_cancelled(manager: Client) -> None:
    asked = operation("install", "pending")
    assert "What was made so far is removed" in shown(manager, at(asked.pk))
    answer = manager.post(f"{at(asked.pk)}cancel/", follow=True)
    assert "It was cancelled." in answer.content.decode()
    asked.refresh_from_db()
    assert asked.status == "failed"
    answer = manager.post(f"{at(asked.pk)}cancel/", follow=True)
    assert "does not run, so it cannot be cancelled" in answer.content.decode()


def test_who_only_looks_cannot_end_anything(viewer: Client) -> None:
    asked = operation("install", "pending")
    assert "formaction" not in shown(viewer, at(asked.pk))
    for path in ("cancel", "roll-back"):
        assert viewer.post(f"{at(asked.pk)}{path}/").status_code == 403
    assert viewer.get(at(4711)).status_code == 404


def test_an_upgrade_shows_its_first_one_and_the_time_that_is_left(
    manager: Client, two: Path
) -> None:
    strategies = [running("one"), running("two")]
    asked = upgrading(strategies)
    page = shown(manager, at(asked.pk))
    text = plain(page)
    assert "7:1" in text or "7:0" in text
    assert "left of 10 min" in text
    assert "before the move: 98" in text
    assert "being watched" in text
    assert "not moved yet" in text
    assert "/srv/backup/7" in text
    assert 'class="stage-now" data-key="watch"' in page
    assert "Every bot that was moved to 2026.9 stops" in page
    manager.post(f"{at(asked.pk)}roll-back/")
    asked.refresh_from_db()
    assert asked.migration_log["stop"]["who"] == "mei"
    text = plain(shown(manager, at(asked.pk)))
    assert "Everything that was moved goes back." in text
    assert "formaction" not in shown(manager, at(asked.pk))


def test_the_report_says_of_each_strategy_why_it_does_not_load(
    viewer: Client, two: Path
) -> None:
    strategies = [running("one"), running("two")]
    asked = upgrading(strategies)
    asked.migration_log["check"][str(strategies[1].pk)] |= {
        "state": "fails",
        "reason_text": "No module named 'talib'.",
        "warning_texts": ["It is slow."],
        "warnings": [None],
    }
    asked.save()
    text = plain(shown(viewer, at(asked.pk)))
    assert "does not load No module named &#x27;talib&#x27;. It is slow." in text


def test_what_went_back_says_why_and_where_everything_is(
    viewer: Client, two: Path
) -> None:
    asked = upgrading([running("one")], stage="return", returned=[])
    why = "one crashed twice on freqtrade 2026.9: boom. Everything goes back to 2026.7."
    step = {"at": timezone.now().isoformat(), "step": "back_crashes", "words": why}
    data = {"from": OLD, "to": NEW, "name": "one", "problem": "boom"}
    asked.migration_log["steps"] += [step | {"data": data}]
    asked.status, asked.error_message = "rolled_back", why
    asked.completed_at = timezone.now()
    asked.save()
    page = shown(viewer, at(asked.pk))
    assert why in plain(page)
    assert "on freqtrade 2026.7 again" in plain(page)
    assert 'class="stage-failed" data-key="watch"' in page
    assert 'class="stage-skipped" data-key="move"' in page


def test_a_completed_upgrade_is_rolled_back_from_its_page(
    manager: Client, two: Path
) -> None:
    asked = operation(
        "upgrade", "completed", NEW, from_version=OLD, completed_at=timezone.now()
    )
    page = shown(manager, at(asked.pk))
    assert "freqtrade 2026.9 is the current version." in plain(page)
    assert "All strategies without a pin stop on 2026.9" in page
    manager.post(f"{at(asked.pk)}roll-back/")
    asked.refresh_from_db()
    assert asked.status == "in_progress"
    answer = manager.post(
        f"{at(operation('upgrade', 'failed', NEW).pk)}roll-back/", follow=True
    )
    assert "there is nothing to go back from" in answer.content.decode()


def test_the_history_has_every_kind_and_can_be_narrowed(viewer: Client) -> None:
    path = "/freqtrade/operations/"
    assert "Nothing happened yet." in shown(viewer, path)
    operation("install", "completed")
    operation("upgrade", "rolled_back", NEW, from_version=OLD, error_message="boom")
    operation("upgrade", "completed", migration_log={"only_check": True})
    text = plain(shown(viewer, path))
    assert "Installation of freqtrade 2026.10" in text
    assert "Upgrade 2026.7 → 2026.9 rolled back" in text
    assert "boom" in text
    assert "Check against freqtrade 2026.10" in text
    only = plain(shown(viewer, f"{path}?kind=upgrade"))
    assert "Upgrade 2026.7" in only
    assert "Check against" not in only
    assert "Check against" in plain(shown(viewer, f"{path}?kind=check"))
    assert "Check against" in plain(shown(viewer, f"{path}?kind=nonsense&page=99"))
