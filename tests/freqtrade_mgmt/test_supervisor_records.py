"""What the supervisor writes of strategies, without a bot."""

from __future__ import annotations

import pytest

from freqtrade_mgmt.supervisor import records
from strategies.models import Status, Strategy
from tests.strategies.pages import made, put

pytestmark = pytest.mark.django_db


def test_what_has_no_process_when_the_supervisor_begins_is_called_starting() -> None:
    left = put(made("left"), Status.RUNNING)
    again = put(made("again"), Status.STARTING, reason="it crashed")
    ended = put(made("ended"), Status.ERROR, reason="given up")

    records.none_runs([left.pk, again.pk, ended.pk, 4711])

    assert dict(Strategy.objects.values_list("name", "status")) == {
        "left": "starting",
        "again": "starting",
        "ended": "error",
    }
    again.refresh_from_db()
    assert again.health_metrics["reason"] == "it crashed"
