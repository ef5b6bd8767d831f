"""The API of releases and upgrades as an integrator meets it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from freqtrade_mgmt.cache.installs import operation_progress_write
from freqtrade_mgmt.models import FreqtradeUpgrade, FreqtradeVersion
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
from tests.strategies.pages import running

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
VERSIONS = "/api/v1/freqtrade/versions/"
UPGRADES = "/api/v1/freqtrade/upgrades/"
PROBLEM = "application/problem+json"


def logged_in(user: User) -> APIClient:
    api = APIClient(headers={"accept-language": "en"})
    api.force_authenticate(user)
    return api


@pytest.fixture
def viewer() -> APIClient:
    """A client of somebody without any permission."""
    return logged_in(User.objects.create_user("viewer", language="en"))


@pytest.fixture
def api(tmp_path: Path, settings: Any) -> APIClient:
    """A client of somebody who may manage releases, of which two are installed."""
    settings.BTCW_HOME = tmp_path
    installed(tmp_path, OLD)
    installed(tmp_path, NEW)
    user = User.objects.create_user("mei", language="en")
    user.user_permissions.add(
        Permission.objects.get(codename="change_freqtradeversion")
    )
    return logged_in(user)


def ask(api: APIClient, method: str, path: str, body: Any = None) -> dict[str, Any]:
    """Return the answer's JSON with its status as ``code``; problems name themselves."""
    response = getattr(api, method)(path, body, format="json")
    found: dict[str, Any] = json.loads(response.content) if response.content else {}
    if response.status_code >= 400:
        assert response["Content-Type"].startswith(PROBLEM)
    return found | {"code": response.status_code}


def test_strangers_are_asked_who_they_are() -> None:
    for path in (VERSIONS, UPGRADES, f"{UPGRADES}1/"):
        assert ask(APIClient(), "get", path)["code"] == 401


def test_whoever_only_looks_reads_all_and_changes_nothing(
    api: APIClient, viewer: APIClient
) -> None:
    asked = operation("install", "pending")
    for path in (VERSIONS, f"{VERSIONS}{NEW}/", UPGRADES, f"{UPGRADES}{asked.pk}/"):
        assert ask(viewer, "get", path)["code"] == 200
    for method, path in (
        ("post", f"{VERSIONS}refresh/"),
        ("post", f"{VERSIONS}{NEW}/install/"),
        ("post", f"{VERSIONS}{NEW}/check/"),
        ("delete", f"{VERSIONS}{NEW}/"),
        ("post", UPGRADES),
        ("post", f"{UPGRADES}{asked.pk}/cancel/"),
        ("post", f"{UPGRADES}{asked.pk}/rollback/"),
    ):
        assert ask(viewer, method, path)["code"] == 403
    assert FreqtradeUpgrade.objects.get().status == "pending"


def test_releases_are_listed_with_what_was_measured(api: APIClient) -> None:
    release(NEXT, python=">=9.9")
    answer = ask(api, "get", VERSIONS)
    found = {row["version"]: row for row in answer["results"]}
    assert list(found) == [NEXT, NEW, OLD]
    assert found[NEXT]["fits"] is False
    assert found[NEXT]["size"] is None
    assert found[OLD]["current"] is True
    assert found[NEW]["size"] == 729_000_000
    assert (found[NEW]["startup_seconds"], found[NEW]["memory_mb"]) == (2.8, 318)
    assert answer["index"]["problem"] is None
    assert answer["index"]["listed_at"] is not None


def test_an_installation_is_asked_for_and_followed(api: APIClient) -> None:
    release(NEXT)
    answer = ask(api, "post", f"{VERSIONS}{NEXT}/install/", {})
    assert (answer["code"], answer["status"], answer["by"]) == (202, "pending", "mei")
    assert (answer["type"], answer["to_version"]) == ("install", NEXT)
    again = ask(api, "post", f"{VERSIONS}{NEXT}/install/", {})
    assert again["code"] == 409
    assert "is being installed" in again["detail"]
    assert ask(api, "post", f"{VERSIONS}1.1/install/", {})["code"] == 404
    wrong = ask(api, "post", f"{VERSIONS}{NEXT}/install/", {"proxy": "x"})
    assert wrong["code"] == 400
    assert list(wrong["errors"]) == ["proxy"]


def test_progress_stages_and_steps_are_told(api: APIClient) -> None:
    asked = installing("asked", "begun", "look_up", "download")
    progress = {"bytes": 10, "total": 40, "step": "download", "percent": 25}
    operation_progress_write(asked.pk, progress)
    answer = ask(api, "get", f"{UPGRADES}{asked.pk}/")
    assert answer["progress"] == {
        "stage": "download",
        "percent": 25,
        "bytes": 10,
        "total": 40,
        "strategies_done": None,
        "strategies": None,
        "watch_seconds_left": None,
    }
    assert answer["stages"][0]["state"] == "done"
    assert answer["steps"][-1]["step"] == "download"
    assert answer["steps"][-1]["words"] == "The packages are downloaded."
    assert answer["report"] is None
    assert ask(api, "get", f"{UPGRADES}4711/")["code"] == 404


