"""What this installation was set to, beside what the documentation says of it.

Names, defaults and meanings are the rows of docs/*/configure.md, which a test compares
with what the code reads. Values are those of the web process that answers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from btc_watcher.env import BASE_DIR, variable
from btc_watcher.lib.redaction import HIDDEN, is_secret_name, without_logins

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.utils.functional import Promise

    from btc_watcher.env import Variable

ROW: Final = re.compile(
    r"^\| `(?P<name>[A-Z_]+)` \| (?P<default>.+?) \| (?P<meaning>.+) \|$", re.MULTILINE
)
CODE: Final = re.compile(r"`([^`]+)`")
LINK: Final = re.compile(r"\[([^\]]+)\]\([^)]+\)")
# Whoever knows the path of this address can stop the alarm.
WHOLLY_SECRET: Final = frozenset({"BTCW_HEARTBEAT_URL"})
# Where the value in force is not simply what the variable says.
IN_FORCE: Final = {
    "BTCW_HOME": "BTCW_HOME",
    "BTCW_NODE": "NODE_NAME",
    "BTCW_LANGUAGE": "ADMIN_LANGUAGE",
    "BTCW_LEASE_SECONDS": "LEASE_SECONDS",
    "BTCW_AUDIT_DAYS": "AUDIT_DAYS",
    "BTCW_STATIC_FOLDER": "STATIC_ROOT",
    "BTCW_BACKUP_FOLDER": "BACKUP_FOLDER",
}
# The first that a name begins with; the empty one takes the rest.
GROUPS: Final = (
    (_("Database and Redis"), ("DATABASE", "REDIS", "BTCW_DB_", "BTCW_REPLICA")),
    (_("What is kept"), ("BTCW_PARTITION", "BTCW_PROCESS_ROWS", "BTCW_AUDIT")),
    (_("Backups"), ("BTCW_BACKUP",)),
    (
        _("Bots and candles"),
        ("BTCW_BOT_MEMORY", "BTCW_BOTS", "BTCW_RUNNER", "BTCW_FIRST"),
    ),
    (_("This machine among others"), ("BTCW_NODE", "BTCW_BOT_BIND", "BTCW_LEASE")),
    (_("Monitoring"), ("BTCW_METRICS", "BTCW_HEARTBEAT", "BTCW_LOG", "BTCW_ERROR")),
    ("API", ("BTCW_API",)),
    (_("Demonstration"), ("BTCW_DEMO", "BTCW_SIMULATOR")),
    (_("Pages, people and keys"), ("",)),
)


@dataclass(frozen=True, slots=True)
class Explained:
    """A row of the documentation; ``default`` and ``meaning`` are safe HTML."""

    name: str
    default: SafeString
    meaning: SafeString


@dataclass(frozen=True, slots=True)
class Shown:
    """A variable as the page shows it.

    ``value`` is empty where only the documented default says what counts. ``source`` is
    the file that set it, or empty for the environment itself.
    """

    row: Explained
    is_set: bool
    value: str
    source: str
    is_hidden: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Variables of one matter."""

    label: str | Promise
    rows: tuple[Shown, ...]


def groups_read(language: str) -> list[Group]:
    """Return every variable, explained in ``language``; none without documentation."""
    folder = "zh" if language.startswith("zh") else "en"
    shown = [shown_of(row, variable(row.name)) for row in explained(folder)]
    found = []
    for label, starts in GROUPS:
        mine = tuple(each for each in shown if each.row.name.startswith(starts))
        shown = [each for each in shown if each not in mine]
        if mine:
            found.append(Group(label, mine))
    # What most people look for goes first.
    return found[-1:] + found[:-1]


@cache
def explained(folder: str) -> tuple[Explained, ...]:
    """Return the documented variables in their order; ``folder`` is en or zh."""
    path = BASE_DIR / "docs" / folder / "configure.md"
    if not path.is_file():
        return ()
    rows = ROW.finditer(path.read_text(encoding="utf-8"))
    return tuple(
        Explained(row["name"], _marked(row["default"]), _marked(row["meaning"]))
        for row in rows
    )


def shown_of(row: Explained, given: Variable | None) -> Shown:
    """Return what is shown of a variable: never a key, a password or a token."""
    hidden = is_secret_name(row.name) or row.name in WHOLLY_SECRET
    value = given.value if given else ""
    if row.name in IN_FORCE:
        value = str(getattr(settings, IN_FORCE[row.name]))
    if hidden and value:
        value = _host(value) or HIDDEN
    return Shown(
        row=row,
        is_set=given is not None,
        value=_safe(value),
        source=given.source if given else "",
        is_hidden=hidden and given is not None,
    )


def _safe(value: str) -> str:
    """Take logins and questions out of an address: both may hold passwords."""
    plain = without_logins(value)
    return re.sub(r"(://[^\s?]*)\?\S+", rf"\1?{HIDDEN}", plain)


def _host(value: str) -> str:
    """Return the beginning of an address, with nothing of its path."""
    if "://" not in value:
        return ""
    parts = urlsplit(value)
    return f"{parts.scheme}://{parts.hostname or ''}/{HIDDEN}"


def _marked(text: str) -> SafeString:
    """Return Markdown of a cell as HTML: code, and links as their words."""

    def pieces() -> Iterator[str]:
        for place, piece in enumerate(CODE.split(LINK.sub(r"\1", text))):
            yield f"<code>{escape(piece)}</code>" if place % 2 else escape(piece)

    # Every piece was escaped; what is around them is ours.
    return mark_safe("".join(pieces()))  # noqa: S308
