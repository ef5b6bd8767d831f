"""The language of pages: chosen with the account, else that of the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command
from django.test import Client

from accounts import services
from accounts.models import User
from tests.accounts.conftest import PASSWORD

if TYPE_CHECKING:
    from rest_framework.test import APIClient

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
ENGLISH, CHINESE = '<html lang="en"', '<html lang="zh-hans"'
SAVED = {
    "timezone": "UTC",
    "theme": "auto",
    "rise": "",
    "start": "dashboard",
    "level": "strong",
}


def browser_of(language: str) -> Client:
    return Client(headers={"accept-language": language})


def log_in(client: Client, name: str = "mei") -> Client:
    body = {"username": name, "password": PASSWORD}
    assert client.post("/login/", body).status_code == 302
    return client


def page(client: Client) -> str:
    return client.get("/settings/").content.decode()


@pytest.fixture
def newcomer() -> User:
    """A person who has chosen no language."""
    return User.objects.create_user("mei", PASSWORD)


@pytest.mark.parametrize(
    ("browser", "root", "stored"),
    [("en-GB,en;q=0.9", ENGLISH, "en"), ("zh-CN,zh;q=0.9", CHINESE, "zh-CN")],
)
def test_who_chose_no_language_reads_in_that_of_each_browser(
    newcomer: User, browser: str, root: str, stored: str
) -> None:
    assert root in page(log_in(browser_of(browser)))
    newcomer.refresh_from_db()
    # Messages are in the language of the latest login.
    assert newcomer.language == stored
    assert CHINESE in page(log_in(browser_of("zh-CN")))
    assert ENGLISH in page(log_in(browser_of("en")))


def test_the_first_accounts_follow_the_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", interactive=False, username="mei", verbosity=0)
    services.admin_ensure(
        username="admin", password=PASSWORD, language="zh-CN", timezone="UTC"
    )
    for name in ("mei", "admin"):
        assert ENGLISH in page(log_in(browser_of("en"), name))


def test_a_person_whom_the_admin_added_follows_the_browser(
    admin_client: Client,
) -> None:
    added = {"username": "mei", "role": "viewer", "usable_password": "true"}
    passwords = {"password1": PASSWORD, "password2": PASSWORD}
    answer = admin_client.post("/admin/accounts/user/add/", added | passwords)
    assert answer.status_code == 302
    assert ENGLISH in page(log_in(browser_of("en")))


@pytest.mark.parametrize("chosen", ["en", "zh-CN"])
def test_a_language_once_chosen_stays_in_every_browser(
    newcomer: User, chosen: str
) -> None:
    root = ENGLISH if chosen == "en" else CHINESE
    here = log_in(browser_of("en"))
    here.post("/settings/", SAVED | {"language": chosen})
    for other in ("en", "zh-CN"):
        assert root in page(log_in(browser_of(other)))
    newcomer.refresh_from_db()
    assert "language_noted" not in newcomer.preferences


def test_saving_something_else_chooses_no_language(newcomer: User) -> None:
    here = log_in(browser_of("en"))
    assert '<option value="" selected>As the browser says' in page(here)
    here.post("/settings/", SAVED | {"language": "", "theme": "dark"})
    assert ENGLISH in page(here)
    assert CHINESE in page(log_in(browser_of("zh-CN")))
    newcomer.refresh_from_db()
    assert newcomer.preferences["display"]["theme"] == "dark"


def test_a_choice_can_be_taken_back(person: User) -> None:
    here = log_in(browser_of("zh-CN"))
    here.post("/language/", {"language": "en", "next": "/settings/"})
    assert ENGLISH in page(here)
    here.post("/settings/", SAVED | {"language": ""})
    assert CHINESE in page(here)


def test_an_administrator_may_choose_for_somebody(newcomer: User) -> None:
    User.objects.filter(pk=newcomer.pk).update(language="en")
    assert ENGLISH in page(log_in(browser_of("zh-CN")))


def test_the_second_person_at_a_browser_reads_in_their_own_language(
    person: User,
) -> None:
    User.objects.create_user("li", PASSWORD, language="zh-CN")
    shared = log_in(browser_of("en"))
    shared.post("/language/", {"language": "en", "next": "/settings/"})
    assert ENGLISH in page(shared)
    shared.post("/logout/")
    # The cookie is for visitors.
    assert ENGLISH in shared.get("/login/").content.decode()
    assert CHINESE in page(log_in(shared, "li"))


def test_the_api_keeps_following_unless_it_names_a_language(
    api: APIClient, newcomer: User
) -> None:
    def change(**wanted: Any) -> None:
        assert api.patch("/api/v1/me/", wanted, format="json").status_code == 200

    api.force_authenticate(newcomer)
    change(timezone="UTC")
    assert ENGLISH in page(log_in(browser_of("en")))
    newcomer.refresh_from_db()
    change(language="zh-CN")
    assert CHINESE in page(log_in(browser_of("en")))
