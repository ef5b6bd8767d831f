"""The pages of releases: what is listed, and what can be asked of a release."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from freqtrade_mgmt.cache.installs import (
    operation_progress_write,
    releases_state_write,
)
from freqtrade_mgmt.cache.releases import releases_wanted_put
from freqtrade_mgmt.models import FreqtradeUpgrade, FreqtradeVersion
from freqtrade_mgmt.services import install_request, uninstall_obstacles
from freqtrade_mgmt.version_pages.words import SENTENCES
from proxies.models import Proxy
from strategies.models import Strategy, StrategyProcess
from tests.freqtrade_mgmt.version_world import (
    NEW,
    NEXT,
    OLD,
    installed,
    installing,
    operation,
    release,
    upgrading,
)
from tests.strategies.pages import made, plain, running, shown

if TYPE_CHECKING:
    from pathlib import Path

    from django.test import Client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
LIST = "/freqtrade/"


@pytest.fixture
def home(tmp_path: Path, settings: Any) -> Path:
    """Where environments lie."""
    settings.BTCW_HOME = tmp_path
    return tmp_path


@pytest.fixture
def viewer(client: Client) -> Client:
    """Somebody without any permission, who reads English."""
    client.force_login(User.objects.create_user("viewer", language="en"))
    return client


@pytest.fixture
def manager(client: Client) -> Client:
    """Somebody who may install and upgrade."""
    user = User.objects.create_user("mei", language="en")
    user.user_permissions.add(
        Permission.objects.get(codename="change_freqtradeversion")
    )
    client.force_login(user)
    return client


@pytest.fixture
def two(home: Path) -> Path:
    """An old release, which is the current one, and a new one, both installed."""
    installed(home, OLD, release_date=date(2026, 7, 31))
    installed(home, NEW, release_date=date(2026, 9, 30), startup_seconds=2.4)
    return home


def row(page: str, version: str) -> str:
    """Return the text of a release's row."""
    return plain(page.partition(f'data-key="v{version}"')[2].partition("</tr>")[0])


def test_strangers_are_sent_to_the_login(client: Client) -> None:
    for path in (LIST, "/freqtrade/upgrade/", "/freqtrade/operations/"):
        assert client.get(path).headers["Location"].startswith("/login/")


def test_the_list_has_the_installed_first_and_then_the_newest(
    viewer: Client, two: Path
) -> None:
    release(NEXT, release_date=date(2026, 10, 31))
    release("2026.11", python=">=9.9")
    release("2026.8", yanked=True)
    page = shown(viewer, LIST)
    order = [page.index(f'data-key="v{each}"') for each in (NEW, OLD, "2026.11", NEXT)]
    assert order == sorted(order)
    assert "2026-10-31" in row(page, NEXT)
    assert "current" in row(page, OLD)
    assert "729 MB" in row(page, NEW)
    assert "2.4 s" in row(page, NEW)
    assert "318 MB" in row(page, NEW)
    assert ">=9.9 · does not fit" in row(page, "2026.11").replace("&gt;", ">")
    assert "withdrawn" in row(page, "2026.8")


def test_who_uses_a_release_is_named_with_its_pin(viewer: Client, two: Path) -> None:
    made("free")
    fixed = made("fixed")
    Strategy.objects.filter(pk=fixed.pk).update(freqtrade_config={"version": NEW})
    page = shown(viewer, LIST)
    assert "1 strategy" in row(page, OLD)
    assert "free" in row(page, OLD)
    assert "fixed pinned" in row(page, NEW)


def test_pre_releases_are_shown_when_all_are_asked_for(
    viewer: Client, two: Path
) -> None:
    release("2026.12rc1", type="beta")
    assert "2026.12rc1" not in shown(viewer, LIST)
    page = shown(viewer, f"{LIST}?show=all")
    assert "beta" in row(page, "2026.12rc1")


