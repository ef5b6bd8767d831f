"""Two parts that take the same advisory lock would wait for each other for no reason."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from django.db import connection

from btc_watcher.lib import locks
from btc_watcher.lib.locks import Lock
from btc_watcher.lib.partitions import TABLES
from tests.translatable import ROOT

REGISTRY = {name: each for name, each in vars(locks).items() if isinstance(each, Lock)}
OUTSIDE = ("tests", "var", ".venv")
# What is read: the registry itself, and the functions inside the database.
TAKERS = {"btc_watcher/lib/locks.py", "btc_watcher/lib/partition_functions.sql"}


def test_every_advisory_lock_stands_once_in_the_registry() -> None:
    keys = Counter((each.key, each.values) for each in REGISTRY.values())
    assert len(keys) > 10
    assert [key for key, count in keys.items() if count > 1] == []


def test_nobody_takes_a_lock_past_the_registry() -> None:
    takers = {
        str(path.relative_to(ROOT))
        for kind in ("py", "sql")
        for path in ROOT.glob(f"*/**/*.{kind}")
        if path.relative_to(ROOT).parts[0] not in OUTSIDE
        and re.search(r"pg_\w*advisory|0x42544357", path.read_text(encoding="utf-8"))
    }
    assert takers == TAKERS


@pytest.mark.django_db
def test_no_two_locks_have_the_same_numbers() -> None:
    found: dict[str, tuple[object, ...]] = {}
    with connection.cursor() as cursor:
        for name, lock in REGISTRY.items():
            one = lock.of(1 if lock.values else "x") if _is_of_many(lock) else lock
            cursor.execute(f"SELECT {one.key}", one.values)
            found[name] = cursor.fetchone() or ()
        for table in TABLES:
            text = "SELECT hashtext('monthly partitions'), hashtext(%s)"
            cursor.execute(text, [table.name])
            found[table.name] = cursor.fetchone() or ()
    assert len(set(found.values())) == len(found), found
    # Those of one channel each have a first number that no other lock has.
    firsts = [numbers[0] for name, numbers in found.items() if name != "DIGESTS"]
    assert found["DIGESTS"][0] not in firsts


def _is_of_many(lock: Lock) -> bool:
    return lock.key.count("%s") > len(lock.values)
