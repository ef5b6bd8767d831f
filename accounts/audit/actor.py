"""Who is at work: told to PostgreSQL with every statement that the audit watches.

A person who asks for a page or calls the API is known to this context of execution;
the system is nobody. The trigger reads the setting ``btc_watcher.actor``, which lives
as long as the transaction, so that nothing is left for whoever gets the connection next.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.db import DEFAULT_DB_ALIAS, connections, transaction

from accounts.audit.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from accounts.models import User

_WRITES: Final = re.compile(r"\s*(?:INSERT|UPDATE|DELETE|WITH|MERGE)\b", re.IGNORECASE)
_WATCHED: Final = re.compile(rf"\b(?:{'|'.join(TABLES)})\b")
_TELL: Final = "SELECT set_config('btc_watcher.actor', %s, true)"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a person or nobody, through ``via`` (page, admin, API, a command)."""

    user_id: int | None
    name: str
    via: str
    ip_address: str | None = None

    def text(self) -> str:
        """Return the JSON that the trigger reads."""
        told = {
            "user": self.user_id,
            "name": self.name,
            "via": self.via,
            "ip": self.ip_address,
        }
        return json.dumps({key: each for key, each in told.items() if each is not None})


_actor: ContextVar[Actor | None] = ContextVar("audit actor", default=None)


def actor_set(actor: Actor | None) -> None:
    """Say who acts from now on in this context; None is the system."""
    _actor.set(actor)
    if actor is not None:
        _listen()


def actor_of(user: User, via: str, ip_address: str | None) -> Actor:
    """Return the actor that a person is."""
    return Actor(user.pk, user.get_username(), via, ip_address)


def actor_now() -> Actor | None:
    """Return who acts, None being the system."""
    return _actor.get()


def command_noted(arguments: Sequence[str]) -> None:
    """Have the audit name the command of ``manage.py`` that this process is, if it is one.

    Nobody is behind it: who may run commands on the machine may do everything.
    """
    program, *rest = arguments or [""]
    if Path(program).name == "manage.py" and rest:
        actor_set(Actor(None, "", f"manage.py {rest[0]}"))


@contextmanager
def acting_as(actor: Actor | None) -> Iterator[None]:
    """Act as ``actor`` meanwhile."""
    token = _actor.set(actor)
    actor_set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


def _listen() -> None:
    """See the statements of this thread's connection from now on."""
    connection = connections[DEFAULT_DB_ALIAS]
    if _told not in connection.execute_wrappers:
        connection.execute_wrappers.append(_told)


def _told(
    execute: Callable[..., Any], sql: Any, params: Any, many: Any, context: Any
) -> Any:
    """Run a statement, and before it tell who acts where the audit will ask."""
    actor = _actor.get()
    if actor is None or not _is_watched(sql):
        return execute(sql, params, many, context)
    connection = context["connection"]
    if not connection.in_atomic_block:
        with transaction.atomic(using=connection.alias):
            return _told(execute, sql, params, many, context)
    context["cursor"].cursor.execute(_TELL, [actor.text()])
    return execute(sql, params, many, context)


def _is_watched(sql: Any) -> bool:
    return isinstance(sql, str) and bool(_WRITES.match(sql) and _WATCHED.search(sql))