def test_it_says_when_the_index_was_asked_and_why_not(
    viewer: Client, two: Path
) -> None:
    assert "looked up hourly" in shown(viewer, LIST)
    problem = "The package index https://mirror.example/ answered 503."
    at = timezone.now().isoformat()
    releases_state_write({"asked_at": at, "problem": problem})
    assert problem in plain(shown(viewer, LIST))


def test_without_any_release_the_page_says_what_to_do(
    manager: Client, home: Path
) -> None:
    page = plain(shown(manager, LIST))
    assert "No release is known yet." in page
    assert "none is installed yet" in page


def test_who_may_not_manage_gets_no_buttons_and_no_way_in(
    viewer: Client, two: Path
) -> None:
    release(NEXT)
    page = shown(viewer, LIST)
    assert "formaction" not in page
    assert "/freqtrade/upgrade/" not in page
    for path in ("install", "check", "uninstall"):
        assert viewer.post(f"/freqtrade/{NEXT}/{path}/").status_code == 403
    assert viewer.post("/freqtrade/refresh/").status_code == 403
    assert viewer.get("/freqtrade/upgrade/").status_code == 403
    assert not FreqtradeUpgrade.objects.exists()


def test_an_installation_is_asked_for_with_the_chosen_proxy(
    manager: Client, two: Path
) -> None:
    release(NEXT)
    proxy = Proxy.objects.create(name="Tokyo", type="http", host="127.0.0.1", port=1)
    assert "through Tokyo" in shown(manager, LIST)
    answer = manager.post(f"/freqtrade/{NEXT}/install/", {"proxy": proxy.pk})
    asked = FreqtradeUpgrade.objects.get()
    assert answer.headers["Location"] == f"/freqtrade/operations/{asked.pk}/"
    assert (asked.to_version, asked.upgrade_type) == (NEXT, "install")
    assert asked.migration_log["proxy"] == proxy.pk
    assert str(asked.user) == "mei"
    page = shown(manager, LIST)
    assert f'value="{proxy.pk}" selected' in page
    assert "being installed" in row(page, NEXT)
    assert f"/freqtrade/{NEXT}/install/" not in page


def test_a_refusal_is_a_sentence_on_the_page(manager: Client, two: Path) -> None:
    release("2026.11", python=">=9.9")
    answer = manager.post("/freqtrade/2026.11/install/", follow=True)
    assert "asks for Python &gt;=9.9, but environments" in answer.content.decode()
    answer = manager.post(f"/freqtrade/{OLD}/check/", follow=True)
    assert "is the current version already" in answer.content.decode()
    for path in ("install", "check", "uninstall"):
        assert manager.post(f"/freqtrade/1.1/{path}/").status_code == 404


def test_a_check_is_asked_for(manager: Client, two: Path) -> None:
    answer = manager.post(f"/freqtrade/{NEW}/check/")
    asked = FreqtradeUpgrade.objects.get()
    assert answer.headers["Location"] == f"/freqtrade/operations/{asked.pk}/"
    assert asked.migration_log["only_check"] is True
    assert "Check against freqtrade 2026.9" in shown(
        manager, f"/freqtrade/operations/{asked.pk}/"
    )


