"""The page that asks for an upgrade: its choices, and what it says will happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import Permission

from accounts.models import User
from freqtrade_mgmt.models import FreqtradeUpgrade, FreqtradeVersion
from strategies.models import Strategy
from strategies.services import health_merge
from tests.freqtrade_mgmt.version_world import NEW, OLD, installed, operation
from tests.strategies.pages import healthy, made, plain, running, shown

if TYPE_CHECKING:
    from pathlib import Path

    from django.test import Client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
PATH = "/freqtrade/upgrade/"


@pytest.fixture
def manager(client: Client, tmp_path: Path, settings: Any) -> Client:
    """Somebody who may upgrade, on a system with two releases."""
    settings.BTCW_HOME = tmp_path
    installed(tmp_path, OLD)
    installed(tmp_path, NEW)
    user = User.objects.create_user("mei", language="en")
    user.user_permissions.add(
        Permission.objects.get(codename="change_freqtradeversion")
    )
    client.force_login(user)
    return client


def test_the_plan_stands_there_at_once_with_the_usual_choices(manager: Client) -> None:
    good, other = running("good"), running("other")
    health_merge(other.pk, {"health": healthy(score=70)})
    made("sleeping")
    pinned = made("pinned one")
    Strategy.objects.filter(pk=pinned.pk).update(freqtrade_config={"version": OLD})
    text = plain(shown(manager, PATH))
    assert "3 strategies are loaded in freqtrade 2026.9" in text
    assert (
        "good goes first (it does not trade for real, its health is 100 of 100)" in text
    )
    assert "It is watched for 10 min." in text
    assert "1 other follows" in text
    assert "1 stopped strategy takes it at its next start." in text
    assert "Pinned, so they stay: pinned one (2026.7)" in text
    assert "Upgrade to 2026.9 now" in text
    assert good.pk != other.pk


def test_a_choice_changes_the_plan_alone(manager: Client) -> None:
    running("first")
    second = running("second")
    query = {
        "to": NEW,
        "canary": str(second.pk),
        "watch_minutes": "0",
        "failing": "leave",
    }
    answer = manager.get(PATH, query, headers={"hx-request": "true"})
    text = plain(answer.content.decode())
    assert "<html" not in answer.content.decode()
    assert "second goes first (chosen by you)" in text
    assert "The others follow as soon as it analyses candles." in text
    assert "stay on 2026.7, pinned to it" in text


def test_a_choice_that_cannot_be_is_marked(manager: Client) -> None:
    one = running("one")
    answer = manager.get(PATH, {"to": NEW, "watch_minutes": "99999999"})
    assert "Correct what is marked first." in answer.content.decode()
    answer = manager.post(
        PATH, {"to": "1999.1", "watch_minutes": "10", "failing": "stop"}
    )
    assert answer.status_code == 400
    answer = manager.post(
        PATH,
        {
            "to": NEW,
            "watch_minutes": "10",
            "failing": "stop",
            "canary": one.pk,
            "skip": one.pk,
        },
    )
    assert answer.status_code == 400
    assert "cannot go first" in answer.content.decode()
    assert not FreqtradeUpgrade.objects.exists()


def test_it_is_asked_for_with_all_that_was_chosen(manager: Client) -> None:
    first, second = running("first"), running("second")
    answer = manager.post(
        PATH,
        {
            "to": NEW,
            "canary": first.pk,
            "watch_minutes": "3",
            "failing": "leave",
            "skip": [second.pk],
        },
    )
    row = FreqtradeUpgrade.objects.get()
    assert answer.headers["Location"] == f"/freqtrade/operations/{row.pk}/"
    assert row.migration_log["options"] == {
        "canary": first.pk,
        "watch_seconds": 180,
        "leave_failing": True,
        "skip": [second.pk],
    }
    assert (row.upgrade_type, row.status, str(row.user)) == (
        "upgrade",
        "pending",
        "mei",
    )
    assert "only one at a time can be" in shown(manager, PATH)


def test_going_back_is_called_that(manager: Client) -> None:
    operation("upgrade", "completed", NEW, from_version=OLD)
    assert "Go back to 2026.7 now" in plain(shown(manager, f"{PATH}?to={OLD}"))


def test_those_that_trade_for_real_are_named_and_never_go_first(
    manager: Client,
) -> None:
    safe = running("safe")
    risky = running("risky", config={"exchange": "binance"})
    live = {"live": {"enabled": True, "at": "2026-11-01", "by": "mei"}}
    Strategy.objects.filter(pk=risky.pk).update(
        type="trade_execution", freqtrade_config=live
    )
    health_merge(safe.pk, {"health": healthy(score=10)})
    text = plain(shown(manager, PATH))
    assert "safe goes first" in text
    assert "Trades for real: risky." in text


def test_without_another_release_it_says_what_to_do(manager: Client) -> None:
    FreqtradeVersion.objects.filter(version=NEW).delete()
    assert "There is no other release to move to." in shown(manager, PATH)


def test_a_release_with_no_bots_moves_nobody(manager: Client) -> None:
    assert "No bot has to move" in plain(shown(manager, PATH))
