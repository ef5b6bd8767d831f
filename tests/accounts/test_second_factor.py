"""Codes of an authenticator app: set up, asked for, throttled, never taken twice."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pyotp
import pytest
from django.db import connection
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.facts import RequestFacts
from accounts.models import SecondFactor, User
from accounts.second_factor import codes, services
from tests.accounts.conftest import PASSWORD

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django.test import Client

pytestmark = [pytest.mark.usefixtures("redis_client"), pytest.mark.django_db]
SECURITY = "/profile/security/"
CODE = "/login/code/"
FACTS = RequestFacts("192.0.2.1", "")


def code_of(secret: str, *, ahead: int = 0) -> str:
    """Return the code of now, or of so many periods later."""
    return pyotp.TOTP(secret).at(int(time.time()) + ahead * codes.PERIOD)


@pytest.fixture
def secret(person: User) -> str:
    """The secret of ``person``, whose second factor is on."""
    made = services.factor_begin(user=person)
    services.factor_confirm(user=person, code=code_of(made, ahead=-1), facts=FACTS)
    return made


def log_in(client: Client, **more: str) -> HttpResponse:
    body = {"username": "mei", "password": PASSWORD, **more}
    return client.post("/login/", body)  # type: ignore[return-value]


def is_in(client: Client) -> bool:
    return client.get("/settings/").status_code == 200


def test_it_is_set_up_with_password_picture_and_first_code(
    browser: Client, person: User
) -> None:
    wrong = browser.post("/profile/two-factor/begin/", {"password": "wrong"})
    assert (wrong.status_code, SecondFactor.objects.count()) == (400, 0)
    browser.post("/profile/two-factor/begin/", {"password": PASSWORD})
    page = browser.get(SECURITY).content.decode()
    secret = services.factor_pending_secret(person)
    assert secret
    assert " ".join(secret[i : i + 4] for i in range(0, len(secret), 4)) in page
    picture = re.search(r"<svg.*?class=\"qrline\".*?</svg>", page, re.DOTALL)
    assert picture
    assert "style=" not in picture[0]
    assert services.factor_of(person) is None
    refused = browser.post("/profile/two-factor/confirm/", {"code": "000000"})
    assert (refused.status_code, services.factor_of(person)) == (400, None)
    done = browser.post("/profile/two-factor/confirm/", {"code": code_of(secret)})
    shown = re.findall(
        r"<li>([a-z2-9]{4}(?:-[a-z2-9]{4}){3})</li>", done.content.decode()
    )
    assert len(set(shown)) == codes.RECOVERY_CODES
    assert "no-store" in done.headers["Cache-Control"]
    assert shown[0] not in browser.get(SECURITY).content.decode()
    assert services.factor_of(person) is not None


def test_neither_secret_nor_recovery_code_is_stored_as_it_is(person: User) -> None:
    secret = services.factor_begin(user=person)
    shown = services.factor_confirm(user=person, code=code_of(secret), facts=FACTS)
    with connection.cursor() as cursor:
        cursor.execute("SELECT user_second_factors::text FROM user_second_factors")
        (text,) = cursor.fetchone() or ("",)
        cursor.execute("SELECT string_agg(audit_log::text, '') FROM audit_log")
        (audit,) = cursor.fetchone() or ("",)
    for each in (secret, *shown):
        assert each not in text + audit
    assert "v1:" in text


def test_the_password_alone_does_not_let_in(client: Client, secret: str) -> None:
    answer = log_in(client, next="/proxies/")
    assert answer.headers["Location"] == f"{CODE}?next=/proxies/"
    assert not is_in(client)
    body = {"code": code_of(secret), "next": "/proxies/"}
    assert client.post(CODE, body).headers["Location"] == "/proxies/"
    assert is_in(client)


def test_the_admin_asks_for_the_code_as_well(
    client: Client, secret: str, person: User
) -> None:
    User.objects.filter(pk=person.pk).update(is_staff=True)
    log_in(client, next="/admin/")
    assert (
        client.get("/admin/", follow=True).redirect_chain[-1][0].startswith("/login/")
    )
    client.post(CODE, {"code": code_of(secret)})
    assert client.get("/admin/").status_code == 200


def test_a_code_is_taken_once(client: Client, secret: str) -> None:
    log_in(client)
    code = code_of(secret)
    assert client.post(CODE, {"code": code}).status_code == 302
    client.post("/logout/")
    log_in(client)
    assert client.post(CODE, {"code": code}).status_code == 200
    assert not is_in(client)


def test_a_code_of_another_time_is_refused(secret: str, person: User) -> None:
    for ahead in (-2, 2, 3):
        with pytest.raises(services.CodeRefusedError):
            services.code_check(
                user=person, code=code_of(secret, ahead=ahead), facts=FACTS
            )


def test_a_clock_that_was_ahead_and_is_right_again_locks_nobody_out(
    secret: str, person: User
) -> None:
    SecondFactor.objects.update(last_step=int(time.time()) // codes.PERIOD + 2880)
    code = code_of(secret)
    services.code_check(user=person, code=code, facts=FACTS)
    with pytest.raises(services.CodeRefusedError):
        services.code_check(user=person, code=code, facts=FACTS)


def test_a_recovery_code_lets_in_once(client: Client, person: User) -> None:
    secret = services.factor_begin(user=person)
    first, *_rest = services.factor_confirm(
        user=person, code=code_of(secret), facts=FACTS
    )
    log_in(client)
    typed = first.upper().replace("-", " ")
    assert client.post(CODE, {"code": typed}).status_code == 302
    assert is_in(client)
    client.post("/logout/")
    log_in(client)
    assert client.post(CODE, {"code": first}).status_code == 200


def test_guessing_codes_is_slowed_down_even_for_the_right_one(
    client: Client, secret: str
) -> None:
    log_in(client)
    for _ in range(5):
        assert client.post(CODE, {"code": "123 45"}).status_code == 200
    answer = client.post(CODE, {"code": code_of(secret)})
    assert (answer.status_code, is_in(client)) == (429, False)
    assert 1 <= int(answer.headers["Retry-After"]) <= 900


@pytest.mark.usefixtures("secret")
def test_the_second_step_needs_the_first_and_not_long_ago(client: Client) -> None:
    assert client.get(CODE).headers["Location"] == "/login/"
    log_in(client)
    session = client.session
    session["second_factor_of"] = session["second_factor_of"] | {"until": 1.0}
    session.save()
    assert client.post(CODE, {"code": "123456"}).headers["Location"] == "/login/"


def test_a_password_changed_in_between_is_asked_for_again(
    client: Client, secret: str, person: User
) -> None:
    log_in(client)
    person.set_password("Another-horse-8")
    person.save()
    answer = client.post(CODE, {"code": code_of(secret)})
    assert (answer.headers["Location"], is_in(client)) == ("/login/", False)


def test_a_token_for_a_password_needs_the_code_too(secret: str) -> None:
    api = APIClient(headers={"accept-language": "en"})
    body = {"username": "mei", "password": PASSWORD}
    without = api.post("/api/v1/auth/token/", body, format="json")
    assert without.status_code == 401
    assert "second factor" in without.json()["detail"]
    body["code"] = code_of(secret)
    assert api.post("/api/v1/auth/token/", body, format="json").status_code == 200
    again = api.post("/api/v1/auth/token/", body, format="json")
    assert again.status_code == 401


def test_it_is_turned_off_with_a_code_only(browser: Client, secret: str) -> None:
    assert browser.post("/profile/two-factor/end/", {"code": "1"}).status_code == 400
    assert SecondFactor.objects.count() == 1
    browser.post("/profile/two-factor/end/", {"code": code_of(secret)})
    assert SecondFactor.objects.count() == 0


def test_new_recovery_codes_replace_the_old_ones(person: User) -> None:
    secret = services.factor_begin(user=person)
    old = services.factor_confirm(
        user=person, code=code_of(secret, ahead=-1), facts=FACTS
    )
    new = services.recovery_renew(user=person, code=code_of(secret), facts=FACTS)
    with pytest.raises(services.CodeRefusedError):
        services.code_check(user=person, code=old[0], facts=FACTS)
    services.code_check(user=person, code=new[0], facts=FACTS)


def test_one_that_is_on_is_not_replaced(person: User, secret: str) -> None:
    with pytest.raises(services.CodeRefusedError):
        services.factor_begin(user=person)
    services.code_check(user=person, code=code_of(secret), facts=FACTS)


@pytest.mark.usefixtures("secret")
def test_an_administrator_takes_it_away_from_who_lost_it(
    admin_client: Client, client: Client, person: User
) -> None:
    where = reverse("admin:accounts_user_changelist")
    body = {
        "action": "reset_factor",
        "confirmed": "yes",
        "_selected_action": [str(person.pk)],
    }
    admin_client.post(where, body)
    assert SecondFactor.objects.count() == 0
    client.logout()
    assert log_in(client).headers["Location"] == "/dashboard/"