def test_the_index_is_asked_by_a_worker(
    manager: Client,
    home: Path,
    redis_client: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        manager.post("/freqtrade/refresh/")
    page = plain(shown(manager, LIST))
    assert "the package index is being asked" in page
    assert "Look now" not in page
    task = redis_client.lrange("queue:default", 0, -1)
    assert len(task) == 1
    assert "freqtrade_mgmt.tasks.refresh_releases" in task[0]


def test_nobody_waits_any_more_once_the_index_was_asked(
    manager: Client, home: Path
) -> None:
    releases_wanted_put("2026-11-23T01:00:00+00:00")
    assert "is being asked" in shown(manager, LIST)
    at = "2026-11-23T01:00:05+00:00"
    releases_state_write({"asked_at": at, "problem": ""})
    assert "is being asked" not in shown(manager, LIST)


def test_a_strategy_s_page_says_which_release_it_runs_on_and_that_it_is_pinned(
    viewer: Client, two: Path
) -> None:
    strategy = running("one")
    where = f"/strategies/{strategy.pk}/"
    assert "the current version (now 2026.9)" in plain(shown(viewer, where))
    assert "pinned" not in plain(shown(viewer, where))
    Strategy.objects.filter(pk=strategy.pk).update(freqtrade_config={"version": OLD})
    assert "2026.7 pinned (now 2026.9)" in plain(shown(viewer, where))


# -- Uninstalling -----------------------------------------------------------


def test_what_needs_a_release_is_said_before_it_is_uninstalled(
    manager: Client, two: Path
) -> None:
    strategy = made("Old faithful")
    Strategy.objects.filter(pk=strategy.pk).update(freqtrade_config={"version": OLD})
    page = shown(manager, f"/freqtrade/{OLD}/uninstall/")
    assert "It is pinned by Old faithful" in page
    assert "It is the current version" in page
    assert "btn-danger" not in page
    answer = manager.post(f"/freqtrade/{OLD}/uninstall/", follow=True)
    assert "cannot be uninstalled" in answer.content.decode()
    assert FreqtradeVersion.objects.get(version=OLD).is_installed


def test_a_release_that_nobody_needs_is_uninstalled(manager: Client, two: Path) -> None:
    page = shown(manager, f"/freqtrade/{NEW}/uninstall/")
    assert "which frees 729 MB" in page
    answer = manager.post(f"/freqtrade/{NEW}/uninstall/", follow=True)
    assert "freqtrade 2026.9 is uninstalled." in answer.content.decode()
    assert not FreqtradeVersion.objects.get(version=NEW).is_installed


def test_the_way_back_is_given_up_only_when_that_is_said(
    manager: Client, two: Path
) -> None:
    operation(
        "upgrade", "completed", NEW, from_version=OLD, completed_at=timezone.now()
    )
    page = shown(manager, f"/freqtrade/{OLD}/uninstall/")
    assert "can be rolled back to it until" in page
    assert "Give up the way back" in page
    manager.post(f"/freqtrade/{OLD}/uninstall/")
    assert FreqtradeVersion.objects.get(version=OLD).is_installed
    manager.post(f"/freqtrade/{OLD}/uninstall/", {"give_up_rollback": "yes"})
    assert not FreqtradeVersion.objects.get(version=OLD).is_installed


def test_every_reason_not_to_uninstall_can_be_translated(two: Path) -> None:
    users = [running(f"number {number}") for number in range(7)]
    Strategy.objects.update(freqtrade_config={"version": OLD})
    usage = {"freqtrade_version": OLD, "create_time": 1.0, "port": 1}
    StrategyProcess.objects.update(resource_usage=usage)
    assert len(users) == 7
    reasons = uninstall_obstacles(OLD)
    upgrading(users)
    reasons += uninstall_obstacles(OLD)
    FreqtradeUpgrade.objects.update(status="completed", completed_at=timezone.now())
    reasons += uninstall_obstacles(OLD)
    release(NEXT)
    install_request(NEXT)
    reasons += uninstall_obstacles(NEXT)
    for reason in set(reasons):
        rest = reason
        for pattern, _words in SENTENCES:
            rest = pattern.sub("", rest)
        assert rest.strip() == "", reason


# -- Operations -------------------------------------------------------------


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


def test_operations_are_shown_above_the_list_while_they_run(viewer: Client) -> None:
    asked = installing("asked", "begun", "look_up")
    page = shown(viewer, LIST)
    assert f'href="/freqtrade/operations/{asked.pk}/"' in page
    assert "Look up the packages" in plain(page)
    assert 'data-seconds="1"' in page
