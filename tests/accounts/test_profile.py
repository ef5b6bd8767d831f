"""The profile page and the language switch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from django.test import Client
from django.utils import timezone as django_timezone

from accounts import services
from accounts.facts import RequestFacts
from accounts.models import User, UserSession
from accounts.selectors import session_by_api_token
from tests.accounts.conftest import PASSWORD

pytestmark = [pytest.mark.usefixtures("redis_client"), pytest.mark.django_db]

if TYPE_CHECKING:
    from typing import Any

FACTS = RequestFacts("192.0.2.7", "curl/8.5")
NEW = "Another-horse-8"


def change_password(client: Client, old: str = PASSWORD, new: str = NEW) -> Any:
    body = {"old_password": old, "new_password1": new, "new_password2": new}
    return client.post("/profile/password/", body)


def test_preferences_are_saved_and_used_at_once(browser: Client, person: User) -> None:
    response = browser.post(
        "/profile/preferences/",
        {"language": "zh-CN", "timezone": "Asia/Tokyo"},
        follow=True,
    )
    person.refresh_from_db()
    assert (person.language, person.timezone) == ("zh-CN", "Asia/Tokyo")
    page = response.content.decode()
    assert "免打扰开始" in page
    assert " JST<" in browser.get("/profile/security/").content.decode()


def test_quiet_hours_are_saved_shown_and_removed(browser: Client, person: User) -> None:
    person.preferences = {"of_another_page": 1}
    person.save()
    zone = {"language": "en", "timezone": "Asia/Tokyo"}
    quiet = {"quiet_from": "22:30", "quiet_to": "07:00", "quiet_passes": "none"}
    page = browser.post("/profile/preferences/", zone | quiet, follow=True)
    assert b'value="22:30"' in page.content
    person.refresh_from_db()
    assert person.preferences == {
        "of_another_page": 1,
        "quiet_hours": {"from": "22:30", "to": "07:00", "passes": "none"},
    }
    browser.post("/profile/preferences/", zone)
    person.refresh_from_db()
    assert person.preferences == {"of_another_page": 1}


@pytest.mark.parametrize(
    "bad",
    [
        {"language": "en", "timezone": "UTC", "quiet_from": "22:00"},
        {
            "language": "en",
            "timezone": "UTC",
            "quiet_from": "22:00",
            "quiet_to": "22:00",
        },
        {"language": "xx", "timezone": "UTC"},
        {"language": "en", "timezone": "Mars/Base"},
    ],
)
def test_a_preference_that_does_not_exist_is_refused(
    browser: Client, person: User, bad: dict[str, str]
) -> None:
    response = browser.post("/profile/preferences/", bad)
    assert response.status_code == 400
    assert b"errorlist" in response.content
    person.refresh_from_db()
    assert (person.language, person.timezone) == ("en", "Europe/Paris")


def test_an_unknown_stored_zone_falls_back_and_stays_selectable(
    browser: Client, person: User
) -> None:
    person.timezone = "Moon/Sea"
    person.save()
    page = browser.get("/settings/").content.decode()
    assert '<option value="Moon/Sea" selected>' in page
    assert " UTC<" in browser.get("/profile/security/").content.decode()


def test_the_zone_of_one_person_is_not_left_for_the_next(browser: Client) -> None:
    browser.get("/settings/")
    assert django_timezone.get_current_timezone_name() == "UTC"


def test_the_stored_language_is_used_whatever_the_browser_says(
    browser: Client, person: User
) -> None:
    person.language = "zh-CN"
    person.save()
    page = browser.get("/settings/", headers={"accept-language": "en"})
    assert '<html lang="zh-hans"' in page.content.decode()


def test_the_switch_is_stored_with_the_account(browser: Client, person: User) -> None:
    response = browser.post("/language/", {"language": "zh-hans", "next": "/settings/"})
    assert response.headers["Location"] == "/settings/"
    assert "免打扰开始" in browser.get("/settings/").content.decode()
    person.refresh_from_db()
    assert person.language == "zh-CN"


def test_the_switch_works_before_the_login(client: Client, person: User) -> None:
    client.post("/language/", {"language": "zh-hans", "next": "/login/"})
    assert "登录" in client.get("/login/").content.decode()
    # What the person chose goes before what visitors chose at this browser.
    client.force_login(person)
    assert "Quiet from" in client.get("/settings/").content.decode()


def test_an_unknown_language_changes_nothing(browser: Client, person: User) -> None:
    browser.post("/language/", {"language": "tlh", "next": "/settings/"})
    person.refresh_from_db()
    assert person.language == "en"


def test_a_new_token_is_shown_once_and_works(browser: Client, person: User) -> None:
    body = {"name": "backup", "days": "30", "wanted": ["read"]}
    response = browser.post("/profile/tokens/", body)
    found = re.search(r'class="token"[^>]*>([^<]+)<', response.content.decode())
    assert found
    row = session_by_api_token(found[1])
    assert row is not None
    assert (row.user, row.scopes) == (person, ["read"])
    assert "no-store" in response.headers["Cache-Control"]
    page = browser.get("/profile/tokens/").content.decode()
    assert found[1] not in page
    assert "backup" in page


@pytest.mark.parametrize("days", ["0", "3651", "x", ""])
def test_a_token_needs_a_sensible_number_of_days(browser: Client, days: str) -> None:
    before = UserSession.objects.count()
    body = {"name": "x", "days": days, "wanted": ["read"]}
    response = browser.post("/profile/tokens/", body)
    assert response.status_code == 400
    assert UserSession.objects.count() == before


def test_a_person_ends_their_own_token(browser: Client, person: User) -> None:
    row, token = services.token_create(user=person, facts=FACTS, days=1)
    browser.post(f"/profile/sessions/{row.id}/revoke/")
    assert session_by_api_token(token) is None


def test_nobody_ends_the_token_of_somebody_else(browser: Client) -> None:
    other = User.objects.create_user("li", PASSWORD)
    row, token = services.token_create(user=other, facts=FACTS, days=1, name="of li")
    assert "of li" not in browser.get("/profile/tokens/").content.decode()
    assert browser.post(f"/profile/sessions/{row.id}/revoke/").status_code == 404
    assert session_by_api_token(token) is not None


def test_what_others_wrote_is_escaped(browser: Client, person: User) -> None:
    facts = RequestFacts(None, "<script>alert(1)</script>")
    services.token_create(user=person, facts=facts, days=1, name="<b>bold</b>")
    services.token_create(user=person, facts=facts, days=1)
    page = browser.get("/profile/tokens/").content.decode()
    assert "&lt;b&gt;bold" in page
    assert "<b>bold" not in page
    assert "<script>alert" not in page


def test_a_new_password_ends_everything_else(browser: Client, person: User) -> None:
    other = Client()
    other.force_login(person)
    assert other.get("/settings/").status_code == 200
    _row, token = services.token_create(user=person, facts=FACTS, days=1)
    assert change_password(browser).status_code == 302
    assert browser.get("/settings/").status_code == 200
    assert other.get("/settings/").status_code == 302
    assert session_by_api_token(token) is None
    assert UserSession.objects.count() == 1
    person.refresh_from_db()
    assert person.check_password(NEW)


@pytest.mark.parametrize(
    ("old", "new"), [("wrong", NEW), (PASSWORD, "short"), (PASSWORD, "1234567890")]
)
def test_a_bad_new_password_changes_nothing(
    browser: Client, person: User, old: str, new: str
) -> None:
    assert change_password(browser, old, new).status_code == 400
    person.refresh_from_db()
    assert person.check_password(PASSWORD)


@pytest.mark.parametrize(
    ("part", "page"),
    [("preferences", "/settings/"), ("password", "/profile/security/")],
)
def test_reloading_the_page_of_a_form_shows_the_page_of_the_form(
    browser: Client, part: str, page: str
) -> None:
    response = browser.get(f"/profile/{part}/")
    assert response.headers["Location"] == page


@pytest.mark.parametrize(
    "part", ["", "preferences/", "password/", "tokens/", "security/"]
)
def test_the_profile_needs_a_login(client: Client, part: str) -> None:
    response = client.get(f"/profile/{part}")
    assert response.headers["Location"].startswith("/login/?next=/profile/")
