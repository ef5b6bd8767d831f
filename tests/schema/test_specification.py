"""The migrated database is the one of the specification."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command
from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Iterator

SPECIFICATION = Path(__file__).with_name("specification.sql")
SCHEMA = "specification"
TABLES = re.findall(r"CREATE TABLE (\w+)", SPECIFICATION.read_text())
# Columns that Django's accounts need (DECISIONS.md).
EXTRA_COLUMNS = {
    "users": {"last_login", "is_superuser", "is_active", "is_staff"},
    "user_sessions": {"name", "scopes", "last_used_at"},
}
PARTITION_KEYS = {
    "signals": "timestamp",
    "notification_history": "sent_at",
    "proxy_test_history": "test_time",
}
CHECKED_VALUES = {
    ("freqtrade_versions", "type"): "stable beta alpha",
    ("freqtrade_upgrade_history", "upgrade_type"): "upgrade downgrade install",
    (
        "freqtrade_upgrade_history",
        "status",
    ): "pending in_progress completed failed rolled_back",
    ("proxies", "type"): "http socks4 socks5",
    ("proxies", "status"): "healthy unhealthy unknown",
    ("strategies", "type"): "signal_monitor trade_execution",
    ("strategies", "status"): "running stopped error starting stopping",
    ("strategy_processes", "status"): "starting running stopping stopped error",
    ("signals", "signal_type"): "BUY SELL HOLD",
    ("signals", "strength_level"): "strong medium weak",
    ("signals", "priority"): "P0 P1 P2",
    # The last two are beyond the specification (DECISIONS.md).
    (
        "notification_channels",
        "type",
    ): "sms email wechat feishu telegram webhook apprise",
    ("notification_channels", "status"): "healthy error unknown",
    ("notification_history", "message_type"): "signal alert system",
    ("notification_history", "status"): "pending sent failed retry",
    ("system_metrics", "metric_type"): "cpu memory disk network",
    # The last four are beyond the specification (DECISIONS.md).
    (
        "system_metrics",
        "component",
    ): "api freqtrade database redis worker beat supervisor host",
    ("error_logs", "level"): "DEBUG INFO WARNING ERROR CRITICAL",
}

COLUMNS = """
SELECT attname, format_type(atttypid, atttypmod) AS type, attnotnull,
       pg_get_expr(adbin, adrelid) AS value, attidentity <> '' AS identity
FROM pg_attribute
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
ORDER BY attnum
"""
INDEXES = """
SELECT indexname, regexp_replace(indexdef, '^.* USING ', '') FROM pg_indexes
WHERE schemaname = %s AND tablename = %s
"""
FOREIGN_KEYS = """
SELECT array_agg(attname::text), confrelid::regclass::text, confdeltype
FROM pg_constraint
JOIN pg_attribute ON attrelid = conrelid AND attnum = ANY (conkey)
WHERE conrelid = %s::regclass AND contype = 'f'
GROUP BY pg_constraint.oid, confrelid, confdeltype
"""


def rows(sql: str, *parameters: str) -> list[tuple[Any, ...]]:
    """Run a query and return what it found."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


