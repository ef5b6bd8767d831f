"""Two at the same moment: nobody's work is lost and no name is taken twice.

One of the two has written and not committed yet when the other begins.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from django.db import transaction

from strategies.errors import RefusedError, StrategyMissingError
from strategies.models import Strategy, StrategyVersion
from strategies.services import (
    candles_seen,
    draft_publish,
    draft_save,
    drafts_expire,
    health_merge,
    strategy_create,
    strategy_restart,
    strategy_start,
    strategy_stop,
    strategy_update,
)
from tests.strategies import factories
from tests.strategies.factories import CONFIG, elsewhere, tried

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client"),
]


def candles(key: int, number: int) -> None:
    candles_seen(key, {f"P{number}/USDT": number})


def health(key: int, number: int) -> None:
    health_merge(key, {f"health{number}": number})


def restart(key: int, number: int) -> None:
    strategy_restart(key)


def update(key: int, number: int) -> None:
    strategy_update(key, by=None, config=CONFIG | {"notify_every": number})


WRITERS: dict[Callable[[int, int], None], Callable[[dict[str, Any], int], bool]] = {
    candles: lambda row, n: row["last_candles"].get(f"P{n}/USDT") == n,
    health: lambda row, n: row.get(f"health{n}") == n,
    restart: lambda row, n: row["restarts"] >= 1,
    update: lambda row, n: True,
}


@pytest.mark.parametrize("second", WRITERS)
@pytest.mark.parametrize("first", WRITERS)
def test_two_writers_of_one_row_both_leave_their_mark(
    first: Callable[[int, int], None], second: Callable[[int, int], None]
) -> None:
    key = factories.strategy().pk
    strategy_start(key)

    with transaction.atomic():
        first(key, 1)
        later = elsewhere(partial(second, key, 2))
        assert not later.done()
    later.result()

    row = Strategy.objects.get()
    assert WRITERS[first](row.health_metrics, 1)
    assert WRITERS[second](row.health_metrics, 2)
    assert row.health_metrics.get("restarts", 0) == [first, second].count(restart)
    assert StrategyVersion.objects.count() == 1 + [first, second].count(update)


def test_storing_something_of_a_strategy_does_not_wait_for_its_change() -> None:
    made = factories.strategy()
    copy = partial(strategy_create, name="copy", config=CONFIG, parent=made)
    with transaction.atomic():
        strategy_stop(strategy_start(made.pk).pk)
        beside = elsewhere(copy)
        assert beside.result(timeout=10).parent_strategy_id == made.pk


def test_two_people_cannot_create_one_name_at_the_same_moment() -> None:
    with transaction.atomic():
        factories.strategy("Alpha")
        later = elsewhere(partial(factories.strategy, "ALPHA"))
        assert not later.done()
    with pytest.raises(RefusedError):
        later.result()
    assert Strategy.objects.count() == 1


def test_a_name_is_free_again_when_the_first_one_is_not_stored_after_all() -> None:
    with transaction.atomic():
        factories.strategy("Alpha")
        later = elsewhere(partial(factories.strategy, "ALPHA"))
        transaction.set_rollback(True)
    assert later.result().name == "ALPHA"


def test_two_drafts_of_one_name_are_not_both_published() -> None:
    one, two = (tried(factories.draft(name)) for name in ("Alpha", "alpha"))
    with transaction.atomic():
        draft_publish(one.pk)
        later = elsewhere(partial(draft_publish, two.pk))
        assert not later.done()
    with pytest.raises(RefusedError):
        later.result()
    assert list(Strategy.objects.filter(is_draft=False)) == [one]


def test_a_name_that_is_published_is_not_given_by_a_change() -> None:
    other, sketch = factories.strategy("other"), tried(factories.draft("Alpha"))
    with transaction.atomic():
        draft_publish(sketch.pk)
        rename = partial(strategy_update, other.pk, by=None, name="alpha")
        later = elsewhere(rename)
        assert not later.done()
    with pytest.raises(RefusedError):
        later.result()


def test_an_edit_that_is_published_twice_at_once_is_one_version() -> None:
    made = factories.strategy()
    sketch = factories.draft("mine", of=made, config={"timeframe": "5m"})
    with transaction.atomic():
        draft_publish(sketch.pk)
        later = elsewhere(partial(draft_publish, sketch.pk))
        assert not later.done()
    with pytest.raises(StrategyMissingError):
        later.result()
    assert StrategyVersion.objects.count() == 2


def test_a_new_one_that_is_published_twice_at_once_is_one_version() -> None:
    sketch = tried(factories.draft())
    with transaction.atomic():
        draft_publish(sketch.pk)
        later = elsewhere(partial(draft_publish, sketch.pk))
        assert not later.done()
    assert later.result() == sketch
    assert StrategyVersion.objects.count() == 1


def test_two_edits_of_one_version_are_not_both_published() -> None:
    made = factories.strategy()
    one, two = (
        factories.draft("mine", of=made, config={"timeframe": timeframe})
        for timeframe in ("5m", "15m")
    )
    with transaction.atomic():
        draft_publish(one.pk)
        later = elsewhere(partial(draft_publish, two.pk))
        assert not later.done()
    with pytest.raises(RefusedError):
        later.result()
    assert Strategy.objects.get(pk=made.pk).config["timeframe"] == "5m"


def test_a_draft_that_is_saved_at_the_moment_of_its_expiry_stays() -> None:
    sketch = factories.draft()
    assert sketch.draft_expires_at is not None
    with transaction.atomic():
        draft_save(
            draft_id=sketch.pk,
            by=None,
            name="kept",
            config=CONFIG,
            freqtrade_config={},
            signal_thresholds={},
        )
        expire = partial(drafts_expire, sketch.draft_expires_at)
        beside = elsewhere(expire)
        assert beside.result(timeout=10) == 0
    assert Strategy.objects.get().name == "kept"
