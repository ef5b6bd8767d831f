"""Guessing is slowed down and told; an office and the owner are not locked out."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from django.test import Client
from django.urls import reverse

from accounts import cache, services
from accounts.cache import login_forgive, login_lock, login_wait
from accounts.facts import RequestFacts
from accounts.models import User
from btc_watcher.env import env
from tests.accounts.conftest import PASSWORD

if TYPE_CHECKING:
    import redis

pytestmark = [pytest.mark.usefixtures("redis_client"), pytest.mark.django_db]
HERE, THERE = "192.0.2.1", "198.51.100.7"


def fails(count: int, *, ip: str = HERE, name: str = "mei") -> None:
    for _ in range(count):
        assert login_wait(ip_address=ip, username=name) == 0


def age(client: redis.Redis, seconds: int) -> None:
    """Make what failed so much older."""
    (key,) = client.keys("accounts:failures:*")
    for field in map(str, client.hkeys(key)):
        if field.endswith(":at"):
            client.hincrby(key, field, -seconds)


def test_the_wait_doubles_with_each_failure_up_to_a_quarter_of_an_hour(
    redis_client: redis.Redis,
) -> None:
    fails(cache.FREE_PER_PAIR)
    waits = []
    for _ in range(9):
        wait = login_wait(ip_address=HERE, username="mei")
        waits.append(wait)
        age(redis_client, wait)
        assert login_wait(ip_address=HERE, username="mei") == 0
    assert waits == [15, 30, 60, 120, 240, 480, 900, 900, 900]


def test_waiting_is_not_made_longer_by_asking_meanwhile() -> None:
    fails(cache.FREE_PER_PAIR)
    waits = [login_wait(ip_address=HERE, username="mei") for _ in range(20)]
    assert max(waits) == 15


def test_a_clock_that_was_ahead_makes_nobody_wait_for_it(
    redis_client: redis.Redis,
) -> None:
    fails(cache.FREE_PER_PAIR)
    age(redis_client, -86_400)
    assert login_lock("mei")[1] == 15
    assert login_wait(ip_address=HERE, username="mei") == 15
    age(redis_client, 15)
    assert login_wait(ip_address=HERE, username="mei") == 0


def test_another_account_behind_the_same_address_is_not_held_up() -> None:
    fails(cache.FREE_PER_PAIR)
    assert login_wait(ip_address=HERE, username="mei") > 0
    assert login_wait(ip_address=HERE, username="li") == 0


def test_an_address_waits_a_minute_at_most_however_much_it_fails(
    redis_client: redis.Redis,
) -> None:
    for number in range(cache.PER_ADDRESS):
        assert login_wait(ip_address=HERE, username=f"name-{number}") == 0
    assert 1 <= login_wait(ip_address=HERE, username="li") <= 60
    assert login_wait(ip_address=THERE, username="li") == 0
    for key in redis_client.keys("rate_limit:*"):
        assert 0 < redis_client.ttl(key) <= 60


def test_guesses_from_many_addresses_hold_up_strangers_and_not_the_owner() -> None:
    for number in range(cache.FREE_PER_ACCOUNT):
        fails(1, ip=f"203.0.113.{number}")
    assert login_wait(ip_address=THERE, username="mei") > 0
    known = {"username": "mei", "known_address": True}
    assert login_wait(ip_address=HERE, **known) == 0  # type: ignore[arg-type]


def test_an_address_is_known_from_the_login_before(person: User) -> None:
    facts = RequestFacts(HERE, "Firefox")
    services.login_note(user=person, facts=facts)
    for number in range(cache.FREE_PER_ACCOUNT):
        fails(1, ip=f"203.0.113.{number}")
    user = services.credentials_check(username="mei", password=PASSWORD, facts=facts)
    assert user == person
    for number in range(cache.FREE_PER_ACCOUNT):
        fails(1, ip=f"203.0.113.{100 + number}")
    with pytest.raises(services.TooManyLoginsError):
        services.credentials_check(
            username="mei", password=PASSWORD, facts=RequestFacts(THERE, "")
        )


def test_a_login_forgives_only_its_own_address() -> None:
    fails(cache.FREE_PER_PAIR, ip=THERE)
    fails(3)
    failures = login_forgive(ip_address=HERE, username="mei")
    assert failures.number == cache.FREE_PER_PAIR + 2
    assert login_wait(ip_address=HERE, username="mei") == 0
    assert login_wait(ip_address=THERE, username="mei") > 0


def test_what_failed_is_told_after_the_next_login_and_kept_in_security_info(
    client: Client, person: User
) -> None:
    for _ in range(3):
        client.post("/login/", {"username": "mei", "password": "wrong"})
    answer = client.post(
        "/login/",
        {"username": "mei", "password": PASSWORD},
        headers={"user-agent": "Firefox/141.0 (Linux)"},
        follow=True,
    )
    assert "3 attempts with your name failed" in answer.content.decode()
    person.refresh_from_db()
    info = person.security_info
    assert info["failures_before"]["count"] == 3
    assert info["last_login"]["address"] == "127.0.0.1"
    assert info["last_login"]["program"].startswith("Firefox")
    assert info["addresses"] == ["127.0.0.1"]
    client.logout()
    again = Client()
    answer = again.post(
        "/login/", {"username": "mei", "password": PASSWORD}, follow=True
    )
    assert "with your name failed" not in answer.content.decode()
    person.refresh_from_db()
    assert person.security_info["previous_login"] == info["last_login"]
    page = again.get("/profile/security/").content.decode()
    assert "127.0.0.1" in page


def test_an_administrator_sees_the_lock_and_opens_it(
    admin_client: Client, admin_user: User, person: User
) -> None:
    User.objects.filter(pk=admin_user.pk).update(language="en")
    fails(cache.FREE_PER_PAIR)
    assert login_wait(ip_address=HERE, username="mei") > 0
    assert login_lock("mei")[1] > 0
    page = admin_client.get(reverse("admin:accounts_user_change", args=[person.pk]))
    assert "new addresses wait" in page.content.decode()
    where = reverse("admin:accounts_user_changelist")
    body = {"action": "unlock", "_selected_action": [str(person.pk)]}
    admin_client.post(where, body)
    assert login_wait(ip_address=HERE, username="mei") == 0


def test_an_attack_from_many_addresses_fills_no_memory(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "ADDRESSES_KEPT", 20)
    monkeypatch.setattr(cache, "FREE_PER_ACCOUNT", 1000)
    for number in range(100):
        login_wait(ip_address=f"10.0.0.{number}", username="mei")
    (key,) = redis_client.keys("accounts:failures:*")
    assert redis_client.hlen(key) <= 45


def test_all_other_sessions_end_and_tokens_stay(browser: Client, person: User) -> None:
    others = [Client(), Client()]
    for other in others:
        other.force_login(person)
        other.get("/settings/")
    row, _token = services.token_create(
        user=person, facts=RequestFacts(None, ""), days=1
    )
    browser.post("/profile/sessions/revoke-others/")
    assert browser.get("/settings/").status_code == 200
    assert [other.get("/settings/").status_code for other in others] == [302, 302]
    row.refresh_from_db()


def test_cookies_are_secure_and_hsts_is_sent_behind_tls() -> None:
    code = (
        "from btc_watcher import settings as s;"
        "print(s.SESSION_COOKIE_SECURE and s.CSRF_COOKIE_SECURE,"
        " s.SECURE_HSTS_SECONDS, s.SESSION_COOKIE_HTTPONLY)"
    )
    asked = subprocess.run(
        [sys.executable, "-c", code],
        env={**env.ENVIRON, "BTCW_BEHIND_TLS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert asked.stdout.split() == ["True", str(365 * 24 * 3600), "True"]
