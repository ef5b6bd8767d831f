"""What is said before a release is uninstalled, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from freqtrade_mgmt.models import FreqtradeUpgrade, FreqtradeVersion
from freqtrade_mgmt.services import install_request, uninstall_obstacles
from freqtrade_mgmt.version_pages.words import SENTENCES
from strategies.models import Strategy, StrategyProcess
from tests.freqtrade_mgmt.version_world import (
    NEW,
    NEXT,
    OLD,
    operation,
    release,
    upgrading,
)
from tests.strategies.pages import made, running, shown

if TYPE_CHECKING:
    from pathlib import Path

    from django.test import Client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]


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
