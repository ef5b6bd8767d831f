"""What stays stored and told of a strategy that was moved out of a shared process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from freqtrade_mgmt.supervisor import records
from freqtrade_mgmt.supervisor.hosting_records import moved_out
from notifications.models import Alert
from strategies.models import Strategy
from tests.freqtrade_mgmt.hosting.world import wanted

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.django_db(transaction=True)


def alert_open(strategy: Strategy) -> bool:
    key = f"strategy:{strategy.pk}:own_process"
    return Alert.objects.filter(key=key, resolved_at=None).exists()


def test_the_alert_ends_when_it_has_a_process_of_its_own_for_another_reason(
    hosting_home: Path,
) -> None:
    strategy = wanted("raises")
    revision = records.wishes().up[strategy.pk]
    moved_out(strategy.pk, "raised", "ValueError('boom')", revision)

    assert records.job(strategy.pk).own == "raised"
    assert alert_open(strategy)

    Strategy.objects.filter(pk=strategy.pk).update(
        freqtrade_config={"own_process": True}
    )
    assert records.job(strategy.pk).own == "asked"
    assert not alert_open(strategy)
