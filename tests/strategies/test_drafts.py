"""Drafts are kept as they are, checked, tried, warned of and removed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone, translation

from notifications.models import Notification
from notifications.services import channel_create
from strategies.errors import RefusedError, StrategyMissingError
from strategies.models import Strategy
from strategies.selectors import draft_by_id, drafts_of, strategies_all, strategy_by_id
from strategies.services import (
    draft_check,
    draft_delete,
    draft_save,
    draft_trial_ask,
    drafts_expire,
    drafts_warn,
    strategy_update,
    trial_state_set,
)
from strategies.tasks import expire_drafts, warn_drafts
from tests.languages import words_check
from tests.strategies import factories
from tests.strategies.factories import CONFIG

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _english(settings: Any) -> Iterator[None]:
    settings.LANGUAGE_CODE = "en"
    with translation.override("en"):
        yield


def resaved(draft: Strategy, **changes: Any) -> Strategy:
    """Save a draft again as it is, with some fields changed."""
    fields: dict[str, Any] = {
        "name": draft.name,
        "description": draft.description,
        "type": draft.type,
        "config": draft.config,
        "freqtrade_config": draft.freqtrade_config,
        "signal_thresholds": draft.signal_thresholds,
    }
    return draft_save(draft_id=draft.pk, by=None, **(fields | changes))


def trial(draft: Strategy) -> dict[str, Any] | None:
    found: dict[str, Any] | None = Strategy.objects.get(pk=draft.pk).health_metrics.get(
        "trial"
    )
    return found


def test_a_draft_may_be_as_incomplete_as_it_is() -> None:
    mei = factories.person()
    draft = draft_save(
        by=mei, name="", config={}, freqtrade_config={}, signal_thresholds={}
    )

    assert draft.is_draft
    assert draft.draft_expires_at is not None
    left = draft.draft_expires_at - timezone.now()
    assert 13 * DAY < left <= 14 * DAY
    assert list(drafts_of(mei)) == [draft]
    assert draft_by_id(draft.pk) == draft
    assert strategy_by_id(draft.pk) is None
    assert list(strategies_all()) == []


def test_a_save_keeps_a_draft_for_another_fortnight() -> None:
    draft = factories.draft()
    Strategy.objects.update(draft_expires_at=timezone.now())

    again = resaved(draft, name="other")

    assert again.pk == draft.pk
    assert again.draft_expires_at is not None
    assert again.draft_expires_at > timezone.now() + 13 * DAY


def test_a_draft_of_an_edit_knows_what_it_began_from() -> None:
    made = factories.strategy()
    strategy_update(made.pk, by=None, config=CONFIG | {"timeframe": "5m"})
    draft = factories.draft(of=made)

    again = resaved(draft, config={"editing": False, "base_version": "v7.7"})

    assert again.parent_strategy == made
    assert again.config == {
        "editing": True,
        "base_version": "v1.1",
        "saved_by": None,
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "x" * 101}, "101 characters"),
        ({"type": "gambling"}, "no type of strategy"),
        ({"config": {"code": "\0"}}, r"config\.code holds something"),
        ({"signal_thresholds": {"weak": float("inf")}}, "without end"),
        ({"freqtrade_config": {"a\ud800": 1}}, "cannot be stored"),
    ],
)
def test_what_the_database_cannot_store_is_refused_in_words(
    changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(RefusedError, match=words):
        factories.draft(**changes)


def test_a_draft_never_carries_leave_to_trade_for_real() -> None:
    draft = factories.draft(freqtrade_config={"live": {"enabled": True}, "proxy": 3})
    assert draft.freqtrade_config == {"proxy": 3}


def test_a_sound_draft_has_nothing_wrong() -> None:
    assert draft_check(factories.draft()) == []


def test_everything_that_is_wrong_has_a_sentence() -> None:
    factories.strategy("Mine")
    draft = factories.draft(
        "mine",
        config={"pairs": ["btc"], "timeframe": ""},
        signal_thresholds={"strong": 10},
    )
    assert draft_check(draft) == [
        "The configuration of 'mine' lacks a timeframe.",
        "'btc' is not a trading pair; write it like BTC/USDT.",
        "Thresholds must fall from strong to weak, but they are 10, 50 and 20.",
        "There is a strategy 'mine' already; choose another name.",
    ]


def test_an_edit_may_keep_the_name_of_its_strategy() -> None:
    made = factories.strategy()
    assert draft_check(factories.draft("Mine", of=made)) == []


def test_an_edit_of_what_was_changed_meanwhile_names_both_versions() -> None:
    made = factories.strategy()
    draft = factories.draft("mine", of=made)
    strategy_update(made.pk, by=None, config=CONFIG | {"timeframe": "5m"})
    draft = Strategy.objects.get(pk=draft.pk)

    (sentence,) = draft_check(draft)

    assert sentence.startswith("Strategy 'mine' is at v1.1, but this draft began from")
    assert "v1.0" in sentence


def test_a_trial_is_asked_for_once_and_reported() -> None:
    draft = factories.draft()

    asked = draft_trial_ask(draft.pk).health_metrics["trial"]
    assert (asked["state"], asked["reason"], asked["warnings"]) == ("wanted", "", [])
    assert draft_trial_ask(draft.pk).health_metrics["trial"] == asked

    assert trial_state_set(draft.pk, "running")
    assert trial_state_set(
        draft.pk, "failed", reason="no module", warnings=["slow"], facts={"mb": 9}
    )
    assert trial(draft) == {
        "state": "failed",
        "reason": "no module",
        "warnings": ["slow"],
        "facts": {"mb": 9},
        "asked_at": asked["asked_at"],
    }
    assert draft_trial_ask(draft.pk).health_metrics["trial"]["state"] == "wanted"


def test_a_draft_with_something_wrong_is_not_tried() -> None:
    draft = factories.draft(config={"pairs": []})
    with pytest.raises(RefusedError, match="lacks pairs"):
        draft_trial_ask(draft.pk)
    assert trial(draft) is None


def test_a_change_takes_back_the_trial_and_a_plain_save_does_not() -> None:
    draft = factories.draft()
    draft_trial_ask(draft.pk)
    trial_state_set(draft.pk, "running")

    resaved(draft)
    assert trial(draft) is not None

    resaved(draft, config=CONFIG | {"code": "class S(IStrategy): ..."})
    assert trial(draft) is None
    assert not trial_state_set(draft.pk, "passed")


def test_a_result_of_code_that_was_changed_meanwhile_is_dropped() -> None:
    draft = factories.draft()
    draft_trial_ask(draft.pk)
    trial_state_set(draft.pk, "running")
    resaved(draft, config=CONFIG | {"code": "class S(IStrategy): ..."})
    draft_trial_ask(draft.pk)

    assert not trial_state_set(draft.pk, "passed")

    found = trial(draft)
    assert found is not None
    assert found["state"] == "wanted"


def test_a_trial_that_a_dead_supervisor_left_is_wanted_again() -> None:
    draft = factories.draft()
    draft_trial_ask(draft.pk)
    trial_state_set(draft.pk, "running")

    assert trial_state_set(draft.pk, "wanted")


def test_the_trial_of_a_draft_that_is_gone_is_dropped() -> None:
    assert not trial_state_set(10**6, "running")


def test_a_draft_is_discarded_and_a_strategy_is_not() -> None:
    made, draft = factories.strategy(), factories.draft()

    draft_delete(draft.pk, by=factories.person())
    for key in (draft.pk, made.pk):
        with pytest.raises(StrategyMissingError, match="There is no draft number"):
            draft_delete(key, by=None)
    assert list(Strategy.objects.all()) == [made]


def test_drafts_expire_and_strategies_do_not() -> None:
    factories.strategy()
    old, fresh = factories.draft("old"), factories.draft("fresh")
    now = timezone.now()
    Strategy.objects.filter(pk=old.pk).update(draft_expires_at=now)

    assert drafts_expire(now) == 1
    assert drafts_expire(now) == 0
    assert expire_drafts() == 0
    assert set(Strategy.objects.values_list("name", flat=True)) == {"mine", "fresh"}
    assert draft_by_id(fresh.pk) is not None


def test_a_draft_in_its_last_day_is_told_of_once() -> None:
    channel_create(
        name="mail",
        type="email",
        config={"host": "h", "port": 25, "from": "a@b.cd", "to": ["a@b.cd"]},
    )
    mei = factories.person()
    draft = factories.draft("sketch", by=mei)
    now = timezone.now()
    assert drafts_warn(now) == 0
    assert draft.draft_expires_at is not None
    late = draft.draft_expires_at - DAY

    assert drafts_warn(late) == 1
    assert drafts_warn(late) == 0

    told = Notification.objects.get()
    assert told.message_type == "system"
    assert told.metadata["title"] == "A draft expires soon: sketch"
    assert f"of mei is removed after {draft.draft_expires_at:%Y-%m-%d %H:%M} UTC" in (
        told.content
    )
    words_check(told.metadata["context"], "sketch", "mei")


def test_a_draft_that_was_saved_after_the_warning_is_warned_of_again() -> None:
    draft = factories.draft("")
    Strategy.objects.update(draft_expires_at=timezone.now() + DAY / 2)
    assert warn_drafts() == 1

    resaved(draft)

    assert warn_drafts() == 0
    Strategy.objects.update(draft_expires_at=timezone.now() + DAY / 2)
    assert warn_drafts() == 1


def test_a_draft_whose_time_is_over_is_no_longer_warned_of() -> None:
    factories.draft()
    Strategy.objects.update(draft_expires_at=timezone.now() - DAY)
    assert warn_drafts() == 0
    assert expire_drafts() == 1