def test_an_upgrade_is_asked_for_with_its_choices(api: APIClient) -> None:
    strategy = running("one")
    body = {
        "to_version": NEW,
        "canary": strategy.pk,
        "watch_seconds": 30,
        "leave_failing": True,
    }
    answer = ask(api, "post", UPGRADES, body)
    assert (answer["code"], answer["type"]) == (202, "upgrade")
    assert answer["from_version"] == OLD
    options = FreqtradeUpgrade.objects.get().migration_log["options"]
    assert options["canary"] == strategy.pk
    assert options["watch_seconds"] == 30
    second = ask(api, "post", UPGRADES, {"to_version": NEW})
    assert second["code"] == 409
    assert "is under way" in second["detail"]


def test_an_upgrade_that_makes_no_sense_is_refused(api: APIClient) -> None:
    assert ask(api, "post", UPGRADES, {})["errors"] == {
        "to_version": ["This field is required."]
    }
    assert ask(api, "post", UPGRADES, {"to_version": "1.1"})["code"] == 404
    body = {"to_version": NEW, "watch_seconds": -1}
    assert ask(api, "post", UPGRADES, body)["code"] == 400
    refused = ask(api, "post", UPGRADES, {"to_version": OLD})
    assert refused["code"] == 409
    assert "is the current version already" in refused["detail"]


def test_the_report_names_each_strategy(api: APIClient) -> None:
    one, two = running("one"), running("two")
    asked = upgrading([one, two])
    answer = ask(api, "get", f"{UPGRADES}{asked.pk}/")
    assert answer["can_roll_back"] is True
    assert 400 < answer["progress"]["watch_seconds_left"] <= 431
    assert [row["name"] for row in answer["report"]] == ["one", "two"]
    first = answer["report"][0]
    assert (first["canary"], first["check"], first["state"]) == (
        True,
        "loads",
        "watched",
    )
    assert answer["backup_path"] == "/srv/backup/7"


def test_operations_are_cancelled_and_rolled_back(api: APIClient) -> None:
    asked = operation("install", "pending")
    answer = ask(api, "post", f"{UPGRADES}{asked.pk}/cancel/")
    assert (answer["code"], answer["status"]) == (202, "failed")
    assert ask(api, "post", f"{UPGRADES}{asked.pk}/cancel/")["code"] == 409
    assert ask(api, "post", f"{UPGRADES}4711/cancel/")["code"] == 404
    refused = ask(api, "post", f"{UPGRADES}{asked.pk}/rollback/")
    assert refused["code"] == 409
    done = operation(
        "upgrade", "completed", NEW, from_version=OLD, completed_at=timezone.now()
    )
    answer = ask(api, "post", f"{UPGRADES}{done.pk}/rollback/")
    assert (answer["code"], answer["status"]) == (202, "in_progress")
    answer = ask(api, "post", f"{UPGRADES}4711/rollback/")
    assert answer["code"] == 404


def test_a_check_is_asked_for(api: APIClient) -> None:
    answer = ask(api, "post", f"{VERSIONS}{NEW}/check/")
    assert (answer["code"], answer["type"]) == (202, "check")
    listed = ask(api, "get", f"{UPGRADES}?type=check")
    assert [row["type"] for row in listed["results"]] == ["check"]
    assert ask(api, "get", f"{UPGRADES}?type=install")["results"] == []


def test_a_release_is_uninstalled_unless_it_is_needed(api: APIClient) -> None:
    refused = ask(api, "delete", f"{VERSIONS}{OLD}/")
    assert refused["code"] == 409
    assert "It is the current version" in refused["detail"]
    release(NEXT)
    assert ask(api, "delete", f"{VERSIONS}{NEXT}/")["code"] == 404
    assert ask(api, "delete", f"{VERSIONS}1.1/")["code"] == 404


def test_the_way_back_is_given_up_by_a_parameter(api: APIClient) -> None:
    operation(
        "upgrade", "completed", NEW, from_version=OLD, completed_at=timezone.now()
    )
    assert ask(api, "delete", f"{VERSIONS}{OLD}/")["code"] == 409
    given_up = ask(api, "delete", f"{VERSIONS}{OLD}/?give_up_rollback=true")
    assert given_up["code"] == 204
    assert not FreqtradeVersion.objects.get(version=OLD).is_installed


def test_the_index_is_asked_by_a_worker(
    api: APIClient, redis_client: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert ask(api, "post", f"{VERSIONS}refresh/")["code"] == 202
    assert ask(api, "get", VERSIONS)["index"]["being_asked"] is True
    assert redis_client.llen("queue:default") == 1