@pytest.fixture
def specification(db: None) -> Iterator[None]:
    """Make the specification's own tables in a schema beside ours."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {SCHEMA}")
        cursor.execute(f"SET search_path = {SCHEMA}, public")
        cursor.execute(SPECIFICATION.read_text())
        cursor.execute("RESET search_path")
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA {SCHEMA} CASCADE")


def default_of(value: str | None, *, identity: bool) -> str | None:
    """Return a default in one spelling, whichever way it was written."""
    if identity or (value and value.startswith("nextval(")):
        return "counted"
    if value is None:
        return None
    value = re.sub(r"::[a-z ]+(\(\d+\))?(\[\])?", "", value)
    return {"CURRENT_TIMESTAMP": "now()", "ARRAY[]": "'{}'"}.get(value, value)


def columns(table: str) -> dict[str, tuple[str, str | None, bool]]:
    """Return type, default and NOT NULL of every column."""
    return {
        name: (kind, default_of(value, identity=identity), required)
        for name, kind, required, value, identity in rows(COLUMNS, table)
    }


@pytest.mark.parametrize("table", TABLES)
def test_every_column_has_the_type_and_default_of_the_specification(
    table: str, specification: None
) -> None:
    ours, theirs = columns(f"public.{table}"), columns(f"{SCHEMA}.{table}")

    assert ours.keys() - theirs.keys() == EXTRA_COLUMNS.get(table, set())
    for name, (kind, value, required) in theirs.items():
        our_kind, our_value, our_required = ours[name]
        assert (name, our_kind, our_value) == (name, kind, value)
        # A column with a default is never null with us; otherwise as written.
        assert our_required == (required or value is not None), name


@pytest.mark.parametrize("table", TABLES)
def test_every_index_of_the_specification_exists_by_name(
    table: str, specification: None
) -> None:
    ours = dict(rows(INDEXES, "public", table))
    theirs = {
        name: definition
        for name, definition in rows(INDEXES, SCHEMA, table)
        if name.startswith("idx_")
    }

    assert {name: ours.get(name) for name in theirs} == theirs


@pytest.mark.parametrize("table", TABLES)
def test_every_foreign_key_of_the_specification_exists(
    table: str, specification: None
) -> None:
    def keys(schema: str) -> set[tuple[str, str, str]]:
        return {
            (names[0], target.removeprefix(f"{SCHEMA}."), on_delete)
            for names, target, on_delete in rows(FOREIGN_KEYS, f"{schema}.{table}")
        }

    assert keys("public") == keys(SCHEMA)


def test_there_are_fourteen_tables() -> None:
    assert len(TABLES) == 14


@pytest.mark.django_db
@pytest.mark.parametrize(("table", "column"), CHECKED_VALUES)
def test_listed_values_are_checked_by_the_database(table: str, column: str) -> None:
    definitions = rows(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = %s::regclass AND contype = 'c'",
        f"public.{table}",
    )
    found = [
        set(re.findall(r"'(\w+)'", definition))
        for (definition,) in definitions
        if re.search(rf"\b{column}\b", definition)
    ]

    assert found == [set(CHECKED_VALUES[table, column].split())]


@pytest.mark.django_db
@pytest.mark.parametrize("table", PARTITION_KEYS)
def test_partitioned_tables_are_cut_by_month_with_a_safety_net(table: str) -> None:
    ((key,),) = rows("SELECT pg_get_partkeydef(%s::regclass)", table)
    children = {
        name
        for (name,) in rows(
            "SELECT inhrelid::regclass::text FROM pg_inherits"
            " WHERE inhparent = %s::regclass",
            table,
        )
    }

    assert key.replace('"', "") == f"RANGE ({PARTITION_KEYS[table]})"
    assert f"{table}_default" in children
    assert len(children) >= 5  # the safety net, this month and three ahead


@pytest.mark.django_db(transaction=True)
def test_all_migrations_reverse() -> None:
    ours = [
        "monitoring",
        "freqtrade_mgmt",
        "signals_app",
        "notifications",
        "strategies",
        "proxies",
    ]
    try:
        for app in ours:
            call_command("migrate", app, "zero", verbosity=0)
        left = {
            name
            for (name,) in rows(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            )
        }
        assert left & set(TABLES) == {"users", "user_sessions"}
    finally:
        call_command("migrate", verbosity=0)


@pytest.mark.django_db(transaction=True)
def test_existing_strategies_get_the_default_thresholds() -> None:
    call_command("migrate", "strategies", "0001", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO strategies (name, signal_thresholds) VALUES"
            " ('bare', '{}'), ('set', '{\"strong\": 90}')"
        )
    call_command("migrate", verbosity=0)

    assert dict(rows("SELECT name, signal_thresholds->>'strong' FROM strategies")) == {
        "bare": "80",
        "set": "90",
    }
