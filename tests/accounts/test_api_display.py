"""How pages look and sound, by ``/api/v1/me/``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from accounts.display import Display

if TYPE_CHECKING:
    from rest_framework.test import APIClient

    from accounts.models import User

pytestmark = pytest.mark.usefixtures("redis_client")

ME = "/api/v1/me/"
NOTHING_CHOSEN = {
    "theme": "auto",
    "rise": None,
    "start": "dashboard",
    "calls": {"sound": False, "notify": False, "level": "strong"},
    "shortcuts": True,
}


@pytest.fixture
def mine(api: APIClient, person: User) -> APIClient:
    api.force_authenticate(person)
    return api


def change(api: APIClient, display: Any) -> Any:
    answer = api.patch(ME, {"display": display}, format="json")
    return answer.json() | {"code": answer.status_code}


def test_who_chose_nothing_is_told_what_counts(mine: APIClient) -> None:
    assert mine.get(ME).json()["display"] == NOTHING_CHOSEN


def test_a_change_keeps_what_it_does_not_name(mine: APIClient, person: User) -> None:
    change(mine, {"theme": "dark", "calls": {"sound": True}})
    changed = change(mine, {"rise": "red", "calls": {"level": "weak"}})

    assert changed["code"] == 200
    assert changed["display"] == {
        "theme": "dark",
        "rise": "red",
        "start": "dashboard",
        "calls": {"sound": True, "notify": False, "level": "weak"},
        "shortcuts": True,
    }
    assert mine.get(ME).json()["display"] == changed["display"]
    person.refresh_from_db()
    assert Display.read(person.preferences).theme == "dark"


def test_keys_of_one_character_are_switched_off_and_on(
    mine: APIClient, person: User
) -> None:
    assert change(mine, {"shortcuts": False})["display"]["shortcuts"] is False
    person.refresh_from_db()
    assert Display.read(person.preferences) == Display(shortcuts=False)
    assert change(mine, {"shortcuts": True})["display"] == NOTHING_CHOSEN


def test_other_preferences_leave_it_alone(mine: APIClient) -> None:
    change(mine, {"start": "live"})
    answer = mine.patch(ME, {"timezone": "Europe/Berlin"}, format="json")
    assert answer.json()["display"]["start"] == "live"


def test_the_colour_of_what_rises_follows_the_language_again(mine: APIClient) -> None:
    change(mine, {"rise": "green"})
    assert change(mine, {"rise": None})["display"]["rise"] is None


@pytest.mark.parametrize(
    ("display", "named"),
    [
        ({"theme": "sepia"}, "display.theme"),
        ({"calls": {"level": "P0"}}, "display.calls.level"),
        ({"shortcuts": "perhaps"}, "display.shortcuts"),
        ({"colour": "red"}, "display.colour"),
        ({"calls": {"volume": 11}}, "display.calls.volume"),
        ({"calls": None}, "display.calls"),
    ],
)
def test_what_makes_no_sense_is_named_and_changes_nothing(
    mine: APIClient, display: Any, named: str
) -> None:
    refused = change(mine, {"start": "live", **display})

    assert refused["code"] == 400
    assert list(refused["errors"]) == [named]
    assert mine.get(ME).json()["display"] == NOTHING_CHOSEN
