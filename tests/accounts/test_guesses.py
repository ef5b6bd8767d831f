"""Codes and passwords are slowed down, told, and never in the owner's way."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pyotp
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import guesses
from accounts.cache import FREE_PER_ACCOUNT, FREE_PER_PAIR, LONGEST_WAIT
from accounts.facts import RequestFacts
from accounts.guesses import Guess, guess_forgive, guess_lock, guess_wait
from accounts.models import User
from accounts.second_factor import codes, services
from btc_watcher.lib.redis_client import redis_connection
from btc_watcher.local import ports
from tests.accounts.conftest import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis
    from pytest_django import Settings

pytestmark = [pytest.mark.usefixtures("redis_client"), pytest.mark.django_db]
HERE, THERE = "198.51.100.7", "203.0.113.9"
OWNER = RequestFacts(HERE, "")
CODE, END = "/login/code/", "/profile/two-factor/end/"
BEGIN, CHANGE = "/profile/two-factor/begin/", "/profile/password/"
NEW = "aV3ry-long-one"


def code_of(secret: str) -> str:
    return pyotp.TOTP(secret).at(int(time.time()))


@pytest.fixture
def secret(person: User) -> str:
    """The secret of ``person``, whose second factor is on."""
    made = services.factor_begin(user=person)
    before = pyotp.TOTP(made).at(int(time.time()) - codes.PERIOD)
    services.factor_confirm(user=person, code=before, facts=OWNER)
    return made


@pytest.fixture
def _no_redis(redis_client: redis.Redis, settings: Settings) -> Iterator[None]:
    redis_connection.cache_clear()
    settings.REDIS_URL = f"redis://127.0.0.1:{ports.any_free()}/0"
    yield
    redis_connection().close()
    redis_connection.cache_clear()


def halfway(address: str) -> Client:
    """Return a browser in which the right password of ``person`` was given."""
    client = Client(REMOTE_ADDR=address)
    answer = client.post("/login/", {"username": "mei", "password": PASSWORD})
    assert answer.headers["Location"] == CODE
    return client


def known(person: User, *addresses: str) -> None:
    User.objects.filter(pk=person.pk).update(
        security_info={"addresses": list(addresses)}
    )


def statuses(client: Client, path: str, body: dict[str, str], times: int) -> list[int]:
    return [client.post(path, body).status_code for _time in range(times)]


@pytest.mark.usefixtures("secret")
def test_the_right_password_in_between_makes_no_wrong_code_free(
    browser: Client,
) -> None:
    seen = []
    for _round in range(3):
        seen += statuses(browser, END, {"code": "000000"}, 3)
        seen += statuses(browser, BEGIN, {"password": PASSWORD}, 1)
    assert seen[:3] == [400, 400, 400]
    assert seen[-4:-1] == [429, 429, 429]


def test_passwords_are_not_guessed_at_the_page_that_changes_them(
    browser: Client, person: User
) -> None:
    wrong = {"old_password": "wrong", "new_password1": NEW, "new_password2": NEW}
    seen = statuses(browser, CHANGE, wrong, FREE_PER_PAIR + 2)
    assert seen == [400] * FREE_PER_PAIR + [429] * 2
    right = browser.post(CHANGE, wrong | {"old_password": PASSWORD})
    assert right.status_code == 429
    assert 1 <= int(right.headers["Retry-After"]) <= LONGEST_WAIT
    assert "Too many wrong passwords" in right.content.decode()
    person.refresh_from_db()
    assert person.check_password(PASSWORD)
    assert browser.post(BEGIN, {"password": PASSWORD}).status_code == 429


def test_a_new_password_that_does_not_fit_is_no_guess(
    browser: Client, person: User
) -> None:
    short = {"old_password": PASSWORD, "new_password1": "x", "new_password2": "x"}
    assert set(statuses(browser, CHANGE, short, FREE_PER_PAIR + 2)) == {400}
    fits = short | {"new_password1": NEW, "new_password2": NEW}
    assert browser.post(CHANGE, fits).status_code == 302
    person.refresh_from_db()
    assert person.check_password(NEW)


def test_who_knows_the_password_does_not_lock_the_owner_out(
    secret: str, person: User
) -> None:
    known(person, HERE)
    stranger = halfway(THERE)
    seen = statuses(stranger, CODE, {"code": "000001"}, 12)
    assert seen == [200] * FREE_PER_PAIR + [429] * 7
    assert halfway(HERE).post(CODE, {"code": code_of(secret)}).status_code == 302


def test_many_addresses_together_wait_and_the_owner_does_not(
    secret: str, person: User
) -> None:
    known(person, HERE)
    for number in range(FREE_PER_ACCOUNT):
        facts = RequestFacts(f"203.0.113.{number}", "")
        assert guess_wait(user=person, kind=Guess.CODE, facts=facts) == 0
    stranger = RequestFacts("203.0.113.99", "")
    assert guess_wait(user=person, kind=Guess.CODE, facts=stranger) > 0
    person.refresh_from_db()
    counts = person.security_info["guesses"]["code"]
    assert len(counts) <= guesses.ADDRESSES_KEPT + 1
    assert halfway(HERE).post(CODE, {"code": code_of(secret)}).status_code == 302


def test_wrong_codes_are_told_to_the_owner(secret: str, person: User) -> None:
    statuses(halfway(THERE), CODE, {"code": "000001"}, 4)
    page = halfway(HERE).post(CODE, {"code": code_of(secret)}, follow=True)
    text = page.content.decode()
    assert "4 attempts with your name failed" in text
    assert THERE in text
    person.refresh_from_db()
    assert person.security_info["failures_before"]["count"] == 4


def test_the_wait_doubles_and_ends_with_a_day(
    person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = timezone.now()
    passed = 0.0

    def wait() -> int:
        moment = start + timedelta(seconds=passed)
        monkeypatch.setattr(timezone, "now", lambda: moment)
        return guess_wait(user=person, kind=Guess.CODE, facts=OWNER)

    assert [wait() for _time in range(FREE_PER_PAIR)] == [0] * FREE_PER_PAIR
    waits = []
    for _round in range(8):
        waits.append(wait())
        passed += waits[-1]
        assert wait() == 0
    assert waits == [15, 30, 60, 120, 240, 480, 900, 900]
    passed += guesses.FORGOTTEN_AFTER
    assert wait() == 0
    person.refresh_from_db()
    assert person.security_info["guesses"]["code"][HERE][0] == 1


def test_a_clock_that_was_ahead_makes_nobody_wait_for_it(
    person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = timezone.now() + timedelta(days=1)
    with monkeypatch.context() as patch:
        patch.setattr(timezone, "now", lambda: ahead)
        for _time in range(FREE_PER_PAIR):
            guess_wait(user=person, kind=Guess.CODE, facts=OWNER)
    assert guess_wait(user=person, kind=Guess.CODE, facts=OWNER) == 15
    later = timezone.now() + timedelta(seconds=20)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert guess_wait(user=person, kind=Guess.CODE, facts=OWNER) == 0


def test_what_was_right_forgives_its_own_address_and_kind(person: User) -> None:
    other = RequestFacts(THERE, "")
    for kind in Guess:
        for facts in (OWNER, other):
            guess_wait(user=person, kind=kind, facts=facts)
    guess_forgive(user=person, kind=Guess.PASSWORD, facts=OWNER)
    person.refresh_from_db()
    left = person.security_info["guesses"]
    assert set(left["password"]) == {THERE}
    assert set(left["code"]) == {"all", HERE, THERE}
    for kind in Guess:
        for facts in (OWNER, other):
            guess_forgive(user=person, kind=kind, facts=facts)
    person.refresh_from_db()
    assert "guesses" not in person.security_info


@pytest.mark.usefixtures("_no_redis")
def test_codes_are_counted_without_redis(secret: str, person: User) -> None:
    for _time in range(FREE_PER_PAIR):
        with pytest.raises(services.CodeRefusedError):
            services.code_check(user=person, code="000000", facts=OWNER)
    with pytest.raises(services.TooManyCodesError):
        services.code_check(user=person, code=code_of(secret), facts=OWNER)


@pytest.mark.usefixtures("_no_redis")
def test_unlocking_without_redis_says_so_and_forgets_codes(
    admin_client: Client, admin_user: User, person: User
) -> None:
    User.objects.filter(pk=admin_user.pk).update(language="en")
    for _time in range(FREE_PER_PAIR):
        guess_wait(user=person, kind=Guess.CODE, facts=OWNER)
    body = {"action": "unlock", "_selected_action": [str(person.pk)]}
    where = reverse("admin:accounts_user_changelist")
    page = admin_client.post(where, body, follow=True)
    assert page.status_code == 200
    assert "Redis does not answer" in page.content.decode()
    person.refresh_from_db()
    assert guess_lock(person) == 0


def test_an_administrator_sees_who_waits_for_codes(
    admin_client: Client, admin_user: User, person: User
) -> None:
    User.objects.filter(pk=admin_user.pk).update(language="en")
    for _time in range(FREE_PER_PAIR):
        guess_wait(user=person, kind=Guess.CODE, facts=OWNER)
    page = admin_client.get(reverse("admin:accounts_user_change", args=[person.pk]))
    assert "new addresses wait" in page.content.decode()
