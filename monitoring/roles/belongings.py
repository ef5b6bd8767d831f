"""What lies in the schema: which of it is ours, and whose the rest is.

Ours are the tables of the models with their partitions and sequences and the functions
of the partitions, whoever owns them; and whatever else the role owns that owns most of
these, such as a month that was detached. Everything else is somebody else's: a table for
reports, a function of the administrator's. What belongs to an extension is neither.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final, NamedTuple

from django.db import connection

from btc_watcher.lib.partition_functions import CALLABLE, PARTS
from btc_watcher.lib.partitions import TABLES
from btc_watcher.lib.statements import rows_of

ROUTINE: Final = "ROUTINE"
SEQUENCE: Final = "SEQUENCE"
TYPE: Final = "TYPE"
# How many are named before the rest is only counted.
NAMED: Final = 5
# A sequence that a column owns follows its table, so it comes ``with`` that.
RELATIONS: Final = """
WITH RECURSIVE known AS (
    SELECT oid FROM pg_class
     WHERE relnamespace = current_schema()::regnamespace AND relname = ANY (%s)
     UNION
    SELECT inhrelid FROM pg_inherits JOIN known ON inhparent = known.oid
)
SELECT CASE x.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW'
       WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'f' THEN 'FOREIGN TABLE'
       ELSE 'TABLE' END,
       x.relname, pg_get_userbyid(x.relowner),
       coalesce(d.refobjid, x.oid) IN (SELECT oid FROM known), d.refobjid IS NOT NULL
  FROM pg_class x
  LEFT JOIN pg_depend d ON x.relkind = 'S' AND d.objid = x.oid AND d.deptype IN ('a', 'i')
   AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
 WHERE x.relnamespace = current_schema()::regnamespace
   AND x.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
   AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass
       AND e.objid IN (x.oid, d.refobjid) AND e.deptype = 'e')
 ORDER BY x.relname
"""
ROUTINES: Final = """
SELECT 'ROUTINE', oid::regprocedure::text, pg_get_userbyid(proowner),
       proname = ANY (%s), false
  FROM pg_proc x
 WHERE pronamespace = current_schema()::regnamespace
   AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass
       AND objid = x.oid AND deptype IN ('e', 'i'))
 ORDER BY 2
"""
# Without the types of tables' rows and of arrays, which depend on what they are of.
TYPES: Final = """
SELECT 'TYPE', typname, pg_get_userbyid(typowner), false, false
  FROM pg_type x
 WHERE typnamespace = current_schema()::regnamespace
   AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_type'::regclass
       AND objid = x.oid AND deptype IN ('e', 'i'))
 ORDER BY 2
"""


class Thing(NamedTuple):
    """Something in the schema.

    ``kind`` is a word of SQL, ``name`` the name (of a routine: its signature as
    PostgreSQL writes it, quoted); ``known`` is what migrations and functions of ours
    make; ``inner`` is a sequence that belongs to a column of a table.
    """

    kind: str
    name: str
    owner: str
    known: bool
    inner: bool

    def words(self) -> str:
        """Return it as people call it, with its owner."""
        return f"{self.kind.lower()} {self.name} ({self.owner})"


@dataclass(frozen=True, slots=True)
class Belongings:
    """The things of the schema, and the role that owns most of what is known."""

    owner: str
    things: tuple[Thing, ...]

    @property
    def ours(self) -> list[Thing]:
        """What the system needs, and what else the owner of it has here."""
        return [each for each in self.things if self._is_ours(each)]

    @property
    def others(self) -> list[Thing]:
        """What belongs to other roles; a sequence of a table counts as the table."""
        found = (each for each in self.things if not each.inner)
        return [each for each in found if not self._is_ours(each)]

    @property
    def strays(self) -> list[Thing]:
        """What is ours and has another owner than the rest of it."""
        found = (each for each in self.things if each.known and not each.inner)
        return [each for each in found if each.owner != self.owner]

    def _is_ours(self, thing: Thing) -> bool:
        return thing.known or thing.owner == self.owner


def belongings() -> Belongings:
    """Look at the schema that new tables go to; needs the database."""
    tables = {
        *connection.introspection.django_table_names(include_views=True),
        *(table.name for table in TABLES),
        "django_migrations",
    }
    functions = [each.partition("(")[0] for each in (*CALLABLE, *PARTS)]
    found = (
        *rows_of(RELATIONS, [sorted(tables)]),
        *rows_of(ROUTINES, [functions]),
        *rows_of(TYPES, []),
    )
    things = tuple(Thing(*row) for row in found)
    owners = Counter(each.owner for each in things if each.known)
    return Belongings(max(owners, key=owners.__getitem__, default=""), things)


def named(things: list[Thing]) -> str:
    """Return the first few by their names, and an ellipsis where there are more."""
    names = [each.words() for each in things[:NAMED]]
    return ", ".join([*names, "…"] if len(things) > NAMED else names)
