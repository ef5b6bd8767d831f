"""Every change is recorded: who, what, before and after, and no secret."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone, translation
from rest_framework.test import APIClient

from accounts import people, services
from accounts.audit.actor import Actor, acting_as, actor_now, command_noted
from accounts.audit.selectors import Wanted, audit_page
from accounts.audit.services import audit_forget
from accounts.audit.shown import entries_shown, flattened
from accounts.audit.tables import TABLES, WATCHED
from accounts.audit.triggers import triggers_keep
from accounts.facts import RequestFacts
from accounts.models import AuditEntry, User
from accounts.roles import Role
from notifications.models import NotificationChannel, NotificationSilence
from proxies.models import Proxy
from strategies.models import Strategy
from tests.accounts.conftest import PASSWORD

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = [
    pytest.mark.usefixtures("redis_client"),
    pytest.mark.django_db(transaction=True),
]
SECRET = "very-secret-word-77"


def entries(table: str) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(target=table).order_by("id"))


def proxy(**fields: Any) -> Proxy:
    made: Proxy = Proxy.objects.create(
        name="tokyo", type=Proxy.Type.HTTP, host="127.0.0.1", port=1, **fields
    )
    return made


def test_a_change_of_a_person_has_who_where_from_and_both_values(
    admin_client: Client, admin_user: User
) -> None:
    row = proxy()
    admin_client.post(f"/proxies/{row.pk}/switch/", {"enabled": "false"})
    made, switched = entries("proxies")
    assert (made.actor_id, made.action, made.target_name) == (None, "insert", "tokyo")
    assert switched.actor_id == admin_user.pk
    assert (switched.actor_name, switched.via) == (admin_user.username, "page")
    assert (switched.ip_address, switched.action) == ("127.0.0.1", "update")
    assert switched.target_id == str(row.pk)
    assert (switched.before, switched.after) == ({"enabled": True}, {"enabled": False})


def test_nobody_is_left_behind_for_the_next_statement(admin_client: Client) -> None:
    row = proxy()
    admin_client.post(f"/proxies/{row.pk}/switch/", {"enabled": "false"})
    assert actor_now() is None
    Proxy.objects.filter(pk=row.pk).update(priority=7)
    assert [each.actor_id for each in entries("proxies")][-1] is None
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('btc_watcher.actor', true)")
        assert cursor.fetchone() in [("",), (None,)]


def test_a_change_through_the_api_names_the_token(admin_user: User) -> None:
    facts = RequestFacts(None, "")
    _row, token = services.token_create(user=admin_user, facts=facts, days=1, name="ci")
    api = APIClient(headers={"Authorization": f"Bearer {token}"})
    row = proxy()
    answer = api.patch(f"/api/v1/proxies/{row.pk}/", {"priority": 5}, format="json")
    assert answer.status_code == 200
    last = entries("proxies")[-1]
    assert (last.actor_name, last.via) == (admin_user.username, "API: ci")
    assert last.after == {"priority": 5}


def test_a_change_through_the_api_with_the_login_of_a_page_names_the_person(
    admin_client: Client, admin_user: User
) -> None:
    row = proxy()
    answer = admin_client.patch(
        f"/api/v1/proxies/{row.pk}/", {"priority": 5}, content_type="application/json"
    )
    assert answer.status_code == 200
    last = entries("proxies")[-1]
    assert (last.actor_id, last.actor_name) == (admin_user.pk, admin_user.username)
    assert (last.via, last.ip_address) == ("API", "127.0.0.1")
    assert actor_now() is None


def test_a_client_of_the_own_network_is_recorded_too(admin_client: Client) -> None:
    row = proxy()
    where = f"/proxies/{row.pk}/switch/"
    told = {"REMOTE_ADDR": "fe80::1%eth0"}
    answer = admin_client.post(where, {"enabled": "false"}, **told)  # type: ignore[arg-type]
    assert answer.status_code < 400
    assert entries("proxies")[-1].ip_address == "fe80::1"


def test_who_ends_a_login_is_recorded_and_who_logs_out_is_not(
    admin_client: Client, admin_user: User, person: User
) -> None:
    theirs = Client()
    for _time in range(2):
        theirs.post("/login/", {"username": "mei", "password": PASSWORD})
        theirs.post("/logout/")
    assert entries("user_sessions") == []
    theirs.post("/login/", {"username": "mei", "password": PASSWORD})
    body = {
        "action": "end_sessions",
        "confirmed": "yes",
        "_selected_action": [str(person.pk)],
    }
    admin_client.post(reverse("admin:accounts_user_changelist"), body)
    (ended,) = entries("user_sessions")
    assert (ended.actor_id, ended.via) == (admin_user.pk, "admin")
    assert (ended.action, ended.target_id) == ("delete", str(person.pk))
    assert set(ended.before or {}) == {"expires_at", "ip_address", "user_agent"}
    with translation.override("en"):
        (shown,) = entries_shown([ended])
    assert (shown.name, shown.kind) == ("mei", "login or API token")


def test_who_unlocks_an_account_is_recorded(
    admin_client: Client, admin_user: User, person: User
) -> None:
    for _time in range(2):
        body = {"action": "unlock", "_selected_action": [str(person.pk)]}
        admin_client.post(reverse("admin:accounts_user_changelist"), body)
        services.login_note(user=person, facts=RequestFacts("192.0.2.1", ""))
    found = [each for each in entries("users") if each.actor_id == admin_user.pk]
    assert [each.target_name for each in found] == ["mei", "mei"]
    assert set((found[0].after or {})["security_info"]) == {"unlocked_at"}
    with translation.override("en"):
        labels = [
            each.label for shown in entries_shown(found) for each in shown.changes
        ]
    assert labels == ["logins and codes unlocked at"] * 2


def test_a_change_in_the_admin_says_so(admin_client: Client, person: User) -> None:
    body = {
        "username": "mei",
        "language": "en",
        "timezone": "Asia/Tokyo",
        "preferences": "{}",
        "role": "operator",
        "is_active": "on",
    }
    where = reverse("admin:accounts_user_change", args=[person.pk])
    assert admin_client.post(where, body).status_code == 302
    found = [each for each in entries("users") if each.actor_id]
    assert {each.via for each in found} == {"admin"}
    assert found[0].before == {"email": "mei@example.org", "timezone": "Europe/Paris"}
    (role,) = [each for each in entries("users_groups") if each.actor_id]
    with translation.override("en"):
        shown = entries_shown([role])[0]
    assert (shown.name, shown.changes[-1].after) == ("mei", "Operator")


def test_bulk_sql_is_recorded_row_by_row(person: User) -> None:
    for number in range(3):
        Proxy.objects.create(
            name=f"p{number}", type=Proxy.Type.HTTP, host="127.0.0.1", port=number + 1
        )
    with acting_as(Actor(person.pk, "mei", "page")):
        assert Proxy.objects.filter(name__startswith="p").update(priority=9) == 3
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM proxies")
    actions = [each.action for each in entries("proxies") if each.actor_id == person.pk]
    assert actions == ["update"] * 3 + ["delete"] * 3


def test_what_was_rolled_back_is_not_recorded(person: User) -> None:
    row = proxy()
    with acting_as(Actor(person.pk, "mei", "page")), transaction.atomic():
        Proxy.objects.filter(pk=row.pk).update(priority=9)
        transaction.set_rollback(True)
    assert len(entries("proxies")) == 1


def test_no_secret_is_recorded(person: User) -> None:
    from proxies.services import proxy_update  # noqa: PLC0415

    row = proxy()
    proxy_update(row, username="mei", password=SECRET)
    config = {
        "bot_token": SECRET,
        "nested": {"api_key": SECRET, "list": [{"password": SECRET}]},
        "url": f"https://mei:{SECRET}@example.org/hook",
        "sealed": "v1:k1:AAAA",
        "plain": "shown",
    }
    channel = NotificationChannel.objects.create(
        name="c", type="webhook", config=config
    )
    config["bot_token"] = f"{SECRET}-2"
    NotificationChannel.objects.filter(pk=channel.pk).update(config=config)
    user = User.objects.create_user("li", PASSWORD)
    user.set_password(SECRET)
    user.save()
    _row, token = services.token_create(user=user, facts=RequestFacts(None, ""), days=1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(audit_log::text, ' ') FROM audit_log")
        (text,) = cursor.fetchone() or ("",)
    user.refresh_from_db()
    for secret in (SECRET, user.password, token, "v1:k1:AAAA"):
        assert secret not in text
    changed = entries("notification_channels")[-1]
    assert changed.before == changed.after == {"config": {"bot_token": "***"}}
    assert "shown" in text


def test_the_machine_s_own_churn_is_not_recorded() -> None:
    strategy = Strategy.objects.create(name="s", version="v1.0")
    row = proxy()
    before = AuditEntry.objects.count()
    Strategy.objects.filter(pk=strategy.pk).update(
        status="running", health_metrics={"score": 90}, updated_at=timezone.now()
    )
    Proxy.objects.filter(pk=row.pk).update(
        status="healthy", performance_metrics={"x": 1}, last_test_time=timezone.now()
    )
    assert AuditEntry.objects.count() == before


def test_a_strategy_that_a_person_starts_is_recorded(person: User) -> None:
    strategy = Strategy.objects.create(name="s", version="v1.0")
    with acting_as(Actor(person.pk, "mei", "page")):
        Strategy.objects.filter(pk=strategy.pk).update(status="starting")
    last = entries("strategies")[-1]
    assert (last.before, last.after) == ({"status": "stopped"}, {"status": "starting"})


def test_a_draft_counts_when_it_is_published() -> None:
    draft = Strategy.objects.create(name="d", version="v1.0", is_draft=True)
    Strategy.objects.filter(pk=draft.pk).update(config={"a": 1})
    assert entries("strategies") == []
    Strategy.objects.filter(pk=draft.pk).update(is_draft=False)
    assert len(entries("strategies")) == 1


def test_only_what_differs_inside_of_an_object_is_recorded() -> None:
    strategy = Strategy.objects.create(
        name="s", version="v1.0", config={"pairs": ["A"], "deep": {"x": 1, "y": 2}}
    )
    Strategy.objects.filter(pk=strategy.pk).update(
        config={"pairs": ["A"], "deep": {"x": 1, "y": 3}, "new": "n" * 900}
    )
    last = entries("strategies")[-1]
    assert last.before == {"config": {"deep": {"y": 2}}}
    assert last.after is not None
    assert last.after["config"]["deep"] == {"y": 3}
    assert last.after["config"]["new"].endswith("(900)")
    assert flattened(last.before) == {"config.deep.y": 2}


def test_a_command_is_named_and_nobody_is_behind_it() -> None:
    with acting_as(None):
        command_noted(["/srv/manage.py", "proxies", "add"])
        row = proxy()
    command_noted(["/usr/bin/pytest", "tests"])
    assert actor_now() is None
    (made,) = entries("proxies")
    assert (made.actor_id, made.via) == (None, "manage.py proxies")
    assert made.target_id == str(row.pk)


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_log SET via = ''", "DELETE FROM audit_log"]
)
def test_what_is_recorded_is_not_changed(statement: str) -> None:
    proxy()
    with pytest.raises(DatabaseError), connection.cursor() as cursor:
        cursor.execute(statement)


def test_old_entries_go_when_the_retention_says_so(settings: Settings) -> None:
    proxy()
    later = timezone.now() + timedelta(days=40)
    count = AuditEntry.objects.count()
    settings.AUDIT_DAYS = 0
    assert audit_forget(now=later) == 0
    settings.AUDIT_DAYS = 60
    assert audit_forget(now=later) == 0
    settings.AUDIT_DAYS = 30
    assert audit_forget(now=later) == count
    assert not AuditEntry.objects.exists()


def test_every_watched_table_has_its_triggers_and_no_other_is_named() -> None:
    assert set(TABLES) <= set(connection.introspection.table_names())
    assert triggers_keep(connection) == []
    for watched in WATCHED:
        with connection.cursor() as cursor:
            found = connection.introspection.get_table_description(
                cursor, watched.table
            )
        columns = {column.name for column in found}
        named = f"{watched.left_out} {watched.quiet} {watched.hidden}".split()
        # "word" is inside of a column.
        shared = {"created_at", "updated_at", "word"}
        assert set(named) - columns <= shared
        assert {watched.key, watched.name} - {""} <= columns


def test_a_trigger_that_is_out_of_date_is_replaced() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TRIGGER btcw_audit_i_00000000 AFTER INSERT ON proxies"
            " FOR EACH ROW EXECUTE FUNCTION btcw_audit('', '', '', 'id', 'name', '')"
        )
    assert triggers_keep(connection) == [
        "DROP TRIGGER btcw_audit_i_00000000 ON proxies"
    ]
    assert triggers_keep(connection) == []


def test_the_page_filters_and_pages(admin_client: Client, admin_user: User) -> None:
    for number in range(60):
        Proxy.objects.create(
            name=f"p{number}", type=Proxy.Type.HTTP, host="127.0.0.1", port=number + 1
        )
    with acting_as(Actor(admin_user.pk, "admin", "page")):
        NotificationSilence.objects.create(
            reason="a quiet night",
            created_by="admin",
            starts_at=timezone.now(),
            ends_at=timezone.now() + timedelta(hours=1),
        )
    first = admin_client.get("/audit/").content.decode()
    assert "a quiet night" in first
    assert first.count("<tr>") == 51
    older = admin_client.get("/audit/", {"before": entries("proxies")[20].pk})
    assert "p19" in older.content.decode()
    assert "p20<" not in older.content.decode()
    for query, there in (
        ({"person": str(admin_user.pk), "target": "proxies"}, False),
        ({"person": "0", "target": "proxies"}, True),
        ({"name": "p59"}, True),
        ({"name": "p59", "action": "delete"}, False),
        ({"until": "2020-01-01"}, False),
    ):
        page = admin_client.get("/audit/", query).content.decode()
        assert ("p59" in page.partition("</form>\n<div")[2]) is there, query
    wrong = admin_client.get("/audit/", {"since": "nonsense"})
    assert wrong.status_code == 400


def test_the_last_administrator_stays_one(admin_user: User, person: User) -> None:
    with pytest.raises(people.LastAdministratorError):
        people.role_set(user=admin_user, role=Role.OPERATOR)
    people.role_set(user=person, role=Role.ADMINISTRATOR)
    people.role_set(user=admin_user, role=Role.OPERATOR)
    admin_user.refresh_from_db()
    assert (admin_user.is_superuser, admin_user.is_staff) == (False, True)


LONG_AUDIT = """
INSERT INTO audit_log (at, actor_id, actor_name, via, action, target, target_id, target_name)
SELECT now() - n * interval '3 minutes', n % 50, 'p' || n % 50, 'page', 'update',
       (ARRAY['proxies', 'strategies', 'users'])[1 + n % 3], n::text, 'name ' || n
  FROM generate_series(1, 200000) n
"""


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"person": 7},
        {"person": 4711},
        {"target": "proxies", "name": "name 199999"},
        {"name": "no such name"},
    ],
)
def test_of_a_long_audit_only_the_period_is_read(filters: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(LONG_AUDIT)
        cursor.execute("ANALYZE audit_log")
    end = timezone.now() - timedelta(days=100)
    wanted = Wanted(since=end - timedelta(days=31), until=end, **filters)
    with CaptureQueriesContext(connection) as queries:
        found, following = audit_page(wanted, before=None)
    assert all(wanted.since <= each.at < wanted.until for each in found)
    assert (following is None) or len(found) == 50
    (query,) = queries.captured_queries
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query['sql']}")
        plan: Any = (cursor.fetchone() or ("",))[0]
    assert "Seq Scan" not in str(plan)
    assert plan[0]["Execution Time"] < 500
