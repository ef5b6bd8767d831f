"""What people note beside signals is their own, in the admin too."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.people import role_set
from accounts.roles import Role
from signals_app.identity import Meaning, signal_id
from signals_app.models import SavedFilter, SignalChoice

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
ADDRESS = "/admin/signals_app/signalchoice/"
FILTERS = "/admin/signals_app/savedfilter/"


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


def test_an_operator_reads_the_own_saved_filters_alone() -> None:
    li, _of_li = noted("li", Role.OPERATOR)
    admin, _of_admin = noted("admin", Role.ADMINISTRATOR)
    own, other = (
        SavedFilter.objects.create(
            user=User.objects.get(username=name),
            name=f"filter of {name}",
            query="type=BUY",
        )
        for name in ("li", "admin")
    )
    page = li.get(FILTERS).content.decode()
    assert own.name in page
    assert other.name not in page
    for part in ("change", "history", "delete"):
        answer = li.get(f"{FILTERS}{other.pk}/{part}/")
        assert answer.status_code in {302, 403}, part
        assert other.name.encode() not in answer.content
    # Neither by a search nor by a filter of the address.
    for query in ("user__username=admin", f"user__id__exact={other.user_id}", "all="):
        answer = li.get(f"{FILTERS}?{query}", follow=True)
        assert other.name.encode() not in answer.content, query
    assert other.name in admin.get(FILTERS).content.decode()
    assert own.name in admin.get(FILTERS).content.decode()
