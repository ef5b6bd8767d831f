"""The values that processes of one ``BTCW_HOME`` share, and where they are kept.

Secrets are made once and kept in ``secrets/``, one private file each. ``local.env``
repeats them with the addresses of the embedded servers, so that ``manage.py`` by hand
finds the same system; ``secrets/owner.env`` has those of the tables' owner, for migrations
and backups. What a person sets in the environment or in ``.env`` is stronger and is never
written down.
"""

from __future__ import annotations

import base64
import secrets
import socket
from typing import TYPE_CHECKING

from btc_watcher.env import BASE_DIR, env, read_lines
from btc_watcher.local.state import LocalError, write_private

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

FOR_SEED_ONLY = "BTCW_ADMIN_PASSWORD"
FOR_BACKUPS = "BTCW_BACKUP_DATABASE_URL"
APPLICATION_PASSWORD = "database-application"  # noqa: S105 - the name of a file
MARKER = ".btc-watcher-home"
HEADER = (
    "# Written by make up and read by manage.py. Values of yours belong into .env.\n"
)
HEADER_OF_OWNER = (
    "# Written by make up, for migrate, setup_roles, backup and restore alone.\n"
)


def make_encryption_keys() -> str:
    """Return a new key ring with one AES-256 key, as BTCW_ENCRYPTION_KEYS has it."""
    key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return f"k{secrets.token_hex(3)}:{key}"


SECRETS: Mapping[str, Callable[[], str]] = {
    "BTCW_SECRET_KEY": lambda: secrets.token_urlsafe(50),
    "BTCW_ENCRYPTION_KEYS": make_encryption_keys,
}


def is_ours(home: Path) -> bool:
    """Tell whether ``home`` may be filled and removed: new, empty, marked or the default."""
    if not home.exists() or home == BASE_DIR / "var" or (home / MARKER).exists():
        return True
    return {path.name for path in home.iterdir()} <= {"run"}


class LocalEnvironment:
    """The environment of the children of one ``BTCW_HOME``."""

    def __init__(self, home: Path) -> None:
        """Read what an earlier run left in ``home``; nothing is written yet."""
        self.home = home
        self._path = home / "local.env"
        self._earlier = read_lines(self._path)
        self.values: dict[str, str] = {}
        # Addresses of the embedded database for its owner, {} without one.
        self.owner: dict[str, str] = {}

    def given(self, name: str) -> str:
        """Return what a person set for ``name``, "" when it is unset or only ours.

        ``btc_watcher.env`` has loaded ``local.env`` into the environment, so a value
        that equals the one written there is ours.
        """
        value = str(env.ENVIRON.get(name, ""))
        return "" if value == self._earlier.get(name) else value

    def earlier(self, name: str) -> str:
        """Return the value that the last run wrote, "" when there was none."""
        return self._earlier.get(name, "")

    def earlier_port(self, name: str) -> int | None:
        """Return the port that the last run wrote, None when there was none."""
        value = self.earlier(name)
        return int(value) if value.isdigit() else None

    def prepare_home(self) -> None:
        """Make the home folder, mark it as ours, and make the secrets once."""
        if not is_ours(self.home):
            raise LocalError(
                f"BTCW_HOME is {self.home}, which holds files that are not BTC "
                "Watcher's. Name an empty folder, because make clean removes it."
            )
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / MARKER).touch()
        # Search only: PostgreSQL's user passes through, nobody else can list.
        self.home.chmod(0o711)
        folder = self.home / "secrets"
        for private in (folder, self.home / "log", self.home / "run"):
            private.mkdir(exist_ok=True)
            private.chmod(0o700)
        for name, make in SECRETS.items():
            self.values[name] = self.given(name) or self._secret(folder / name, make)

    def write(self) -> None:
        """Keep every value that nobody set, for the next run and for manage.py."""
        kept = {n: v for n, v in self.values.items() if not self.given(n)}
        lines = [f"{name}={value}\n" for name, value in sorted(kept.items())]
        write_private(self._path, HEADER + "".join(lines))

    def keep_earlier(self) -> None:
        """Take over what the last run wrote and this one did not choose."""
        self.values = self._earlier | self.values

    def application_password(self) -> Path:
        """Return the file with the password of the role that the system works as."""
        path = self.home / "secrets" / APPLICATION_PASSWORD
        self._secret(path, lambda: secrets.token_hex(24))
        return path

    def database_is(self, *, owner: str, application: str) -> None:
        """Note the addresses of the embedded database for either role."""
        self.owner = {"DATABASE_URL": owner, FOR_BACKUPS: owner}
        self.values["DATABASE_URL"] = application
        lines = [f"{name}={value}\n" for name, value in sorted(self.owner.items())]
        path = self.home / "secrets" / "owner.env"
        write_private(path, HEADER_OF_OWNER + "".join(lines))

    def for_children(self) -> dict[str, str]:
        """Return the whole environment of a child."""
        return {k: v for k, v in self.for_seed().items() if k != FOR_SEED_ONLY}

    def for_owner(self) -> dict[str, str]:
        """Return the environment of the commands that change tables."""
        return self.for_children() | self.owner

    def for_backups(self) -> dict[str, str]:
        """Return what the one process that makes backups knows besides."""
        if FOR_BACKUPS not in self.owner or self.given(FOR_BACKUPS):
            return {}
        return {FOR_BACKUPS: self.owner[FOR_BACKUPS]}

    def for_seed(self) -> dict[str, str]:
        """Return the environment of the one command that may see the password."""
        inherited = {str(k): str(v) for k, v in env.ENVIRON.items()}
        # A machine that is given another name keeps this one until all start anew: a
        # child that started alone would not know the bots of the others.
        node = env.str("BTCW_NODE", default="") or socket.gethostname()
        return (
            inherited | self.values | {"BTCW_HOME": str(self.home), "BTCW_NODE": node}
        )

    def _secret(self, path: Path, make: Callable[[], str]) -> str:
        if not path.exists():
            # A value from local.env survives a lost secrets folder.
            write_private(path, (self.earlier(path.name) or make()) + "\n")
        return path.read_text(encoding="ascii").strip()
