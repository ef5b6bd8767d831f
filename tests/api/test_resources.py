"""The addresses that are not covered by their apps' own tests of the API."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.facts import RequestFacts
from accounts.models import User
from accounts.scopes import Scope
from accounts.services import token_create
from monitoring.models import ErrorLog
from monitoring.schedules.services import schedules_seed
from notifications.models import Alert, Notification, NotificationChannel
from strategies.models import Strategy
from tests.strategies import factories

if TYPE_CHECKING:
    import redis
    from django.test import Client

pytestmark = pytest.mark.django_db(transaction=True)
V1 = "/api/v1/"
HOOK = {"url": "http://127.0.0.1:9/hook", "secret": "wheel-of-cheese"}


def ask(api: APIClient, method: str, path: str, body: Any = None) -> Any:
    answer = getattr(api, method)(f"{V1}{path}", body, format="json")
    assert answer.status_code < 300, answer.content
    return answer.json() if answer.content else None


def reader(*scopes: Scope, superuser: bool = True) -> APIClient:
    make = User.objects.create_superuser if superuser else User.objects.create_user
    user = make("reader", "secret-word")
    facts = RequestFacts("127.0.0.1", "tests")
    token = token_create(user=user, facts=facts, days=1, scopes=scopes)[1]
    return APIClient(
        headers={"authorization": f"Bearer {token}", "accept-language": "en"}
    )


# -- Channels and notifications -------------------------------------------------------


def test_a_channel_is_made_and_its_secret_never_comes_back(api: APIClient) -> None:
    body = {"name": "hook", "type": "webhook", "config": HOOK}
    made = api.post(f"{V1}channels/", body, format="json")

    assert made.status_code == 201
    assert made.json()["secrets"] == ["secret", "url"]
    shown = api.get(f"{V1}channels/{made.json()['id']}/")
    for answer in (made, shown, api.get(f"{V1}channels/")):
        assert b"wheel-of-cheese" not in answer.content


def test_a_change_of_a_channel_keeps_the_secret_that_it_does_not_name(
    api: APIClient,
) -> None:
    body = {"name": "hook", "type": "webhook", "config": HOOK}
    number = ask(api, "post", "channels/", body)["id"]
    before = NotificationChannel.objects.get(pk=number).config["secret"]

    changed = ask(
        api,
        "patch",
        f"channels/{number}/",
        {"enabled": False, "config": {"body": {"text": "{title}"}}},
    )

    assert (changed["enabled"], changed["secrets"]) == (False, ["secret", "url"])
    assert NotificationChannel.objects.get(pk=number).config["secret"] == before


def test_a_channel_that_cannot_work_is_refused_with_a_sentence(api: APIClient) -> None:
    body = {"name": "hook", "type": "webhook", "config": {}}
    answer = api.post(f"{V1}channels/", body, format="json")

    assert answer.status_code == 400
    assert "url" in answer.json()["detail"]


def test_a_notification_is_found_by_its_state_and_sent_again(api: APIClient) -> None:
    channel = NotificationChannel.objects.create(
        name="hook", type="webhook", config={"url": "http://127.0.0.1:9/"}
    )
    row = Notification.objects.create(
        channel=channel,
        channel_type="webhook",
        message_type="system",
        content="Hello\n\nworld",
        status="failed",
        metadata={"priority": "P1", "title": "Hello"},
    )

    (found,) = ask(api, "get", "notifications/?state=failed")["results"]
    assert (found["id"], found["title"], found["priority"]) == (row.id, "Hello", "P1")
    assert ask(api, "get", "notifications/?state=sent")["results"] == []
    assert ask(api, "get", f"notifications/{row.id}/")["body"] == "world"

    sent = ask(api, "post", f"notifications/{row.id}/resend/")
    again = Notification.objects.get(pk=sent["id"])
    assert again.metadata["resend_of"] == row.id

    explained = ask(api, "get", f"notifications/explain/?notification={row.id}")
    assert [each["channel"] for each in explained["results"]] == [channel.pk]


def test_a_notification_of_a_channel_that_is_off_is_not_sent_again(
    api: APIClient,
) -> None:
    channel = NotificationChannel.objects.create(
        name="hook", type="webhook", enabled=False, config={}
    )
    row = Notification.objects.create(
        channel=channel,
        channel_type="webhook",
        message_type="system",
        content="Hello",
        status="failed",
    )

    assert api.post(f"{V1}notifications/{row.id}/resend/").status_code == 409


def test_a_silence_is_made_and_ended(api: APIClient) -> None:
    until = (timezone.now() + timedelta(hours=1)).isoformat()
    body = {"reason": "works", "ends_at": until, "matcher": {"priorities": ["P2"]}}
    made = ask(api, "post", "silences/", body)

    assert (made["state"], made["created_by"]) == ("active", "admin")
    ask(api, "delete", f"silences/{made['id']}/")
    assert ask(api, "get", "silences/")["results"] == []
    (ended,) = ask(api, "get", "silences/?ended=true")["results"]
    assert ended["state"] == "ended"


def test_open_alerts_are_told_from_those_that_are_over(api: APIClient) -> None:
    now = timezone.now()
    Alert.objects.create(key="open", priority="P0", title="Open", since=now)
    Alert.objects.create(
        key="over", priority="P1", title="Over", since=now, resolved_at=now
    )

    def keys(query: str) -> set[str]:
        return {row["key"] for row in ask(api, "get", f"alerts/{query}")["results"]}

    assert keys("") == {"open", "over"}
    assert keys("?open=true") == {"open"}


# -- Strategies and drafts ------------------------------------------------------------


def test_a_strategy_is_renamed_unless_somebody_else_was_faster(api: APIClient) -> None:
    url = f"{V1}strategies/{factories.strategy('one').pk}/"
    tag = api.get(url)["ETag"]

    def rename(name: str) -> Any:
        return api.patch(url, {"name": name}, format="json", headers={"if-match": tag})

    assert rename("two").json()["name"] == "two"
    assert rename("three").status_code == 412


def test_versions_are_listed_compared_and_rolled_back_to(api: APIClient) -> None:
    path = f"strategies/{factories.strategy('one').pk}/"
    thresholds = {"strong": 90, "medium": 60, "weak": 30}
    ask(api, "patch", path, {"signal_thresholds": thresholds, "summary": "Stricter."})

    listed = ask(api, "get", f"{path}versions/")["results"]
    assert [(row["version"], row["active"]) for row in listed] == [
        ("v1.1", True),
        ("v1.0", False),
    ]
    compared = ask(api, "get", f"{path}compare/?old=v1.0&new=v1.1")
    assert {"name": "signal_thresholds.strong", "old": 80, "new": 90} in compared[
        "settings"
    ]
    ask(api, "post", f"{path}roll-back/", {"version": "v1.0"})
    assert ask(api, "get", path)["signal_thresholds"]["strong"] == 80
    again = api.post(f"{V1}{path}roll-back/", {"version": "v1.0"}, format="json")
    assert again.status_code == 409


def test_a_copy_is_a_strategy_of_its_own(api: APIClient) -> None:
    original = factories.strategy("one")
    copy = ask(api, "post", f"strategies/{original.pk}/copy/", {"name": "two"})

    assert (copy["name"], copy["status"]) == ("two", "stopped")
    assert Strategy.objects.get(pk=copy["id"]).parent_strategy_id == original.pk


def test_a_draft_of_a_strategy_is_changed_and_published(api: APIClient) -> None:
    strategy = factories.strategy("one")
    draft = ask(api, "post", "strategies/drafts/", {"of": strategy.pk})
    assert (draft["of"], draft["name"], draft["problems"]) == (strategy.pk, "one", [])

    thresholds = {"strong": 90, "medium": 60, "weak": 30}
    path = f"strategies/drafts/{draft['id']}/"
    ask(api, "patch", path, {"signal_thresholds": thresholds})
    published = ask(api, "post", f"{path}publish/")

    assert published == {
        "state": "published",
        "strategy": strategy.pk,
        "version": "v1.1",
    }
    assert api.get(f"{V1}{path}").status_code == 404


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ({"exchange": {"key": "a-key", "secret": "a-secret"}}, "exchange.key"),
        ({"dry_run": False}, "dry_run"),
        ({"telegram": {"enabled": True}}, "telegram"),
    ],
)
def test_a_draft_is_refused_the_settings_that_the_page_refuses(
    api: APIClient, setting: dict[str, Any], named: str
) -> None:
    draft = ask(api, "post", "strategies/drafts/", {"of": factories.strategy("one").pk})
    url = f"{V1}strategies/drafts/"
    body = {"freqtrade_config": setting}

    for answer in (
        api.post(url, body | {"name": "new"}, format="json"),
        api.patch(f"{url}{draft['id']}/", body, format="json"),
    ):
        assert answer.status_code == 400
        assert named in answer.json()["errors"]["freqtrade_config"][0]
    assert Strategy.objects.get(pk=draft["id"]).freqtrade_config == {}
    # What BTC Watcher keeps beside them has rules of its own.
    assert ask(
        api, "patch", f"strategies/drafts/{draft['id']}/", {"freqtrade_config": {}}
    )


def test_a_key_that_was_stored_before_is_not_shown_and_not_published(
    api: APIClient, admin: User, client: Client
) -> None:
    strategy = factories.strategy("one")
    strategy.freqtrade_config = {"exchange": {"key": "abc123", "secret": "def456"}}
    strategy.save()
    draft = ask(api, "post", "strategies/drafts/", {"of": strategy.pk})
    path = f"strategies/drafts/{draft['id']}/"

    refused = api.post(f"{V1}{path}publish/")

    assert refused.status_code == 409
    assert "exchange.key" in refused.json()["detail"]
    assert "exchange.key" in draft["problems"][0]
    client.force_login(admin)
    pages: list[Any] = [
        api.get(f"{V1}{path}"),
        api.get(f"{V1}strategies/{strategy.pk}/"),
        client.get(f"/strategies/{strategy.pk}/"),
        client.get("/audit/?period=7"),
    ]
    for page in pages:
        assert page.status_code == 200
        assert b"abc123" not in page.content
        assert b"def456" not in page.content
    # The audit says that it was changed, and not to what.
    assert b"exchange.key" in pages[-1].content
    mended = ask(api, "patch", path, {"freqtrade_config": {}})
    assert mended["problems"] == []


def test_new_code_is_tried_before_it_is_published_and_is_recorded(
    api: APIClient,
) -> None:
    config = factories.strategy("one").config
    draft = ask(api, "post", "strategies/drafts/", {"name": "new", "config": config})
    path = f"strategies/drafts/{draft['id']}/"

    answer = api.post(f"{V1}{path}publish/")

    assert answer.status_code == 202
    assert answer.json()["state"] == "trial"
    assert ask(api, "get", path)["trial"]["state"] == "wanted"
    assert LogEntry.objects.filter(change_message__contains="sent to the API").exists()


def test_who_may_not_upload_code_brings_none(redis_client: redis.Redis) -> None:
    config = factories.strategy("one").config
    user = User.objects.create_user("editor", "secret-word")
    user.user_permissions.add(Permission.objects.get(codename="change_strategy"))
    client = APIClient(headers={"accept-language": "en"})
    client.force_authenticate(user)

    refused = client.post(
        f"{V1}strategies/drafts/", {"name": "new", "config": config}, format="json"
    )
    allowed = client.post(f"{V1}strategies/drafts/", {"name": "new"}, format="json")

    assert (refused.status_code, allowed.status_code) == (403, 201)


# -- The system -----------------------------------------------------------------------


def test_an_error_is_dealt_with_and_taken_up_again(api: APIClient) -> None:
    rows = [
        ErrorLog.objects.create(
            level="ERROR", component="api", message=f"bad {number}", context={}
        )
        for number in range(3)
    ]
    first = f"system/errors/{rows[0].pk}/"

    assert ask(api, "patch", first, {"resolved": True})["resolved"]
    assert len(ask(api, "get", "system/errors/")["results"]) == 2
    assert not ask(api, "patch", first, {"resolved": False})["resolved"]
    ids = [row.pk for row in rows]
    assert ask(api, "post", "system/errors/resolve/", {"ids": ids}) == {"resolved": 3}


def test_errors_come_in_pages(api: APIClient) -> None:
    for number in range(5):
        ErrorLog.objects.create(
            level="ERROR", component="api", message=str(number), context={}
        )
    url: str | None = f"{V1}system/errors/?page_size=2"
    found = []
    while url:
        page = api.get(url).json()
        found += [row["message"] for row in page["results"]]
        url = page["next"]

    assert found == ["4", "3", "2", "1", "0"]


def test_an_interval_is_changed_within_its_bounds(api: APIClient) -> None:
    schedules_seed()
    path = "system/schedules/test proxies/"

    assert ask(api, "patch", path, {"seconds": 900})["seconds"] == 900
    assert not ask(api, "patch", path, {"enabled": False})["enabled"]
    refused = api.patch(f"{V1}{path}", {"seconds": 1}, format="json")
    assert refused.status_code == 400
    assert "choose between" in refused.json()["detail"]


def test_partitions_are_shown_and_counted(api: APIClient) -> None:
    found = ask(api, "get", "system/partitions/")["results"]

    assert {row["table"] for row in found} >= {"signals", "notification_history"}
    counted = ask(api, "get", "system/partitions/signals_default/rows/")
    assert counted == {"name": "signals_default", "rows": 0}
    assert api.get(f"{V1}system/partitions/users/rows/").status_code == 404


def test_what_shows_how_the_system_is_built_is_for_operators(
    redis_client: redis.Redis,
) -> None:
    viewer = reader(Scope.READ, superuser=False)

    assert viewer.get(f"{V1}system/").status_code == 200
    for path in ("errors", "partitions", "backups"):
        assert viewer.get(f"{V1}system/{path}/").status_code == 403


# -- One's own account ----------------------------------------------------------------


def test_a_token_that_was_made_works_for_what_it_may(api: APIClient) -> None:
    body = {"name": "script", "days": 3, "scopes": ["read"]}
    made = ask(api, "post", "me/tokens/", body)
    client = APIClient(headers={"authorization": f"Bearer {made['token']}"})

    assert client.get(f"{V1}me/").json()["scopes"] == ["read"]
    until = {"reason": "x", "ends_at": "2100-01-01T00:00:00Z"}
    assert client.post(f"{V1}silences/", until, format="json").status_code == 403
    # It gives itself no other token.
    assert client.post(f"{V1}me/tokens/", body, format="json").status_code == 403

    ask(api, "delete", f"me/sessions/{made['id']}/")
    assert client.get(f"{V1}me/").status_code == 401


def test_starting_needs_the_scope_operate(redis_client: redis.Redis) -> None:
    strategy = factories.strategy("one")
    client = reader(Scope.READ, Scope.WRITE)

    answer = client.post(f"{V1}strategies/{strategy.pk}/start/")

    assert answer.status_code == 403
    assert "operate" in answer.json()["detail"]


def test_preferences_are_changed_one_by_one(api: APIClient, admin: User) -> None:
    quiet = {"from": "22:30", "to": "07:00"}
    found = ask(
        api, "patch", "me/", {"timezone": "Europe/Berlin", "quiet_hours": quiet}
    )

    assert found["quiet_hours"] == {**quiet, "passes": "P0"}
    assert (
        ask(api, "patch", "me/", {"language": "zh-CN"})["timezone"] == "Europe/Berlin"
    )
    admin.refresh_from_db()
    assert admin.preferences["quiet_hours"]["from"] == "22:30"
    bad = api.patch(f"{V1}me/", {"timezone": "Mars/Base"}, format="json")
    assert bad.status_code == 400
