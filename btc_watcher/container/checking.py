"""Is the program of this container well: asked by Docker and by Kubernetes.

Quick, for it is asked for ever: without Django, by one request or one statement.
"""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Final

import psycopg

from btc_watcher.container.names import node_name
from btc_watcher.container.saying import say
from btc_watcher.env import env

if TYPE_CHECKING:
    from btc_watcher.container.note import Note

LOOPBACK: Final = "127.0.0.1"
WEB_SECONDS: Final = 5.0
DATABASE_SECONDS: Final = 3
# As HEARTBEATS["dead_after"] of the settings has it.
SILENT_SECONDS: Final = 45
SEEN: Final = """
SELECT stopped_at IS NULL AND seen_at > now() - make_interval(secs => %s)
  FROM process_heartbeats WHERE host = %s AND role = %s AND name = %s
"""


def healthy(note: Note | None) -> int:
    """Return 0 when the noted program is well, 1 when it is not, and say why."""
    if note is None:
        return 0  # still waiting, or nothing that lasts
    problem = web_problem(note.port) if note.port else beat_problem(note)
    if problem:
        say(problem)
    return 1 if problem else 0


def web_problem(port: int) -> str:
    """Say why the web process cannot serve pages, "" when it can."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=WEB_SECONDS)
    try:
        connection.request("GET", "/health/ready")
        answer = connection.getresponse()
        body = answer.read(2000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"The web process does not answer: {type(error).__name__}."
    finally:
        connection.close()
    if answer.status == http.client.OK:
        return ""
    return f"The web process answers {answer.status}: {body}"


def beat_problem(note: Note) -> str:
    """Say that a process is silent, "" when it is not or nobody can tell.

    A database that is away is no reason to end bots and workers, which wait for it.
    """
    who = (node_name(), note.role, note.name)
    try:
        with psycopg.connect(
            env.str("DATABASE_URL"), connect_timeout=DATABASE_SECONDS
        ) as connection:
            row = connection.execute(SEEN, (SILENT_SECONDS, *who)).fetchone()
    except psycopg.Error as error:
        say(f"The database cannot be asked ({type(error).__name__}).")
        return ""
    if row is None:
        return f"No sign of life of {note.name} on {who[0]} yet."
    return "" if row[0] else f"{note.name} on {who[0]} gives no sign of life."
