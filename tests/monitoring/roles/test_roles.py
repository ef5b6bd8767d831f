"""The application role runs the system, and can destroy nothing."""

from __future__ import annotations

import io
import json
import stat
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.test import Client
from django.utils import timezone

from accounts.models import User
from btc_watcher.lib import partitions
from btc_watcher.lib.partitions import PROXY_TESTS, TABLES, month_start, state_read
from monitoring.partitions.retention import retention_apply
from monitoring.partitions.rotation import partitions_rotate
from monitoring.roles.checks import role_state
from monitoring.roles.setup import RolesDone, RolesError, roles_setup
from notifications.models import Notification
from notifications.services import channel_create, notification_deliver
from signals_app.models import Signal
from signals_app.services import signals_record
from strategies.models import Strategy
from tests.monitoring.roles.conftest import (
    APPLICATION,
    OWNER,
    connected_as,
    query,
    role_drop,
)
from tests.notifications.factories import AT_ONCE, NO_LIMITS
from tests.signals_app.factories import candidate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from pytest_django import Settings

    from tests.notifications.fakes import SmtpFake

    AsApplication = Callable[[], AbstractContextManager[None]]

pytestmark = pytest.mark.django_db(transaction=True)

OLD = date(2017, 3, 1)
PASSWORD = "Correct-horse-7"
REFUSED = (
    "DROP TABLE signals",
    "DROP TABLE signals_default",
    "DROP SCHEMA public CASCADE",
    "DROP FUNCTION btcw_mover_finish(text)",
    "DROP OWNED BY CURRENT_USER; TRUNCATE signals",
    "ALTER TABLE signals ADD COLUMN x int",
    "ALTER TABLE signals DETACH PARTITION signals_default",
    "ALTER TABLE users OWNER TO CURRENT_USER",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER ROLE CURRENT_USER CREATEDB",
    "TRUNCATE signals",
    "TRUNCATE notification_history_default",
    "CREATE TABLE mine (a int)",
    "CREATE TEMPORARY TABLE mine (a int)",
    "CREATE INDEX ON signals (price)",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE ROLE somebody",
    "CREATE DATABASE another",
    "CREATE TRIGGER t BEFORE DELETE ON strategies EXECUTE FUNCTION btcw_mover_mirror()",
    "SELECT rolpassword FROM pg_authid",
    "SELECT passwd FROM pg_shadow",
    "SELECT * FROM pg_user_mapping",
    "SELECT pg_read_file('/etc/passwd')",
    "COPY signals TO PROGRAM 'cat'",
    "COPY strategies TO '/tmp/out'",
    "UPDATE django_migrations SET name = 'x'",
    "SELECT btcw_partition_release('signals', 'going')",
    "SELECT btcw_partition_discard('signals', 'signals')",
    "SELECT btcw_partition_discard('signals', 'signals_default')",
    "SELECT btcw_partition_detach('accounts_user', '2017-01-01', true)",
    "SELECT btcw_partition_create('users; DROP TABLE signals', '2017-01-01', 1)",
)


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("signals_app.services._months_known", set())
    before = {table: state_read(table).partitions for table in TABLES}
    yield
    for table, names in before.items():
        query(f"TRUNCATE {table.name}")
        for name in state_read(table).partitions - names:
            partitions.retire(table, name)


def test_the_application_role_takes_signals_and_makes_the_month_they_need(
    as_application: AsApplication, redis_client: Any
) -> None:
    with as_application():
        strategy = Strategy.objects.create(name="of the application")
        old = candidate(
            strategy_id=strategy.pk, timestamp=datetime(2017, 3, 5, tzinfo=UTC)
        )
        intake = signals_record([candidate(strategy_id=strategy.pk), old])
        assert (intake.created, intake.refused) == (2, [])
        assert Signal.objects.count() == 2
    assert "signals_2017_03" in state_read(TABLES[0]).partitions
    owner = "SELECT pg_get_userbyid(relowner) = current_user FROM pg_class"
    assert query(f"{owner} WHERE relname = 'signals_2017_03'") == [(True,)]


def test_the_application_role_takes_a_candle_close(
    as_application: AsApplication, redis_client: Any
) -> None:
    with as_application():
        config = {"host": "127.0.0.1", "from": "a@b.cc", "to": ["d@e.ff"]}
        channel_create(name="mail", type="email", config=config)
        rows = [
            candidate(pair=f"P{i}/USDT", timestamp=timezone.now()) for i in range(300)
        ]
        intake = signals_record(rows)
        assert (intake.created, intake.refused) == (300, [])
        assert Signal.objects.count() == Notification.objects.count() == 300


def test_the_application_role_delivers_notifications(
    as_application: AsApplication, redis_client: Any, smtp: SmtpFake
) -> None:
    with as_application():
        config: dict[str, Any] = {"host": "127.0.0.1", "port": smtp.port}
        config |= {"from": "a@b.cc", "to": ["d@e.ff"], "security": "none", **AT_ONCE}
        channel_create(
            name="mail", type="email", config=config, rate_limit_config=NO_LIMITS
        )
        signals_record([candidate(timestamp=timezone.now())])
        row = Notification.objects.get()
        notification_deliver(notification_id=row.id)
        row.refresh_from_db()
        assert row.status == "sent", row.error_message
        assert len(smtp.received) == 1


