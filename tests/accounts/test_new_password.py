"""Whichever way a password is changed: what the old one opened is closed."""

from __future__ import annotations

import io
import json
import os
import pty
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import translation
from rest_framework.test import APIClient

from accounts import services
from accounts.facts import RequestFacts
from accounts.models import AuditEntry, User, UserSession
from tests.accounts.conftest import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.usefixtures("redis_client"), pytest.mark.django_db]
NEW = "aV3ry-long-one"


@pytest.fixture
def program(person: User) -> APIClient:
    """A program with a token of ``person``."""
    facts = RequestFacts(None, "")
    _row, token = services.token_create(user=person, facts=facts, days=1)
    return APIClient(headers={"Authorization": f"Bearer {token}"})


def changed(monkeypatch: pytest.MonkeyPatch, typed: str, *words: str) -> str:
    """Run the command with ``typed`` as its input; return what it wrote."""
    output = io.StringIO()
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    # Whoever asked for a page before left another language.
    with translation.override("en"):
        call_command("changepassword", *words, stdout=output)
    return output.getvalue()


def test_the_command_ends_logins_and_tokens(
    browser: Client,
    program: APIClient,
    person: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert program.get("/api/v1/me/").status_code == 200
    told = changed(monkeypatch, f"{NEW}\n", "mei")
    assert "2 logins and API tokens have ended" in told
    assert NEW not in told
    assert program.get("/api/v1/me/").status_code == 401
    assert browser.get("/settings/").status_code == 302
    person.refresh_from_db()
    assert person.check_password(NEW)
    assert not AuditEntry.objects.filter(after__icontains=NEW).exists()


def test_the_command_answers_a_program_in_json(
    person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = changed(monkeypatch, NEW, person.username, "--json")
    assert json.loads(told) == {"username": "mei", "ended": 0}


@pytest.mark.parametrize(
    ("name", "typed", "why"),
    [
        ("nobody", NEW, "nobody"),
        ("mei", "", "empty"),
        ("mei", "\n", "empty"),
        ("mei", "short1", "too short"),
    ],
)
@pytest.mark.usefixtures("program")
def test_the_command_refuses_and_changes_nothing(
    person: User, monkeypatch: pytest.MonkeyPatch, name: str, typed: str, why: str
) -> None:
    with pytest.raises(CommandError, match=why):
        changed(monkeypatch, typed, name)
    person.refresh_from_db()
    assert person.check_password(PASSWORD)
    assert UserSession.objects.count() == 1


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch, answers: list[str]) -> Iterator[None]:
    """Sit at a terminal and answer what is asked for."""
    outer, inner = pty.openpty()
    with os.fdopen(outer, "rb"), os.fdopen(inner, encoding="utf-8") as keyboard:
        monkeypatch.setattr(sys, "stdin", keyboard)
        monkeypatch.setattr("getpass.getpass", lambda _prompt: answers.pop(0))
        yield


def test_a_person_is_asked_twice_and_may_mistype(
    person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = io.StringIO()
    with terminal(monkeypatch, [NEW, "else", "short1", "short1", NEW, NEW]):
        call_command("changepassword", "mei", stdout=io.StringIO(), stderr=errors)
    assert "not the same" in errors.getvalue()
    assert "too short" in errors.getvalue()
    person.refresh_from_db()
    assert person.check_password(NEW)


def test_a_person_who_mistypes_three_times_begins_anew(
    person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    mistyped = [NEW, "else"] * 3
    with (
        terminal(monkeypatch, mistyped),
        pytest.raises(CommandError, match="not changed"),
    ):
        call_command("changepassword", "mei", stderr=io.StringIO())
    person.refresh_from_db()
    assert person.check_password(PASSWORD)


@pytest.mark.parametrize("method", ["get", "post"])
def test_the_admin_sends_people_to_the_page_that_ends_the_rest(
    admin_client: Client, admin_user: User, method: str
) -> None:
    body = {"old_password": "password", "new_password1": NEW, "new_password2": NEW}
    answer = getattr(admin_client, method)("/admin/password_change/", body)
    assert answer.headers["Location"] == "/profile/security/"
    admin_user.refresh_from_db()
    assert admin_user.check_password("password")


def test_the_page_of_the_admin_asks_for_a_login_first() -> None:
    answer = Client().get("/admin/password_change/")
    assert answer.headers["Location"].startswith("/login/")
