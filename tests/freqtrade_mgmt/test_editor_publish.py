"""Publishing and discarding drafts, and the page of their trial."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from strategies.models import Strategy
from strategies.services import (
    draft_publish,
    health_merge,
    strategy_update,
    trial_state_set,
)
from tests.freqtrade_mgmt.editing import (
    OTHER_CODE,
    address,
    autosave,
    edit,
    running,
    send,
    state_page,
    template_draft,
    trader,
)

if TYPE_CHECKING:
    from django.test import Client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]


@pytest.fixture
def browser(client: Client) -> Client:
    """A browser of mei, who may do everything with strategies."""
    client.force_login(trader("mei"))
    return client


# -- Publishing ---------------------------------------------------------------------------


def test_something_new_is_tried_and_published(browser: Client) -> None:
    draft = template_draft(browser)
    response = send(browser, draft, action="publish", name="My cross")
    assert response["Location"] == state_page(draft)
    text = browser.get(state_page(draft)).content.decode()
    assert "Waiting for the supervisor" in text
    assert "Is the supervisor running?" not in text
    assert trial_state_set(draft.pk, "running")
    part = browser.get(f"{state_page(draft)}?part=1").content.decode()
    assert 'data-state="running"' in part
    assert "<html" not in part
    trial_state_set(draft.pk, "passed", warnings=["It set no mark."])
    draft_publish(draft.pk)

    response = browser.get(f"{state_page(draft)}?part=1")
    assert (response.status_code, response["X-Finished"]) == (204, "1")
    response = browser.get(state_page(draft))
    assert response["Location"] == f"/strategies/{draft.pk}/"
    text = browser.get("/strategies/new/").content.decode()
    assert "“My cross” is published as v1.0." in text
    assert "It set no mark." in text
    draft.refresh_from_db()
    assert draft.health_metrics["trial"]["warnings"] == ["It set no mark."]


def test_an_edit_of_settings_is_published_at_once(browser: Client) -> None:
    strategy = running("Dips")
    draft = edit(browser, strategy)
    response = send(browser, draft, action="publish", pairs="BTC/USDT")
    assert response["Location"] == f"/strategies/{strategy.pk}/"
    strategy.refresh_from_db()
    assert strategy.config["pairs"] == ["BTC/USDT"]
    assert strategy.version == "v1.1"
    assert not Strategy.objects.filter(is_draft=True).exists()
    text = browser.get("/strategies/new/").content.decode()
    assert "“Dips” is published as v1.1." in text


def test_an_edit_of_words_makes_no_version(browser: Client) -> None:
    strategy = running("Dips")
    send(browser, edit(browser, strategy), action="publish", description="Deep ones")
    strategy.refresh_from_db()
    assert (strategy.description, strategy.version) == ("Deep ones", "v1.0")
    text = browser.get("/strategies/new/").content.decode()
    assert "“Dips” is saved; what it runs stays v1.0." in text


def test_an_edit_of_code_is_tried_and_leads_to_its_strategy(browser: Client) -> None:
    strategy = running("Dips")
    draft = edit(browser, strategy)
    page = send(browser, draft, action="publish", code=OTHER_CODE)["Location"]
    assert page.startswith(state_page(draft))
    trial_state_set(draft.pk, "running")
    trial_state_set(draft.pk, "passed", warnings=["Slow."])
    draft_publish(draft.pk)
    assert browser.get(f"{page}&part=1").status_code == 204
    assert browser.get(page)["Location"] == f"/strategies/{strategy.pk}/"
    text = browser.get("/strategies/new/").content.decode()
    assert "“Dips” is published as v1.1." in text
    assert "Slow." in text


def test_a_discarded_edit_is_not_called_published(browser: Client) -> None:
    strategy = running("Dips")
    draft = edit(browser, strategy)
    page = send(browser, draft, action="publish", code=OTHER_CODE)["Location"]
    browser.post(f"{address(draft)}discard/")
    assert browser.get(page)["Location"] == f"/strategies/{strategy.pk}/"
    text = browser.get("/strategies/new/").content.decode()
    assert "The draft is closed: published, or discarded." in text


def test_another_freqtrade_is_tried_too(browser: Client) -> None:
    strategy = running("Dips")
    Strategy.objects.filter(pk=strategy.pk).update(
        freqtrade_config={"version": "2026.7"}
    )
    draft = edit(browser, strategy)
    response = send(browser, draft, action="publish", version="")
    assert response["Location"].startswith(state_page(draft))


def test_what_is_wrong_is_shown_before_any_trial(browser: Client) -> None:
    running("Taken")
    draft = template_draft(browser)
    response = send(browser, draft, action="publish", name="taken", p_fast="99")
    text = response.content.decode()
    assert response.status_code == 400
    assert "There is a strategy “taken” already" in text
    assert "must be shorter" in text
    assert 'value="99"' in text
    draft.refresh_from_db()
    assert "trial" not in draft.health_metrics
    response = send(browser, draft, action="publish", name="")
    assert "This field is required." in response.content.decode()


def test_an_edit_that_was_overtaken_says_so(browser: Client) -> None:
    strategy = running("Dips")
    draft = edit(browser, strategy)
    strategy_update(
        strategy.pk, by=None, config=strategy.config | {"pairs": ["SOL/USDT"]}
    )
    assert "is at v1.1" in browser.get(address(draft)).content.decode()
    response = send(browser, draft, action="publish", pairs="BTC/USDT")
    assert response.status_code == 400
    assert "is at v1.1" in response.content.decode()
    strategy.refresh_from_db()
    assert strategy.config["pairs"] == ["SOL/USDT"]


def test_a_supervisor_that_is_away_is_named_after_ten_seconds(browser: Client) -> None:
    draft = template_draft(browser)
    send(browser, draft, action="publish")
    asked = (timezone.now() - timedelta(seconds=11)).isoformat()
    health_merge(draft.pk, {"trial": {"state": "wanted", "asked_at": asked}})
    text = browser.get(state_page(draft)).content.decode()
    assert "Is the supervisor running?" in text


def test_a_failed_trial_tells_why_and_can_be_repeated(browser: Client) -> None:
    draft = template_draft(browser)
    send(browser, draft, action="publish")
    trial_state_set(draft.pk, "running")
    trial_state_set(draft.pk, "failed", reason="No <such> module.", warnings=["Odd."])
    for page in (state_page(draft), address(draft)):
        assert "No &lt;such&gt; module." in browser.get(page).content.decode()
    text = browser.get(state_page(draft)).content.decode()
    assert "Odd." in text
    assert "data-busy" not in text

    response = browser.post(state_page(draft))

    assert response["Location"] == state_page(draft)
    draft.refresh_from_db()
    assert draft.health_metrics["trial"]["state"] == "wanted"


def test_a_repeated_trial_of_what_cannot_be_published_leads_back(
    browser: Client,
) -> None:
    draft = template_draft(browser)
    running(draft.name)
    assert browser.post(state_page(draft))["Location"] == address(draft)
    text = browser.get(address(draft)).content.decode()
    assert "There is a strategy" in text


def test_a_change_stops_the_trial_and_the_page_says_so(browser: Client) -> None:
    draft = template_draft(browser)
    send(browser, draft, action="publish")
    text = browser.get(address(draft)).content.decode()
    assert "a change stops the check" in text
    autosave(browser, draft, p_fast="9")
    text = browser.get(state_page(draft)).content.decode()
    assert "the draft was changed after the check was asked for" in text


def test_the_state_of_what_is_not_there_is_not_found(browser: Client) -> None:
    assert browser.get("/strategies/drafts/999999/state/").status_code == 404
    odd = "/strategies/drafts/999999/state/?of=x&was=v1.0"
    assert browser.get(odd).status_code == 404


# -- Discarding -------------------------------------------------------------------------------


def test_a_draft_is_discarded_by_post_alone(browser: Client) -> None:
    draft = template_draft(browser)
    page = f"{address(draft)}discard/"
    assert browser.get(page).status_code == 405
    assert browser.post(page)["Location"] == "/strategies/"
    assert not Strategy.objects.exists()
    text = browser.get("/strategies/new/").content.decode()
    assert "The draft “Moving averages cross” is discarded." in text
    assert browser.post(page).status_code == 404


def test_a_discarded_edit_leaves_its_strategy_alone(browser: Client) -> None:
    strategy = running("Dips")
    draft = edit(browser, strategy)
    response = browser.post(f"{address(draft)}discard/")
    assert response["Location"] == f"/strategies/{strategy.pk}/"
    assert list(Strategy.objects.values_list("pk", flat=True)) == [strategy.pk]


def test_the_own_drafts_are_listed_where_a_new_one_begins(browser: Client) -> None:
    draft = template_draft(browser)
    text = browser.get("/strategies/new/").content.decode()
    assert f'href="{address(draft)}"' in text
    browser.force_login(trader("tom"))
    assert address(draft) not in browser.get("/strategies/new/").content.decode()


def test_no_page_of_the_editor_holds_inline_code_or_styles(browser: Client) -> None:
    draft = edit(browser, running("Dips"))
    pages = ["/strategies/new/", address(draft), address(template_draft(browser))]
    for page in pages:
        text = browser.get(page).content.decode()
        assert " style=" not in text
        assert "<style" not in text
        assert " onclick=" not in text
        assert "<script>" not in text


def test_text_that_somebody_typed_is_never_markup(browser: Client) -> None:
    draft = template_draft(browser)
    evil = "</textarea><script>alert(1)</script>"
    answer = autosave(browser, draft, name=evil, pairs=evil, description=evil).json()
    assert "errors" in json.loads(json.dumps(answer))
    text = browser.get(address(draft)).content.decode()
    assert "<script>alert" not in text
