"""The list of releases, and what can be asked of a release there."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from freqtrade_mgmt.cache.installs import releases_state_write
from freqtrade_mgmt.cache.releases import releases_wanted_put
from freqtrade_mgmt.models import FreqtradeUpgrade
from proxies.models import Proxy
from strategies.models import Strategy
from tests.freqtrade_mgmt.version_world import NEW, NEXT, OLD, installing, release
from tests.strategies.pages import made, plain, running, shown

if TYPE_CHECKING:
    from pathlib import Path

    from django.test import Client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]

LIST = "/freqtrade/"


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


def test_operations_are_shown_above_the_list_while_they_run(viewer: Client) -> None:
    asked = installing("asked", "begun", "look_up")
    page = shown(viewer, LIST)
    assert f'href="/freqtrade/operations/{asked.pk}/"' in page
    assert "Look up the packages" in plain(page)
    assert 'data-seconds="1"' in page
