"""The mark that a day's sums are old is never lost to a sum of the same moment."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from btc_watcher.lib.statements import rows_of
from signals_app.models import Outcome, OutcomeDay, OutcomeStale
from signals_app.outcomes.days import days_refresh
from signals_app.outcomes.statements import DELETE_DONE
from signals_app.outcomes.work import Verdict, work_claim, work_settle
from tests.signals_app.outcome_rows import path, stored

pytestmark = pytest.mark.django_db(transaction=True)
UP = path(63_210.5, 2.0)
LATER = timedelta(days=3)


def test_who_finds_a_mark_keeps_it_until_its_rows_can_be_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = timezone.now()
    first, second = stored({}, {"pair": "ETH/USDT"}, now=now)
    settled = work_claim(now=now + LATER, limit=10, only=[first])
    work_settle(token=settled.token, verdicts=[Verdict(settled.works[0], UP)], now=now)
    assert OutcomeStale.objects.count() == 1
    claimed = work_claim(now=now + LATER, limit=10, only=[second])
    before_the_end, go_on = threading.Event(), threading.Event()
    asked = rows_of

    def slow(text: str, *arguments: Any) -> Any:
        rows = asked(text, *arguments)
        if text is DELETE_DONE:
            before_the_end.set()
            assert go_on.wait(20)
        return rows

    def write() -> None:
        try:
            work_settle(
                token=claimed.token, verdicts=[Verdict(claimed.works[0], UP)], now=now
            )
        finally:
            connection.close()

    monkeypatch.setattr("signals_app.outcomes.work.rows_of", slow)
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        assert before_the_end.wait(20)
        # Its mark is in the hands of the writer: the day is summed up afterwards.
        assert days_refresh() == 0
        go_on.set()
        writing.result(20)
    days_refresh()

    assert Outcome.objects.count() == 2
    assert sum(OutcomeDay.objects.values_list("signals", flat=True)) == 2
