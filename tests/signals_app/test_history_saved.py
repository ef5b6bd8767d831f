"""Saved filters: named, of one person each, few enough, one of them opens the page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from django.db import IntegrityError
from django.test import Client
from django.utils.html import escape

from accounts.roles import Role
from signals_app.history.models import SavedFilter
from signals_app.history.saved import MOST, filter_save
from signals_app.live_filter import live_query
from tests.test_access import a_person

if TYPE_CHECKING:
    from accounts.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
URL = "/signals/"
SAVE = "/signals/filters/"


def save(client: Client, name: str, query: str, **more: str) -> Any:
    return client.post(SAVE, {"name": name, "query": query, **more})


def change(client: Client, number: int, action: str, **more: str) -> Any:
    body = {"action": action, **more}
    return client.post(f"{SAVE}{number}/", body, follow=True)


def test_a_filter_is_saved_listed_and_loaded_by_a_viewer(browser: Client) -> None:
    answer = save(browser, " Strong  BTC ", "?level=strong&pair=BTC&junk=1&level=")

    assert answer["Location"] == "/signals/?period=7d&pair=BTC&level=strong"
    kept = SavedFilter.objects.get()
    assert (kept.name, kept.query) == (
        "Strong BTC",
        "period=7d&pair=BTC&level=strong",
    )
    page = browser.get(f"{URL}?{kept.query}").content.decode()
    assert "Saved as “Strong BTC”." in page
    link = re.search(r'<a class="break" href="([^"]+)" aria-current="true">Str', page)
    assert link
    assert link[1] == escape(answer["Location"])


def test_saving_under_the_same_name_replaces(browser: Client) -> None:
    save(browser, "mine", "pair=BTC")
    save(browser, "mine", "pair=ETH")
    assert SavedFilter.objects.get().query == "period=7d&pair=ETH"


def test_a_filter_is_renamed_replaced_and_deleted(browser: Client) -> None:
    save(browser, "one", "pair=BTC")
    save(browser, "two", "pair=ETH")
    one = SavedFilter.objects.get(name="one")

    page = change(browser, one.pk, "rename", name="first").content.decode()
    assert "It is called “first” now." in page
    taken = change(browser, one.pk, "rename", name="two").content.decode()
    assert "You have a filter “two” already" in taken
    change(browser, one.pk, "replace", query="level=weak")
    one.refresh_from_db()
    assert (one.name, one.query) == ("first", "period=7d&level=weak")
    assert "“first” was deleted." in change(browser, one.pk, "delete").content.decode()
    assert [each.name for each in SavedFilter.objects.all()] == ["two"]


def test_one_filter_may_open_the_page(browser: Client) -> None:
    save(browser, "one", "pair=BTC", default="1")
    save(browser, "two", "pair=ETH")
    two = SavedFilter.objects.get(name="two")

    assert browser.get(URL)["Location"] == "/signals/?period=7d&pair=BTC"
    change(browser, two.pk, "default")
    assert browser.get(URL)["Location"] == "/signals/?period=7d&pair=ETH"
    assert SavedFilter.objects.filter(is_default=True).count() == 1
    # Who asks for something gets that, also for everything.
    assert browser.get(URL, {"period": "7d"}).status_code == 200
    change(browser, two.pk, "no_default")
    assert browser.get(URL).status_code == 200


def test_a_filter_of_everything_may_open_the_page(browser: Client) -> None:
    save(browser, "all", "period=30d&pair=", default="1")
    assert browser.get(URL)["Location"] == "/signals/?period=30d"
    assert browser.get(URL, follow=True).status_code == 200


def test_a_range_of_ones_own_is_saved_without_a_period(browser: Client) -> None:
    save(browser, "then", "to=2026-11-20&from=2026-11-01&period=7d")
    assert SavedFilter.objects.get().query == "from=2026-11-01&to=2026-11-20"


@pytest.mark.parametrize(
    ("name", "query", "words"),
    [
        ("", "pair=BTC", "Give the filter a name."),
        (" \0 ", "pair=BTC", "Give the filter a name."),
        ("x" * 61, "pair=BTC", "The name has 61 characters; 60 fit."),
        ("mine", "level=x", "Level “x”"),
        ("mine", f"pair={'x' * 21}", "Pair “xxx"),
        (
            "mine",
            "&".join(f"strategy={n:02}{'策' * 90}" for n in range(20)),
            "too long to be saved",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(
    browser: Client, name: str, query: str, words: str
) -> None:
    answer = browser.post(SAVE, {"name": name, "query": query}, follow=True)
    assert words in answer.content.decode()
    assert not SavedFilter.objects.exists()


def test_an_unknown_action_changes_nothing(browser: Client) -> None:
    save(browser, "one", "pair=BTC")
    number = SavedFilter.objects.get().pk
    assert "is no action" in change(browser, number, "explode").content.decode()
    assert browser.get(f"{SAVE}{number}/").status_code == 405
    assert browser.get(SAVE).status_code == 405


def test_there_are_fifty_at_most(browser: Client, user: User) -> None:
    for number in range(MOST):
        filter_save(user_id=user.pk, name=f"f{number}", query="pair=BTC")

    page = browser.post(SAVE, {"name": "one more", "query": ""}, follow=True)

    assert "You have 50 saved filters already" in page.content.decode()
    assert SavedFilter.objects.count() == MOST
    # Replacing one is no more.
    save(browser, "f1", "pair=ETH")
    assert SavedFilter.objects.get(name="f1").query == "period=7d&pair=ETH"


def test_the_filters_of_two_people_are_apart(browser: Client, user: User) -> None:
    save(browser, "mine", "pair=BTC", default="1")
    other = a_person(Role.ADMINISTRATOR, "other")
    browser.force_login(other)
    number = SavedFilter.objects.get(user=user).pk

    assert browser.get(URL).status_code == 200
    assert "saved-list" not in browser.get(URL).content.decode()
    for action in ("rename", "replace", "default", "no_default", "delete"):
        answer = change(browser, number, action, name="theirs", query="pair=ETH")
        assert answer.status_code == 404
    save(browser, "mine", "pair=ETH", default="1")
    kept = SavedFilter.objects.get(user=user)
    assert (kept.name, kept.query, kept.is_default) == (
        "mine",
        "period=7d&pair=BTC",
        True,
    )
    assert SavedFilter.objects.get(user=other).query == "period=7d&pair=ETH"


def test_a_form_of_another_site_is_refused(user: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    assert save(client, "mine", "pair=BTC").status_code == 403
    assert not SavedFilter.objects.exists()


def test_names_and_filters_are_text(browser: Client) -> None:
    save(browser, "<b>x</b>", "tag=<script>alert(1)</script>")
    page = browser.get(URL).content.decode()
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "<script>alert" not in page


def test_filters_go_with_their_person(browser: Client, user: User) -> None:
    save(browser, "mine", "pair=BTC")
    user.delete()
    assert not SavedFilter.objects.exists()


def test_the_database_holds_one_default_a_person(user: User) -> None:
    SavedFilter.objects.create(user=user, name="one", is_default=True)
    with pytest.raises(IntegrityError):
        SavedFilter.objects.create(user=user, name="two", is_default=True)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("period=7d&pair=BTC&level=strong", "?pair=BTC&level=strong"),
        ("period=30d&strategy=EMA+Cross", "?strategy=EMA+Cross"),
        ("period=7d&strength_from=70", "?strength=70"),
        ("period=7d", ""),
        ("period=7d&strength_from=70.5", None),
        ("period=7d&strategy=a&strategy=b", None),
        ("from=2026-11-01&level=strong", None),
        ("period=7d&tag=rsi", None),
        ("period=7d&first=1", None),
    ],
)
def test_the_live_page_takes_what_it_can_show(query: str, shown: str | None) -> None:
    assert live_query(query) == shown


def test_the_live_page_offers_these(browser: Client) -> None:
    assert "saved-links" not in browser.get("/").content.decode()
    save(browser, "Strong", "level=strong")
    save(browser, "Tagged", "tag=rsi")
    page = browser.get("/").content.decode()
    assert '<a href="/?level=strong">Strong</a>' in page
    assert ">Tagged<" not in page
