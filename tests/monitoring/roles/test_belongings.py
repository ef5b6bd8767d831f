"""What other roles have in the schema stays theirs; what is ours goes to one owner."""

from __future__ import annotations

import io
import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError

from btc_watcher.lib.partitions import TABLES, state_read
from monitoring.partitions.rotation import partitions_rotate
from monitoring.roles.belongings import NAMED, belongings
from monitoring.roles.checks import owners_state
from monitoring.roles.setup import RolesError, roles_setup
from signals_app.models import Signal
from tests.monitoring.doctor.asking import doctor
from tests.monitoring.roles.conftest import (
    APPLICATION,
    OWNER,
    connected_as,
    query,
    role_drop,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_django import Settings

pytestmark = pytest.mark.django_db(transaction=True)

STRANGER = f"btcw_test_stranger_{os.getpid()}"
WORD = "a-word-of-a-test"
THEIRS = (
    "CREATE TABLE report (id serial PRIMARY KEY, day date, total numeric)",
    "CREATE TABLE report_parts (id bigint GENERATED ALWAYS AS IDENTITY, at date)"
    " PARTITION BY RANGE (at)",
    "CREATE TABLE report_parts_1 PARTITION OF report_parts DEFAULT",
    'CREATE VIEW "report of days" AS SELECT day FROM report',
    "CREATE MATERIALIZED VIEW report_kept AS SELECT day FROM report",
    "CREATE SEQUENCE report_numbers",
    "CREATE TYPE mood AS ENUM ('good', 'bad')",
    "CREATE TYPE pairs AS (one int, two int)",
    "CREATE DOMAIN percent AS int CHECK (VALUE BETWEEN 0 AND 100)",
    "CREATE FUNCTION report_total(of date) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE PROCEDURE report_fill() LANGUAGE sql AS 'SELECT 1'",
    "CREATE AGGREGATE report_sum(int) (SFUNC = int4pl, STYPE = int)",
)
NAMES = {
    "materialized view report_kept",
    "routine report_fill()",
    "routine report_sum(integer)",
    "routine report_total(date)",
    "sequence report_numbers",
    "table report",
    "table report_parts",
    "table report_parts_1",
    "type mood",
    "type pairs",
    "type percent",
    "view report of days",
}
OWNERS = """
SELECT relname::text, pg_get_userbyid(relowner), relacl::text FROM pg_class
 WHERE relname ~ '^report' UNION ALL
SELECT proname, pg_get_userbyid(proowner), proacl::text FROM pg_proc
 WHERE proname ~ '^report' UNION ALL
SELECT typname, pg_get_userbyid(typowner), typacl::text FROM pg_type
 WHERE typname IN ('mood', 'pairs', 'percent') ORDER BY 1
"""


@pytest.fixture
def stranger(transactional_db: None) -> Iterator[str]:
    """A role that may make things in the schema; what is its own goes with it."""
    query(f"CREATE ROLE {STRANGER} LOGIN PASSWORD '{WORD}'")
    query(f"GRANT CREATE ON SCHEMA public TO {STRANGER}")
    yield STRANGER
    query(f"GRANT {STRANGER} TO CURRENT_USER")
    query(f"DROP OWNED BY {STRANGER} CASCADE")
    query(f"DROP ROLE {STRANGER}")


@pytest.fixture
def theirs(stranger: str) -> list[tuple[Any, ...]]:
    """One of everything that is the stranger's: name, owner, rights."""
    with connected_as(stranger, WORD):
        for statement in THEIRS:
            query(statement)
    return query(OWNERS)


def test_what_others_have_is_left_counted_and_named(
    theirs: list[tuple[Any, ...]],
) -> None:
    try:
        done = roles_setup(application=APPLICATION)
        assert query(OWNERS) == theirs
        assert {each.removesuffix(f" ({STRANGER})") for each in done.left} == NAMES
        (said,) = [each for each in done.steps if "Left alone" in each]
        assert f": {len(NAMES)} of the schema (" in said
        assert said.count(STRANGER) == NAMED
        with connected_as(APPLICATION, done.passwords[APPLICATION]):
            assert Signal.objects.count() == 0
            with pytest.raises(DatabaseError, match="permission denied"):
                query("SELECT * FROM report")
            assert [each.error for each in partitions_rotate()] == [""] * len(TABLES)
    finally:
        role_drop(APPLICATION)


def test_what_others_gave_to_the_application_stays_given(stranger: str) -> None:
    try:
        done = roles_setup(application=APPLICATION)
        with connected_as(stranger, WORD):
            query("CREATE TABLE report (day date)")
            query(f"GRANT SELECT ON report TO {APPLICATION}")
            query("CREATE TABLE report_kept (day date)")
        again = roles_setup(application=APPLICATION)
        # It is said, as it may also be left of rights on everything.
        (said,) = [each for each in again.steps if "has rights on" in each]
        assert f"rights on 1 of these (table report ({STRANGER}))" in said
        assert f"REVOKE ALL ON NAME FROM {APPLICATION}" in said
        assert not [each for each in done.steps if "has rights on" in each]
        with connected_as(APPLICATION, done.passwords[APPLICATION]):
            assert query("SELECT * FROM report") == []
    finally:
        with connected_as(stranger, WORD):
            query("DROP TABLE IF EXISTS report, report_kept")
        role_drop(APPLICATION)


def test_an_owner_of_its_own_gets_what_is_ours_and_nothing_else(
    theirs: list[tuple[Any, ...]],
) -> None:
    query("CREATE TABLE signals_2016_01 (LIKE signals)")
    query("CREATE AGGREGATE ours(int) (SFUNC = int4pl, STYPE = int)")
    try:
        done = roles_setup(application=APPLICATION, owner=OWNER)
        assert query(OWNERS) == theirs
        found = belongings()
        assert (found.owner, found.strays) == (OWNER, [])
        assert {each.owner for each in found.ours} == {OWNER}
        # Also a month that was detached, which no migration knows of.
        assert {"signals_2016_01", "ours(integer)"} <= {e.name for e in found.ours}
        for table in TABLES:
            assert state_read(table).partitions <= {e.name for e in found.ours}
        assert len(done.left) == len(NAMES)
    finally:
        role_drop(APPLICATION)
        role_drop(OWNER)
        query("DROP TABLE signals_2016_01")
        query("DROP AGGREGATE ours(int)")


def test_objects_of_extensions_are_neither_ours_nor_others() -> None:
    found = belongings()
    assert query("SELECT to_regclass('pg_stat_statements') IS NOT NULL") == [(True,)]
    assert not [each for each in found.things if "pg_stat" in each.name]
    assert found.others == []


def test_the_command_says_what_it_left(
    stranger: str, tmp_path: Path, settings: Settings
) -> None:
    settings.BTCW_HOME = tmp_path
    with connected_as(stranger, WORD):
        query("CREATE TABLE report (id serial)")
    words = ("setup_roles", f"--application={APPLICATION}")
    output, report = io.StringIO(), io.StringIO()
    try:
        call_command(*words, stdout=output)
        call_command(*words, "--json", stdout=report)
    finally:
        role_drop(APPLICATION)
    assert f"1 of the schema (table report ({STRANGER}))." in output.getvalue()
    assert json.loads(report.getvalue())["left"] == [f"table report ({STRANGER})"]


def test_a_table_of_ours_with_another_owner_is_told_and_mended(
    transactional_db: None, redis_client: Any
) -> None:
    found, _fine = doctor("database.owners")
    assert found["database.owners"]["state"] == "ok"
    query(f"CREATE ROLE {STRANGER} LOGIN PASSWORD '{WORD}'")
    ((current,),) = query("SELECT current_user")
    try:
        query(f"GRANT CREATE ON SCHEMA public TO {STRANGER}")
        query(f"GRANT {STRANGER} TO CURRENT_USER")
        query(f"ALTER TABLE proxies OWNER TO {STRANGER}")
        query(f"ALTER FUNCTION btcw_mover_clear(text) OWNER TO {STRANGER}")
        told, fine = doctor("database.owners")
        assert (fine, told["database.owners"]["state"]) == (True, "warning")
        assert f"table proxies ({STRANGER})" in told["database.owners"]["words"]
        assert f"--owner {current}" in told["database.owners"]["cure"]
        done = roles_setup(application=APPLICATION)
        assert done.left == []
        assert "2 were another's" in " ".join(done.steps)
        assert owners_state().state == "ok"
    finally:
        role_drop(STRANGER)
        role_drop(APPLICATION)


def test_a_table_of_ours_that_we_may_not_touch_is_named_in_the_error(
    transactional_db: None,
) -> None:
    query(f"CREATE ROLE {STRANGER} LOGIN PASSWORD '{WORD}'")
    try:
        query(f"GRANT CREATE ON SCHEMA public TO {STRANGER}")
        query(f"GRANT {STRANGER} TO CURRENT_USER")
        query(f"ALTER TABLE proxies OWNER TO {STRANGER}")
        query(f"REVOKE {STRANGER} FROM CURRENT_USER")
        with pytest.raises(RolesError, match="proxies"):
            roles_setup(application=APPLICATION)
        with pytest.raises(CommandError, match="administrator"):
            call_command("setup_roles", f"--application={APPLICATION}")
        assert query("SELECT FROM pg_roles WHERE rolname = %s", APPLICATION) == []
    finally:
        role_drop(STRANGER)


def test_the_doctor_keeps_silent_about_what_others_have(
    theirs: list[tuple[Any, ...]], redis_client: Any
) -> None:
    found, fine = doctor("database.owners")
    assert (fine, found["database.owners"]["state"]) == (True, "ok")
    assert "report" not in json.dumps(found)
    assert len(theirs) > len(THEIRS)
