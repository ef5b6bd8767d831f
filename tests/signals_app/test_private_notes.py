"""What people note beside signals is their own, in the admin too."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.people import role_set
from accounts.roles import Role
from signals_app.identity import Meaning, signal_id
from signals_app.models import SignalChoice

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
ADDRESS = "/admin/signals_app/signalchoice/"


def noted(name: str, role: Role) -> tuple[Client, SignalChoice]:
    """Return a browser of a new person, and what they noted."""
    user = User.objects.create_user(name, "secret-word", language="en")
    role_set(user=user, role=role)
    browser = Client()
    browser.force_login(user)
    now = timezone.now()
    meaning = Meaning(f"name:{name}", "binance", "BTC/USDT", "5m", "enter_long")
    row = SignalChoice.objects.create(
        user=user,
        signal_id=signal_id(meaning, now),
        timestamp=now,
        choice="taken",
        note=f"secret of {name}",
    )
    return browser, row


def test_an_operator_reads_the_own_notes_and_an_administrator_all() -> None:
    li, of_li = noted("li", Role.OPERATOR)
    mei, of_mei = noted("mei", Role.OPERATOR)
    admin, _of_admin = noted("admin", Role.ADMINISTRATOR)
    for browser, own, other in ((li, of_li, of_mei), (mei, of_mei, of_li)):
        page = browser.get(ADDRESS)
        assert page.status_code == 200
        assert own.note in page.content.decode()
        assert other.note not in page.content.decode()
        one = browser.get(f"{ADDRESS}{own.pk}/change/")
        assert own.note in one.content.decode()
        # The admin's answer to a row that is not there.
        assert browser.get(f"{ADDRESS}{other.pk}/change/").status_code == 302
    page = admin.get(ADDRESS)
    assert of_li.note in page.content.decode()
    assert of_mei.note in page.content.decode()
