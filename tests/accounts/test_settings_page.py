"""One place for all that a person prefers, kept with the account."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse

from accounts import services
from accounts.display import Calls, Display, rise_of
from accounts.roles import Role

if TYPE_CHECKING:
    from django.test import Client

    from accounts.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
WHOLE = {
    "language": "en",
    "timezone": "Asia/Tokyo",
    "theme": "dark",
    "rise": "red",
    "start": "live",
    "sound": "on",
    "level": "medium",
    "shortcuts": "on",
    "quiet_from": "22:30",
    "quiet_to": "07:00",
    "quiet_passes": "P0",
}


def root_of(client: Client, address: str = "/settings/") -> str:
    page = client.get(address).content.decode()
    found = re.search(r"<html[^>]*>", page)
    assert found
    return found[0]


def test_everything_is_saved_with_one_press(browser: Client, person: User) -> None:
    person.preferences = {"of_another_page": 1}
    person.save()
    page = browser.post("/settings/", WHOLE, follow=True)
    assert page.redirect_chain == [("/settings/", 302)]
    person.refresh_from_db()
    assert (person.language, person.timezone) == ("en", "Asia/Tokyo")
    assert person.preferences == {
        "of_another_page": 1,
        "quiet_hours": {"from": "22:30", "to": "07:00", "passes": "P0"},
        "display": {
            "theme": "dark",
            "rise": "red",
            "start": "live",
            "calls": {"sound": True, "notify": False, "level": "medium"},
        },
    }
    shown = page.content.decode()
    for name, value in (("theme", "dark"), ("rise", "red")):
        assert re.search(
            rf'<input type="radio" name="{name}" value="{value}"[^>]*checked', shown
        )


@pytest.mark.parametrize(
    "bad",
    [
        {"theme": "pink"},
        {"rise": "blue"},
        {"start": "https://example.org/"},
        {"level": "P0"},
        {"timezone": "Mars/Base"},
        {"quiet_to": ""},
    ],
)
def test_what_does_not_exist_is_refused_and_changes_nothing(
    browser: Client, person: User, bad: dict[str, str]
) -> None:
    response = browser.post("/settings/", WHOLE | bad)
    assert response.status_code == 400
    assert b"errorlist" in response.content
    person.refresh_from_db()
    assert person.preferences == {}


def test_the_older_addresses_still_work(browser: Client, person: User) -> None:
    assert browser.get("/profile/").headers["Location"] == "/settings/"
    services.display_save(user=person, theme="light", rise="red")
    browser.post("/profile/preferences/", {"language": "en", "timezone": "UTC"})
    person.refresh_from_db()
    assert person.timezone == "UTC"
    assert Display.read(person.preferences).theme == "light"
    refused = browser.post("/profile/preferences/", {"language": "xx"})
    assert refused.status_code == 400
    assert b"errorlist" in refused.content


@pytest.mark.parametrize(
    ("language", "chosen", "rise"),
    [
        ("zh-CN", "", "red"),
        ("en", "", "green"),
        ("en", "red", "red"),
        ("zh-CN", "green", "green"),
    ],
)
def test_red_rises_for_readers_of_chinese_unless_they_choose(
    browser: Client, person: User, language: str, chosen: str, rise: str
) -> None:
    person.language = language
    person.save()
    services.display_save(user=person, rise=chosen)
    assert f'data-rise="{rise}"' in root_of(browser)
    assert f'data-rise="{rise}"' in root_of(browser, "/")


@pytest.mark.parametrize(("language", "rise"), [("zh-CN", "red"), ("en", "green")])
def test_before_the_login_the_language_of_the_page_decides(
    client: Client, language: str, rise: str
) -> None:
    page = client.get("/login/", headers={"accept-language": language})
    assert f'data-rise="{rise}"' in page.content.decode()


def test_the_theme_is_on_the_page_before_any_script(
    browser: Client, person: User
) -> None:
    assert "data-theme" not in root_of(browser)
    assert "data-account-theme" not in root_of(browser)
    services.display_save(user=person, theme="dark")
    assert 'data-account-theme="dark" data-theme="dark"' in root_of(browser, "/")
    # The style sheet asks the system itself.
    services.display_save(user=person, theme="auto")
    assert 'data-account-theme="auto"' in root_of(browser)
    assert "data-theme" not in root_of(browser)


def test_the_switch_at_the_top_keeps_the_theme_with_or_without_a_script(
    browser: Client, person: User
) -> None:
    services.display_save(user=person, rise="red")
    quietly = browser.post(
        "/settings/theme/", {"theme": "dark"}, headers={"accept": "application/json"}
    )
    assert (quietly.status_code, quietly.content) == (204, b"")
    person.refresh_from_db()
    assert Display.read(person.preferences) == Display(theme="dark", rise="red")
    body = {"theme": "light", "next": "/outcomes/"}
    assert browser.post("/settings/theme/", body).headers["Location"] == "/outcomes/"
    elsewhere = body | {"next": "https://example.org/"}
    answer = browser.post("/settings/theme/", elsewhere)
    assert answer.headers["Location"] == "/settings/"
    assert browser.post("/settings/theme/", {"theme": "pink"}).status_code == 400
    assert browser.get("/settings/theme/").status_code == 405


def test_a_login_leads_to_the_start_page_unless_a_page_was_asked_for(
    client: Client, person: User
) -> None:
    login: dict[str, Any] = {"username": "mei", "password": "Correct-horse-7"}
    for start, asked, arrived in (
        (None, "", "/dashboard/"),
        (None, "/outcomes/", "/outcomes/"),
        ("live", "", "/"),
        ("dashboard", "", "/dashboard/"),
        ("dashboard", "/", "/dashboard/"),
        ("dashboard", "/outcomes/", "/outcomes/"),
        ("dashboard", "https://example.org/", "/dashboard/"),
    ):
        if start:
            services.display_save(user=person, start=start)
        answer = client.post("/login/", login | {"next": asked})
        assert answer.headers["Location"] == arrived
        client.post("/logout/")


def test_the_name_at_the_top_leads_to_the_start_page(
    browser: Client, person: User
) -> None:
    page = browser.get("/settings/").content.decode()
    assert '<a class="brand" href="/dashboard/"' in page
    services.display_save(user=person, start="live")
    assert '<a class="brand" href="/"' in browser.get("/settings/").content.decode()


def test_keys_of_one_character_can_be_switched_off(
    browser: Client, person: User
) -> None:
    assert "data-shortcuts" not in root_of(browser)
    assert "<kbd>j</kbd>" in browser.get("/outcomes/signals/").content.decode()
    without = {name: value for name, value in WHOLE.items() if name != "shortcuts"}
    browser.post("/settings/", without)
    person.refresh_from_db()
    assert Display.read(person.preferences).shortcuts is False
    assert 'data-shortcuts="off"' in root_of(browser)
    # No page tells of keys that do nothing.
    for address in ("/", "/outcomes/signals/"):
        page = browser.get(address).content.decode()
        assert "<kbd>j</kbd>" not in page
        assert "are switched off" in page
    browser.post("/settings/", WHOLE)
    assert "data-shortcuts" not in root_of(browser)


def test_the_live_page_is_told_what_calls(browser: Client, person: User) -> None:
    services.display_save(user=person, calls=Calls(sound=True, level="weak"))
    page = browser.get("/").content.decode()
    assert '"usual": {"sound": true, "notify": false, "level": "weak"}' in page


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"display": "dark"},
        {"display": {"theme": 3, "rise": [], "start": None, "calls": "on"}},
        {"display": {"calls": {"sound": "yes", "notify": 1, "level": "P0"}}},
    ],
)
def test_what_is_stored_and_makes_no_sense_was_not_chosen(
    stored: dict[str, Any],
) -> None:
    assert Display.read(stored) == Display()


def test_only_choices_are_stored() -> None:
    assert Display().stored() == {}
    assert Display(rise="red").stored() == {"rise": "red"}
    assert rise_of(Display(), "zh-hans") == "red"


def test_sections_lead_to_the_rest_and_operators_see_one_more(
    browser: Client, person: User
) -> None:
    page = browser.get("/settings/").content.decode()
    for name in (
        "accounts:security",
        "accounts:tokens",
        "notifications:channels",
        "signals_app:history",
    ):
        assert f'href="{reverse(name)}"' in page
    assert 'href="/settings/system/"' not in page
    person.groups.add(Group.objects.get(name=Role.OPERATOR.value))
    assert 'href="/settings/system/"' in browser.get("/settings/").content.decode()


@pytest.mark.parametrize("behind_tls", [False, True])
def test_no_script_reads_a_cookie_and_none_goes_in_the_clear_behind_tls(
    client: Client, person: User, settings: Any, behind_tls: bool
) -> None:
    for name in ("SESSION_COOKIE", "CSRF_COOKIE", "LANGUAGE_COOKIE"):
        setattr(settings, f"{name}_SECURE", behind_tls)
    client.get("/login/")
    login = {"username": "mei", "password": "Correct-horse-7"}
    client.post("/login/", login)
    client.post("/language/", {"language": "en"})
    cookies = {
        name: (each["httponly"], each["samesite"], bool(each["secure"]))
        for name, each in client.cookies.items()
    }
    assert {"btcw_session", "btcw_csrf", "django_language"} <= set(cookies)
    for name in ("btcw_session", "btcw_csrf", "django_language"):
        assert cookies[name] == (True, "Lax", behind_tls), name
