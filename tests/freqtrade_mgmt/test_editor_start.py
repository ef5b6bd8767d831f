"""How drafts begin in the editor, and who may begin what."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile

from freqtrade_mgmt.blueprints import blueprints
from strategies.models import Strategy
from tests.freqtrade_mgmt.editing import (
    CODE,
    address,
    draft_of,
    running,
    template_draft,
    trader,
)

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django.fixtures import Settings

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]

NEW = "/strategies/new/"


@pytest.fixture
def browser(client: Client) -> Client:
    """A browser of somebody who may do everything with strategies."""
    client.force_login(trader("mei"))
    return client


def upload(name: str, content: bytes) -> dict[str, object]:
    return {"begin": "upload", "file": SimpleUploadedFile(name, content)}


def drafts() -> int:
    return Strategy.objects.filter(is_draft=True).count()


def test_the_page_offers_every_template(browser: Client) -> None:
    text = browser.get(NEW).content.decode()
    for template in blueprints():
        assert f'name="template" value="{template.name}"' in text
        assert str(template.title) in text


@pytest.mark.parametrize("name", [template.name for template in blueprints()])
def test_a_template_makes_a_draft_with_sensible_values(
    browser: Client, name: str
) -> None:
    draft = template_draft(browser, name)
    config = draft.config
    assert draft.is_draft
    assert config["exchange"] == "simulated"
    assert (config["pairs"], config["timeframe"]) == (["BTC/USDT"], "5m")
    assert config["template"]["name"] == name
    assert f"class {config['class_name']}(IStrategy)" in config["code"]
    assert browser.get(address(draft)).status_code == 200
    assert LogEntry.objects.count() == 0


def test_without_the_demonstration_a_draft_begins_on_a_real_exchange(
    browser: Client, settings: Settings
) -> None:
    settings.DEMO = False
    draft = template_draft(browser)
    assert draft.config["exchange"] == "binance"
    assert "simulated" not in browser.get(address(draft)).content.decode()


def test_a_template_that_does_not_exist_is_refused(browser: Client) -> None:
    response = browser.post(NEW, {"begin": "template", "template": "nonsense"})
    assert response.status_code == 400
    assert "There is no such template." in response.content.decode()
    assert drafts() == 0


def test_an_unknown_way_to_begin_is_refused(browser: Client) -> None:
    assert browser.post(NEW, {"begin": "magic"}).status_code == 400


def test_the_name_of_a_second_draft_is_free(browser: Client) -> None:
    running("moving AVERAGES cross")
    assert template_draft(browser).name == "Moving averages cross 2"


def test_an_uploaded_file_becomes_a_draft(browser: Client) -> None:
    content = b"\xef\xbb\xbf" + CODE.replace("\n", "\r\n").encode()
    draft = draft_of(browser.post(NEW, upload("dips.py", content))["Location"])
    assert draft.config["code"] == CODE
    assert draft.config["class_name"] == "DipBuyer"
    assert draft.config["timeframe"] == "15m"
    assert draft.name == "Dip Buyer"
    (entry,) = LogEntry.objects.all()
    digest = hashlib.sha256(CODE.encode()).hexdigest()
    assert entry.user.get_username() == "mei"
    assert entry.object_id == str(draft.pk)
    assert entry.change_message.endswith(
        f"uploaded as dips.py: class DipBuyer, sha256 {digest}"
    )


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("dips.txt", CODE.encode(), "“dips.txt” is no Python file."),
        (
            "dips.py",
            b"\x89PNG\r\n\x1a\n\xff\xfe",
            "dips.py: The file is no text in UTF-8",
        ),
        ("dips.py", b"x = 1\0", "“dips.py” holds zero bytes"),
        ("dips.py", b"#" * 500_001, "dips.py: The strategy has 501 kB"),
        ("dips.py", b"class A(\n", "The strategy is not valid Python: line 1"),
        ("dips.py", b"x = 1\n", "The file holds no strategy"),
        ("dips.py", (CODE + CODE).encode(), "The file holds 2 strategies"),
        ("dips.py", CODE.replace("15m", "").encode(), "names no timeframe"),
        ("dips.py", b"", "The submitted file is empty."),
    ],
)
def test_a_file_that_is_no_strategy_is_refused_with_a_sentence(
    browser: Client, name: str, content: bytes, sentence: str
) -> None:
    response = browser.post(NEW, upload(name, content))
    assert response.status_code == 400
    assert sentence in response.content.decode()
    assert drafts() == 0
    assert LogEntry.objects.count() == 0


def test_pasted_code_becomes_a_draft(browser: Client) -> None:
    post = {"begin": "paste", "code": CODE.replace("\n", "\r\n")}
    draft = draft_of(browser.post(NEW, post)["Location"])
    assert draft.config["code"] == CODE
    assert "pasted: class DipBuyer" in LogEntry.objects.get().change_message


def test_pasted_code_that_is_refused_stays_on_the_page(browser: Client) -> None:
    response = browser.post(NEW, {"begin": "paste", "code": "class Half(IStra"})
    assert response.status_code == 400
    text = response.content.decode()
    assert "class Half(IStra</textarea>" in text
    assert "line 1" in text


def test_a_strategy_can_be_copied_into_a_draft(browser: Client) -> None:
    original = running("Dips", notify_every=3)
    Strategy.objects.filter(pk=original.pk).update(
        freqtrade_config={"version": "2026.9", "live": {"enabled": True, "key": "k"}}
    )
    post = {"begin": "copy", "strategy": original.pk}
    draft = draft_of(browser.post(NEW, post)["Location"])
    assert draft.name == "Dips (copy)"
    assert draft.parent_strategy is None
    assert draft.config["code"] == CODE
    assert draft.config["notify_every"] == 3
    assert draft.freqtrade_config == {"version": "2026.9"}


def test_a_draft_is_nothing_to_copy(browser: Client) -> None:
    draft = template_draft(browser)
    response = browser.post(NEW, {"begin": "copy", "strategy": draft.pk})
    assert response.status_code == 400


def test_an_edit_opens_a_draft_and_later_the_same_one(browser: Client) -> None:
    strategy = running()
    first = browser.get(f"/strategies/{strategy.pk}/edit/")["Location"]
    draft = draft_of(first)
    assert draft.parent_strategy == strategy
    assert draft.config["editing"] is True
    assert browser.get(f"/strategies/{strategy.pk}/edit/")["Location"] == first
    assert drafts() == 1


def test_two_people_edit_in_drafts_of_their_own_and_know_of_each_other(
    browser: Client,
) -> None:
    strategy = running()
    mine = browser.get(f"/strategies/{strategy.pk}/edit/")["Location"]
    browser.force_login(trader("tom"))
    other = browser.get(f"/strategies/{strategy.pk}/edit/")["Location"]
    assert other != mine
    text = browser.get(other).content.decode()
    assert "mei has a draft of this strategy too" in text
    text = browser.get(mine).content.decode()
    assert "This draft is mei's." in text


def test_a_copy_is_a_stopped_strategy_of_its_own(browser: Client) -> None:
    strategy = running("Dips")
    response = browser.post(f"/strategies/{strategy.pk}/copy/", {"name": "Deeper"})
    copy = Strategy.objects.get(name="Deeper")
    assert response["Location"] == f"/strategies/{copy.pk}/"
    assert (copy.parent_strategy, copy.status) == (strategy, "stopped")
    browser.post(f"/strategies/{strategy.pk}/copy/")
    assert Strategy.objects.filter(name="Dips (copy)").exists()


def test_a_copy_under_a_name_that_is_taken_is_refused(browser: Client) -> None:
    strategy = running("Dips")
    response = browser.post(f"/strategies/{strategy.pk}/copy/", {"name": "dIPS"})
    assert response["Location"] == f"/strategies/{strategy.pk}/"
    assert Strategy.objects.count() == 1


@pytest.mark.parametrize("path", ["edit", "copy"])
def test_what_is_not_there_cannot_be_edited_or_copied(
    browser: Client, path: str
) -> None:
    draft = template_draft(browser)
    for key in (draft.pk, 999_999):
        target = f"/strategies/{key}/{path}/"
        response = browser.get(target) if path == "edit" else browser.post(target)
        assert response.status_code == 404


def test_the_editor_is_for_people_who_are_logged_in(client: Client) -> None:
    response = client.get(NEW)
    assert response.status_code == 302
    assert response["Location"] == f"/login/?next={NEW}"


def test_without_the_permission_nothing_is_open(client: Client) -> None:
    strategy = running()
    client.force_login(trader("mei"))
    draft = template_draft(client)
    client.force_login(trader("visitor", "view_strategy"))
    assert client.get(NEW).status_code == 403
    assert client.get(f"/strategies/{strategy.pk}/edit/").status_code == 403
    assert client.get(address(draft)).status_code == 403
    assert client.get(f"{address(draft)}state/").status_code == 403
    for target in (
        NEW,
        address(draft),
        f"{address(draft)}state/",
        f"{address(draft)}discard/",
        f"/strategies/{strategy.pk}/copy/",
    ):
        assert client.post(target, {}).status_code == 403
    assert drafts() == 1


def test_bringing_code_needs_a_permission_of_its_own(client: Client) -> None:
    client.force_login(trader("clerk", "change_strategy"))
    text = client.get(NEW).content.decode()
    assert "Your account may not bring code." in text
    assert 'type="file"' not in text
    assert client.post(NEW, upload("dips.py", CODE.encode())).status_code == 403
    assert client.post(NEW, {"begin": "paste", "code": CODE}).status_code == 403
    assert drafts() == 0
    assert template_draft(client).config["template"]["name"] == "ma_cross"
