"""The editor of a draft: saving, conflicts, code and who may change it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from strategies.models import Strategy
from tests.freqtrade_mgmt.editing import (
    CODE,
    OTHER_CODE,
    address,
    autosave,
    edit,
    posted,
    running,
    send,
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


@pytest.fixture
def clerk(browser: Client) -> Client:
    """The same browser with somebody who may change strategies, but no code."""
    browser.force_login(trader("clerk", "change_strategy"))
    return browser


# -- Saving -------------------------------------------------------------------------


def test_the_page_saves_itself_and_says_when(browser: Client) -> None:
    draft = template_draft(browser)
    response = autosave(browser, draft, name="My cross", p_fast="7")
    answer = response.json()
    assert response.status_code == 200
    assert answer["errors"] == {}
    assert "fast = 7" in answer["code"]
    assert len(answer["saved"]) == len("12:03")
    stored = Strategy.objects.get(pk=draft.pk)
    assert stored.name == "My cross"
    assert stored.updated_at.isoformat() == answer["token"]
    assert stored.draft_expires_at is not None
    assert stored.draft_expires_at > timezone.now() + timedelta(days=13)
    assert answer["expires"] in browser.get(address(draft)).content.decode()


def test_what_cannot_be_stored_as_it_is_meant_is_kept_as_it_was_typed(
    browser: Client,
) -> None:
    draft = template_draft(browser)
    typed = {"pairs": "BTCUSDT", "strong": "lots", "extra": "{", "p_fast": "many"}
    answer = autosave(browser, draft, **typed).json()
    assert set(answer["errors"]) == set(typed)
    stored = Strategy.objects.get(pk=draft.pk)
    assert stored.config["pairs"] == ["BTC/USDT"]
    text = browser.get(address(draft)).content.decode()
    for sentence in ("BTCUSDT</textarea>", 'value="lots"', 'value="many"'):
        assert sentence in text
    assert "is not a trading pair" in text

    autosave(browser, draft, pairs="ETH/USDT", strong="90", extra="", p_fast="5")

    stored.refresh_from_db()
    assert stored.config["pairs"] == ["ETH/USDT"]
    assert stored.health_metrics["typed"] == {}


def test_empty_fields_are_no_error_while_somebody_types(browser: Client) -> None:
    answer = autosave(browser, template_draft(browser), name="").json()
    assert answer["errors"] == {}


def test_the_save_button_stores_and_comes_back(browser: Client) -> None:
    draft = template_draft(browser)
    response = send(browser, draft, action="save", name="By hand")
    assert response["Location"] == address(draft)
    assert "The draft is saved." in browser.get(address(draft)).content.decode()
    response = send(browser, draft, action="save", weak="60")
    text = response.content.decode()
    assert "The draft is saved; 1 place needs another look." in text
    assert "Must be above 60" in text


def test_a_draft_that_is_gone_is_told(browser: Client) -> None:
    draft = template_draft(browser)
    data, page = posted(draft), address(draft)
    draft.delete()
    response = browser.post(page, data, headers={"X-Autosave": "1"})
    assert (response.status_code, response.json()["gone"]) == (410, True)
    assert "published, discarded" in response.json()["problem"]
    assert browser.get(page).status_code == 404
    assert browser.post(page, data).status_code == 404


def test_a_published_strategy_is_no_draft(browser: Client) -> None:
    strategy = running("Dips")
    response = browser.get(address(strategy))
    assert response["Location"] == f"/strategies/{strategy.pk}/"


# -- Two people, two tabs --------------------------------------------------------------


def test_a_save_over_somebody_else_s_is_refused_without_loss(browser: Client) -> None:
    draft = template_draft(browser)
    mine = posted(draft, name="Mine", pairs="SOL/USDT")
    browser.force_login(trader("tom"))
    autosave(browser, draft, name="Theirs")

    response = browser.post(address(draft), mine, headers={"X-Autosave": "1"})
    assert response.status_code == 409
    assert "tom saved this draft at" in response.json()["problem"]
    response = browser.post(address(draft), mine)
    text = response.content.decode()
    assert response.status_code == 409
    assert "tom saved this draft at" in text
    assert 'value="Mine"' in text
    assert "SOL/USDT</textarea>" in text
    assert str(mine["token"]) in text
    assert Strategy.objects.get(pk=draft.pk).name == "Theirs"

    mine["overwrite"] = str(posted(draft)["token"])
    browser.post(address(draft), mine)
    assert Strategy.objects.get(pk=draft.pk).name == "Mine"


@pytest.mark.parametrize("token", [None, "", "yesterday"])
def test_a_save_without_proof_of_the_newest_state_is_refused(
    browser: Client, token: str | None
) -> None:
    draft = template_draft(browser)
    assert autosave(browser, draft, token=token).status_code == 409


# -- Code -----------------------------------------------------------------------------


def test_typed_code_is_recorded_once_for_each_stretch(browser: Client) -> None:
    strategy = running("Dips")
    draft = edit(browser, strategy)
    autosave(browser, draft, name="Only settings")
    assert LogEntry.objects.count() == 0
    autosave(browser, draft, code=CODE + "# 1\n")
    autosave(browser, draft, code=CODE + "# 2\n")
    entry = LogEntry.objects.get()
    assert entry.object_id == str(strategy.pk)
    first = entry.change_message
    browser.force_login(trader("tom"))
    autosave(browser, draft, code=CODE + "# 3\n")
    messages = [row.change_message for row in LogEntry.objects.order_by("pk")]
    assert messages[0] == first
    assert len(set(messages)) == 2


def test_what_is_sent_to_the_trial_is_recorded_for_good(browser: Client) -> None:
    draft = edit(browser, running("Dips"))
    autosave(browser, draft, code=OTHER_CODE)
    send(browser, draft, action="publish", code=OTHER_CODE + "# 4\n")
    autosave(browser, draft, code=OTHER_CODE)
    messages = [row.change_message for row in LogEntry.objects.order_by("pk")]
    assert [text.split(": ")[0].rpartition(", ")[2] for text in messages] == [
        "typed in the editor",
        "sent to the trial",
        "typed in the editor",
    ]
    assert messages[0].rpartition(" ")[2] == messages[1].rpartition(" ")[2]


def test_an_upload_replaces_the_code_and_is_recorded(browser: Client) -> None:
    draft = edit(browser, running("Dips"))
    file = SimpleUploadedFile("deeper.py", OTHER_CODE.encode())
    send(browser, draft, action="upload", name="Deeper", file=file)
    draft.refresh_from_db()
    assert draft.config["code"] == OTHER_CODE
    assert draft.name == "Deeper"
    assert "uploaded as deeper.py" in LogEntry.objects.get().change_message
    text = browser.get(address(draft)).content.decode()
    assert "The code is that of deeper.py." in text


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (("deeper.exe", b"MZ"), "“deeper.exe” is no Python file."),
        (("deeper.py", b"\xff\xfe\x00"), "no text in UTF-8"),
        (("deeper.py", b"#" * 500_001), "501 kB"),
        (None, "Choose a file first."),
    ],
)
def test_a_file_that_is_refused_costs_nothing_else(
    browser: Client, file: tuple[str, bytes] | None, sentence: str
) -> None:
    draft = edit(browser, running("Dips"))
    given = {"file": SimpleUploadedFile(*file)} if file else {}
    response = send(browser, draft, action="upload", name="Deeper", **given)
    assert response.status_code == 400
    assert sentence in response.content.decode()
    draft.refresh_from_db()
    assert (draft.name, draft.config["code"]) == ("Deeper", CODE)


def test_somebody_without_the_permission_reads_the_code_and_changes_the_rest(
    clerk: Client,
) -> None:
    draft = edit(clerk, running("Dips"))
    text = clerk.get(address(draft)).content.decode()
    assert "Your account may not change code." in text
    assert 'name="code"' not in text
    assert 'type="file"' not in text
    assert "class DipBuyer(IStrategy)" in text

    autosave(clerk, draft, code=OTHER_CODE, name="Renamed")

    draft.refresh_from_db()
    assert (draft.name, draft.config["code"]) == ("Renamed", CODE)
    file = SimpleUploadedFile("deeper.py", OTHER_CODE.encode())
    assert send(clerk, draft, action="upload", file=file).status_code == 403
    assert send(clerk, draft, action="save", file=file).status_code == 403
    draft.refresh_from_db()
    assert draft.config["code"] == CODE
    assert LogEntry.objects.count() == 0


def test_a_template_s_code_can_be_taken_over_by_those_who_may(browser: Client) -> None:
    draft = template_draft(browser)
    response = send(browser, draft, action="detach", p_fast="9")
    assert response["Location"] == address(draft)
    draft.refresh_from_db()
    assert "template" not in draft.config
    assert "fast = 9" in draft.config["code"]
    assert 'name="code"' in browser.get(address(draft)).content.decode()
    assert "taken over from the template" in LogEntry.objects.get().change_message


def test_a_template_s_code_stays_the_template_s_for_others(clerk: Client) -> None:
    draft = template_draft(clerk)
    assert send(clerk, draft, action="detach").status_code == 403
    draft.refresh_from_db()
    assert "template" in draft.config
    autosave(clerk, draft, code=CODE)
    draft.refresh_from_db()
    assert draft.config["code"] != CODE


def test_a_template_with_wrong_values_is_not_taken_over(browser: Client) -> None:
    draft = template_draft(browser)
    response = send(browser, draft, action="detach", p_fast="99")
    assert "must be shorter" in response.content.decode()
    draft.refresh_from_db()
    assert "template" in draft.config
