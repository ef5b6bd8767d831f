"""The only reader of the process environment.

Values come, strongest first, from the environment, from ``.env`` beside
``manage.py``, and from ``local.env`` in ``BTCW_HOME``, which ``make up`` writes.
``secrets/owner.env`` there is for the few commands that need the tables' owner.

Where ``NAME_FILE`` is set for one of our names, the value of NAME is what that file
holds, as containers are given secrets.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import environ
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

BASE_DIR = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("BTCW_HOME") or BASE_DIR / "var").expanduser().resolve()


class _Variables(FileAwareMapping):  # type: ignore[misc]
    """The environment with our own ``NAME_FILE``; SSL_CERT_FILE and its like stay."""

    def __getitem__(self, name: str) -> str:
        """Return a value; ImproperlyConfigured when its file cannot be read."""
        path = self.env.get(f"{name}_FILE") if _is_ours(name) else None
        if not path:
            return str(self.env[name])
        try:
            # Editors and shells end a file with a new line.
            return str(super().__getitem__(name)).rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ImproperlyConfigured(
                f"{name}_FILE names {path}, which cannot be read"
                f" ({getattr(error, 'strerror', None) or 'it is no text'}). Correct the"
                f" path or the file's rights, or unset it and set {name}."
            ) from error

    def __iter__(self) -> Iterator[str]:
        """Yield what is set, under the names by which it is set."""
        return iter(self.env)

    def __len__(self) -> int:
        """Count what is set."""
        return len(self.env)


class _Env(environ.Env):  # type: ignore[misc]
    ENVIRON = _Variables(cache=False)


env = _Env()
LOCAL = HOME / "local.env"
OWNER = HOME / "secrets" / "owner.env"
# Which file brought a variable; the environment itself is no file.
_BROUGHT_BY: dict[str, str] = {}
for _path in (BASE_DIR / ".env", LOCAL):
    if _path.is_file():
        _before = set(os.environ)
        environ.Env.read_env(str(_path), overwrite=False)
        _BROUGHT_BY |= dict.fromkeys(set(os.environ) - _before, _path.name)


class Variable(NamedTuple):
    """What a variable was set to, and by what: a file's name, or "" the environment."""

    value: str
    source: str


def variable(name: str) -> Variable | None:
    """Return what one of our variables was set to, None when it was not, or to nothing.

    ImproperlyConfigured when its ``NAME_FILE`` cannot be read.
    """
    given = f"{name}_FILE" if os.environ.get(f"{name}_FILE") else name
    value = env.ENVIRON.get(name)
    if not value:
        return None
    return Variable(value, given if given != name else _BROUGHT_BY.get(name, ""))


def read_lines(path: Path) -> dict[str, str]:
    """Return the NAME=value lines of a file that we wrote, none when it is not there."""
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("=") for line in lines if not line.startswith("#"))
    return {name: value for name, sign, value in pairs if sign}


def owner_take(names: Iterable[str]) -> None:
    """Take ``names`` from what ``make up`` keeps for the owner of the embedded database.

    Call it before the settings are read. Nothing is taken when a person named another
    database, or set the variable.
    """
    local, owner = read_lines(LOCAL), read_lines(OWNER)
    if env.ENVIRON.get("DATABASE_URL") != local.get("DATABASE_URL"):
        return
    for name in names:
        set_by_us = env.ENVIRON.get(name) in {None, "", local.get(name)}
        if set_by_us and name in owner:
            os.environ[name] = owner[name]


def environment_for_child(changes: Mapping[str, str | None]) -> dict[str, str]:
    """Return our environment for a child process, with changes; None takes one out.

    What is secret goes this way: every user of the machine can read command lines. Our
    own settings, with their keys, are left out: a package that is built runs its code.
    """
    ours = {key: value for key, value in os.environ.items() if not _is_ours(key)}
    wanted = {**ours, **{key: value for key, value in changes.items() if value}}
    return {
        key: value for key, value in wanted.items() if changes.get(key, "") is not None
    }


def _is_ours(name: str) -> bool:
    plain = name.removesuffix("_FILE")
    servers = {"DATABASE_URL", "DATABASE_REPLICA_URL", "REDIS_URL"}
    return name.startswith("BTCW_") or plain in servers
