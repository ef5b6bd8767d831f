"""A draft becomes a strategy, or the next version of one, exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.utils import translation

from strategies.errors import RefusedError, StrategyMissingError
from strategies.models import Strategy
from strategies.selectors import versions_of
from strategies.services import (
    draft_publish,
    draft_save,
    draft_trial_ask,
    health_merge,
    strategy_start,
    strategy_update,
    trial_state_set,
)
from tests.strategies import factories
from tests.strategies.factories import CONFIG, tried

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
OTHER_CODE = "class S(IStrategy): ..."


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


def test_a_draft_of_something_new_becomes_the_strategy() -> None:
    mei = factories.person()
    draft = tried(factories.draft("new", by=mei, description="words"))

    made = draft_publish(draft.pk)

    row = Strategy.objects.get()
    assert (row.pk, row.is_draft, row.draft_expires_at) == (made.pk, False, None)
    assert (row.pk, row.status, row.version) == (draft.pk, "stopped", "v1.0")
    assert row.config == CONFIG
    assert list(row.health_metrics) == ["trial"]
    assert (row.created_by, row.description) == (mei, "words")
    assert row.signal_thresholds == {"strong": 80, "medium": 50, "weak": 20}
    version = versions_of(row.pk).get()
    assert version.is_active
    assert version.config_snapshot["by"] == {"id": mei.pk, "username": "mei"}
    assert version.config_snapshot["config"] == CONFIG


def test_publishing_something_new_twice_gives_the_same_strategy() -> None:
    draft = tried(factories.draft())

    assert draft_publish(draft.pk) == draft_publish(draft.pk)
    assert versions_of(draft.pk).count() == 1


def test_an_edit_is_the_next_version_of_its_strategy() -> None:
    made = factories.strategy()
    strategy_start(made.pk)
    mei = factories.person()
    draft = tried(
        factories.draft(
            "renamed",
            of=made,
            by=mei,
            type="trade_execution",
            config={"code": OTHER_CODE},
        )
    )

    published = draft_publish(draft.pk)

    row = Strategy.objects.get()
    assert row == published == made
    assert (row.name, row.version, row.status) == ("renamed", "v1.1", "starting")
    assert row.config == CONFIG | {"code": OTHER_CODE}
    newest = versions_of(row.pk)[0]
    assert newest.config_snapshot["by"]["username"] == "mei"
    assert newest.change_summary == "config.code, type"


def test_an_edit_is_published_once() -> None:
    made = factories.strategy()
    draft = factories.draft("mine", of=made, config={"timeframe": "5m"})
    draft_publish(draft.pk)

    with pytest.raises(StrategyMissingError, match="published, discarded or has exp"):
        draft_publish(draft.pk)
    assert versions_of(made.pk).count() == 2


def test_an_edit_that_changes_nothing_makes_no_version() -> None:
    made = factories.strategy()
    draft = factories.draft("mine", of=made)

    assert draft_publish(draft.pk).version == "v1.0"
    assert list(Strategy.objects.all()) == [made]


def test_code_that_was_not_tried_is_not_published() -> None:
    draft = factories.draft()
    with pytest.raises(RefusedError, match="code of 'sketch' was not tried yet"):
        draft_publish(draft.pk)


@pytest.mark.parametrize("state", ["running", "failed"])
def test_code_whose_trial_did_not_pass_is_not_published(state: str) -> None:
    draft = tried(factories.draft())
    health_merge(draft.pk, {"trial": {"state": state}})

    with pytest.raises(RefusedError, match="was not tried yet"):
        draft_publish(draft.pk)
    assert Strategy.objects.get().is_draft


def test_code_that_was_changed_after_its_trial_is_not_published() -> None:
    draft = tried(factories.draft())
    draft_save(
        draft_id=draft.pk,
        by=None,
        name="sketch",
        config=CONFIG | {"code": OTHER_CODE},
        freqtrade_config={},
        signal_thresholds={},
    )
    with pytest.raises(RefusedError, match="was not tried yet"):
        draft_publish(draft.pk)


@pytest.mark.parametrize(
    "changes",
    [{"config": {"code": OTHER_CODE}}, {"freqtrade_config": {"version": "2026.9"}}],
)
def test_an_edit_of_code_or_freqtrade_needs_a_trial(changes: dict[str, object]) -> None:
    draft = factories.draft("mine", of=factories.strategy(), **changes)
    with pytest.raises(RefusedError, match="was not tried yet"):
        draft_publish(draft.pk)

    assert draft_publish(tried(draft).pk).version == "v1.1"


def test_an_incomplete_draft_is_not_published() -> None:
    made = factories.strategy()
    draft = factories.draft("mine", of=made, config={"pairs": []})
    with pytest.raises(RefusedError, match="lacks pairs"):
        draft_publish(draft.pk)


def test_a_newer_version_is_not_overwritten_and_both_are_named() -> None:
    made = factories.strategy()
    draft = tried(factories.draft("mine", of=made, config={"code": OTHER_CODE}))
    strategy_update(made.pk, by=None, config=CONFIG | {"timeframe": "5m"})

    with pytest.raises(RefusedError, match=r"is at v1\.1, but this .* from v1\.0"):
        draft_publish(draft.pk)

    assert Strategy.objects.get(pk=made.pk).config["timeframe"] == "5m"
    assert Strategy.objects.get(pk=draft.pk).is_draft


def test_a_name_that_was_taken_during_the_trial_is_refused() -> None:
    draft = tried(factories.draft("mine"))
    factories.strategy("Mine")
    with pytest.raises(RefusedError, match="already; choose another name"):
        draft_publish(draft.pk)


def test_a_draft_that_never_was_is_named() -> None:
    with pytest.raises(StrategyMissingError, match="no draft number 1000000"):
        draft_publish(10**6)


def test_what_the_trial_of_an_edit_remarked_is_kept_with_the_strategy() -> None:
    made = factories.strategy()
    draft = factories.draft("mine", of=made, config={"code": OTHER_CODE})
    draft_trial_ask(draft.pk)
    trial_state_set(draft.pk, "running")
    trial_state_set(draft.pk, "passed", warnings=["no strength column"])

    draft_publish(draft.pk)

    kept = Strategy.objects.get().health_metrics["trial"]
    assert kept["warnings"] == ["no strength column"]


def test_a_published_strategy_has_no_trial_any_more() -> None:
    draft = tried(factories.draft())
    draft_publish(draft.pk)
    assert not trial_state_set(draft.pk, "running")