def test_the_application_role_lets_people_in_and_out(
    as_application: AsApplication, redis_client: Any
) -> None:
    User.objects.create_superuser("mei", PASSWORD)
    with as_application():
        browser = Client()
        who = {"username": "mei", "password": PASSWORD}
        answer = browser.post("/login/", who)
        assert answer.status_code == 302
        assert browser.get("/").status_code == 200
        assert browser.get("/admin/signals_app/signal/").status_code == 200
        assert Client().get("/health/").status_code in (200, 503)
        assert browser.post("/logout/").status_code == 302
        token = Client().post("/api/v1/auth/token/", who, "application/json")
        assert token.status_code == 200


def test_the_application_role_keeps_the_partitions(
    as_application: AsApplication,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.PARTITION_MONTHS_KEPT = {"proxy_test_history": 6}
    monkeypatch.setattr(partitions, "DIRECT_ROWS", 10)
    partitions.months_ensure(PROXY_TESTS, [date(2017, 1, 1)])
    ahead = month_start(timezone.now(), 1)
    with as_application():
        query(
            "INSERT INTO proxy_test_history (test_time, success)"
            " SELECT '2017-03-05', true FROM generate_series(1, 50)"
        )
        done = {r.plan.table.name: r for r in partitions_rotate(today=ahead)}
        assert [r.error for r in done.values()] == [""] * len(TABLES)
        figures = done["proxy_test_history"].figures()
        assert figures["moved_rows"] == 50
        assert figures["dropped"] == ["proxy_test_history_2017_01"]
        assert PROXY_TESTS.partition(month_start(ahead, 3)) in figures["created"]
        # What the mover made is the owner's too, and the application may use it.
        assert query("SELECT count(*) FROM proxy_test_history_2017_03") == [(50,)]
        query(
            "INSERT INTO proxy_test_history (test_time, success)"
            " VALUES ('infinity', true)"
        )
        again = {r.plan.table.name: r for r in partitions_rotate(today=ahead)}
        assert again["proxy_test_history"].figures()["dropped"] == [
            "proxy_test_history_2017_03"
        ]
        assert retention_apply(timezone.now())


def test_the_application_role_can_destroy_nothing_and_read_no_secret(
    as_application: AsApplication,
) -> None:
    done, refusals = [], []
    with as_application():
        for statement in REFUSED:
            try:
                query(statement)
            except DatabaseError as error:
                # Because of its rights, not because there is no such thing.
                refusals.append(getattr(error.__cause__, "sqlstate", None))
            else:
                done.append(statement)
    assert done == []
    assert set(refusals) <= {"42501", "22023"}
    assert query("SELECT to_regclass('signals_default') IS NOT NULL") == [(True,)]


def test_the_owner_may_end_the_application_s_sessions(roles: RolesDone) -> None:
    # A restore puts a database in the place of the one that everybody works on.
    with psycopg.connect(roles.url(APPLICATION), autocommit=True) as session:
        pid = session.info.backend_pid
        assert query("SELECT pg_terminate_backend(%s, 5000)", pid) == [(True,)]
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")


def test_the_application_role_cannot_become_the_owner(
    as_application: AsApplication,
) -> None:
    ((owner,),) = query("SELECT current_user")
    with as_application():
        for text in (f"SET ROLE {owner}", f"SET SESSION AUTHORIZATION {owner}"):
            with pytest.raises(DatabaseError, match="permission denied"):
                query(text)


def test_a_search_path_of_the_caller_does_not_lead_the_functions_astray(
    as_application: AsApplication,
) -> None:
    with as_application():
        query("SET search_path = pg_temp, public")
        assert query("SELECT btcw_partition_create('signals', '2017-03-01', 1)") == [
            (0,)
        ]
    loose = query(
        "SELECT proname FROM pg_proc WHERE proname ~ '^btcw' AND prosecdef"
        " AND coalesce(proconfig::text, '') !~ 'search_path='"
    )
    assert loose == []


def test_connections_of_the_role_begin_with_time_outs(
    as_application: AsApplication, roles: RolesDone
) -> None:
    parameters = connection.get_connection_params()
    with psycopg.connect(
        host=parameters["host"],
        port=parameters.get("port"),
        dbname=parameters["dbname"],
        user=APPLICATION,
        password=roles.passwords[APPLICATION],
    ) as client:
        shown = {
            name: (client.execute(f"SHOW {name}").fetchone() or ("",))[0]
            for name in ("statement_timeout", "jit", "search_path")
        }
    assert shown == {"statement_timeout": "1min", "jit": "off", "search_path": "public"}


def test_the_roles_may_be_made_again_and_keep_their_passwords(
    roles: RolesDone, as_application: AsApplication
) -> None:
    again = roles_setup(application=APPLICATION)
    assert again.passwords == {}
    assert "keeps its password" in " ".join(again.steps)
    with as_application():
        assert Signal.objects.count() == 0
    other = roles_setup(application=APPLICATION, new_password=True)
    assert other.passwords[APPLICATION] != roles.passwords[APPLICATION]
    with connected_as(APPLICATION, other.passwords[APPLICATION]):
        assert Signal.objects.count() == 0


def test_no_statement_holds_the_password(
    roles: RolesDone, django_assert_num_queries: Any
) -> None:
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415

    with CaptureQueriesContext(connection) as captured:
        done = roles_setup(application=APPLICATION, new_password=True)
    texts = " ".join(query["sql"] for query in captured)
    assert "SCRAM-SHA-256$" in texts
    assert done.passwords[APPLICATION] not in texts
    assert done.passwords[APPLICATION] not in " ".join(done.steps + done.refused)


def test_an_owner_of_its_own_gets_the_tables_and_migrations_go_on() -> None:
    ((before,),) = query("SELECT current_user")
    try:
        done = roles_setup(application=APPLICATION, owner=OWNER)
        owners = "SELECT relname FROM pg_class WHERE relowner <> %s::regrole AND"
        owners += (
            " relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S')"
        )
        assert query(owners, OWNER) == []
        assert roles_setup(application=APPLICATION, owner=OWNER).passwords == {}
        with connected_as(OWNER, done.passwords[OWNER]):
            call_command("migrate", verbosity=0)
            partitions.months_ensure(PROXY_TESTS, [OLD])
        with connected_as(APPLICATION, done.passwords[APPLICATION]):
            assert PROXY_TESTS.partition(OLD) in state_read(PROXY_TESTS).partitions
            assert Signal.objects.count() == 0
            assert [r.error for r in partitions_rotate()] == [""] * len(TABLES)
    finally:
        role_drop(APPLICATION)
        role_drop(OWNER)
    assert query("SELECT current_user") == [(before,)]


def test_a_role_that_could_do_harm_is_not_taken_for_the_application() -> None:
    ((current,),) = query("SELECT current_user")
    with pytest.raises(RolesError, match="both"):
        roles_setup(application=current)
    query(f"CREATE ROLE {APPLICATION} CREATEROLE")
    try:
        with pytest.raises(RolesError, match="choose another name"):
            roles_setup(application=APPLICATION)
    finally:
        role_drop(APPLICATION)


def test_the_application_may_not_make_roles(as_application: AsApplication) -> None:
    with as_application(), pytest.raises(RolesError, match="administrator"):
        roles_setup(application="btcw_test_other")


def test_the_command_keeps_the_address_in_a_private_file(
    transactional_db: None, tmp_path: Path, settings: Settings
) -> None:
    settings.BTCW_HOME = tmp_path
    output = io.StringIO()
    try:
        call_command("setup_roles", f"--application={APPLICATION}", stdout=output)
        path = tmp_path / "secrets" / f"database-url-{APPLICATION}"
        address = path.read_text().strip()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert urlsplit(address).username == APPLICATION
        password = str(urlsplit(address).password)
        assert password not in output.getvalue()
        assert str(path) in output.getvalue()
        with psycopg.connect(address.replace("postgres:", "postgresql:")) as client:
            assert client.execute("SELECT count(*) FROM signals").fetchone() == (0,)
        again = io.StringIO()
        call_command(
            "setup_roles", f"--application={APPLICATION}", "--json", stdout=again
        )
        assert json.loads(again.getvalue())["files"] == {}
    finally:
        role_drop(APPLICATION)
    with pytest.raises(CommandError, match="both"):
        call_command("setup_roles", f"--application={connection.settings_dict['USER']}")
    assert tmp_path == django_settings.BTCW_HOME


def test_the_password_may_be_given_in_a_file(
    transactional_db: None, tmp_path: Path, settings: Settings
) -> None:
    settings.BTCW_HOME = tmp_path
    given, output = tmp_path / "password", io.StringIO()
    words = ("setup_roles", f"--application={APPLICATION}", f"--password-file={given}")
    with pytest.raises(CommandError, match="could not be read"):
        call_command(*words)
    given.write_text("\n")
    with pytest.raises(CommandError, match="is empty"):
        call_command(*words)
    try:
        # The second time the role is there, with another password.
        for password in ("the-first-one", "the-second-one"):
            given.write_text(f"{password}\n")
            call_command(*words, stdout=output)
            with connected_as(APPLICATION, password):
                assert Signal.objects.count() == 0
        assert "the-" not in output.getvalue()
        assert not (tmp_path / "secrets").exists()
    finally:
        role_drop(APPLICATION)


def test_the_doctor_is_told_which_role_this_is(as_application: AsApplication) -> None:
    owner = role_state()
    assert owner.state == "warning"
    assert "owns the tables" in owner.facts["powers"]
    assert "setup_roles" in owner.cure
    with as_application():
        application = role_state()
    assert (application.state, application.facts["powers"]) == ("ok", [])
    assert APPLICATION in application.said
