"""Changes of what runs make versions; what does not run makes none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.utils import translation

from strategies.errors import RefusedError, StrategyMissingError
from strategies.models import Strategy, StrategyVersion
from strategies.selectors import version_of, versions_of
from strategies.services import strategy_start, strategy_update, version_roll_back
from tests.strategies import factories
from tests.strategies.factories import CONFIG

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
ETH = CONFIG | {"pairs": ["BTC/USDT", "ETH/USDT"]}


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def strategy() -> Strategy:
    return factories.strategy()


@pytest.mark.parametrize(
    "changes",
    [
        {"config": ETH},
        {"config": CONFIG | {"code": "class S(IStrategy): ..."}},
        {"freqtrade_config": {"version": "2026.9"}},
        {"signal_thresholds": {"strong": 90, "medium": 50, "weak": 20}},
        {"type": "trade_execution"},
    ],
)
def test_a_change_of_what_runs_is_a_version_with_who_and_what(
    strategy: Strategy, changes: dict[str, Any]
) -> None:
    mei = factories.person()

    changed = strategy_update(strategy.pk, by=mei, summary="why not", **changes)

    newest, first = versions_of(strategy.pk)
    assert (newest.version, first.version) == ("v1.1", "v1.0")
    assert (newest.is_active, first.is_active) == (True, False)
    assert newest.change_summary == "why not"
    assert newest.config_snapshot["by"] == {"id": mei.pk, "username": "mei"}
    for key, value in changes.items():
        assert newest.config_snapshot[key] == value
    assert Strategy.objects.get().version == changed.version == "v1.1"


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "renamed", "description": "new words"},
        {"config": CONFIG | {"pairs": ("BTC/USDT",)}},
        {"signal_thresholds": {"strong": 80.0, "medium": 50, "weak": 20}},
        {},
    ],
)
def test_a_change_of_nothing_that_runs_makes_no_version(
    strategy: Strategy, changes: dict[str, Any]
) -> None:
    changed = strategy_update(strategy.pk, by=None, **changes)

    assert changed.version == "v1.0"
    assert versions_of(strategy.pk).count() == 1
    assert Strategy.objects.get().name == changes.get("name", "mine")


def test_a_change_without_words_names_what_differs(strategy: Strategy) -> None:
    code = CONFIG | {"code": "class S: pass", "timeframe": "5m"}
    strategy_update(
        strategy.pk,
        by=None,
        config=code,
        freqtrade_config={"proxy": factories.proxy().pk},
    )

    newest = versions_of(strategy.pk)[0]
    assert newest.change_summary == (
        "config.code, config.timeframe, freqtrade_config.proxy"
    )


def test_a_change_of_a_running_strategy_leaves_its_state_and_its_values(
    strategy: Strategy,
) -> None:
    strategy_start(strategy.pk)
    before = Strategy.objects.get().health_metrics

    strategy_update(strategy.pk, by=None, config=ETH)

    row = Strategy.objects.get()
    assert (row.status, row.health_metrics) == ("starting", before)


def test_a_change_that_cannot_work_changes_nothing(strategy: Strategy) -> None:
    with pytest.raises(RefusedError, match="lacks pairs"):
        strategy_update(
            strategy.pk, by=None, name="renamed", config=CONFIG | {"pairs": []}
        )
    assert Strategy.objects.get().name == "mine"
    assert versions_of(strategy.pk).count() == 1


def test_a_name_is_changed_in_its_case_and_not_to_that_of_another(
    strategy: Strategy,
) -> None:
    factories.strategy("other")

    assert strategy_update(strategy.pk, by=None, name="Mine").name == "Mine"
    with pytest.raises(RefusedError, match="'OTHER' already"):
        strategy_update(strategy.pk, by=None, name="OTHER")


def test_only_a_strategy_that_exists_and_is_no_draft_is_changed() -> None:
    sketch = factories.draft()
    for missing in (sketch.pk, 10**6):
        with pytest.raises(StrategyMissingError):
            strategy_update(missing, by=None, name="x")


def test_a_roll_back_is_a_new_version_of_what_ran_then(strategy: Strategy) -> None:
    strategy_update(
        strategy.pk, by=None, name="renamed", config=ETH, type="trade_execution"
    )

    back = version_roll_back(strategy.pk, "v1.0", by=factories.person())

    assert (back.name, back.version, back.type) == (
        "renamed",
        "v1.2",
        "signal_monitor",
    )
    assert back.config == CONFIG
    newest = versions_of(strategy.pk)[0]
    assert newest.change_summary == "Rolled back to v1.0."
    assert newest.is_active
    assert StrategyVersion.objects.filter(is_active=True).count() == 1


def test_a_roll_back_to_what_runs_already_is_refused(strategy: Strategy) -> None:
    with pytest.raises(RefusedError, match=r"runs what v1\.0 ran already"):
        version_roll_back(strategy.pk, "v1.0", by=None)
    assert versions_of(strategy.pk).count() == 1


def test_a_roll_back_to_a_version_that_never_was_is_refused(
    strategy: Strategy,
) -> None:
    with pytest.raises(RefusedError, match=r"has no version v9\.9"):
        version_roll_back(strategy.pk, "v9.9", by=None)


def test_a_snapshot_of_the_first_release_keeps_the_type(strategy: Strategy) -> None:
    first = version_of(strategy.pk, "v1.0")
    assert first is not None
    del first.config_snapshot["type"], first.config_snapshot["by"]
    first.save()
    strategy_update(strategy.pk, by=None, config=ETH, type="trade_execution")

    assert version_roll_back(strategy.pk, "v1.0", by=None).type == "trade_execution"


def test_a_number_that_is_used_already_is_passed_over(strategy: Strategy) -> None:
    StrategyVersion.objects.create(
        strategy=strategy, version="v1.1", config_snapshot={}
    )
    assert strategy_update(strategy.pk, by=None, config=ETH).version == "v1.2"
