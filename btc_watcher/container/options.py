"""The words behind the name of a program."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

from btc_watcher.container.saying import ContainerError
from btc_watcher.env import env

if TYPE_CHECKING:
    from collections.abc import Sequence

# A container's own addresses: what is reachable from outside is its operator's choice.
EVERYWHERE: Final = "0.0.0.0"  # noqa: S104
DEFAULT_PORT: Final = 8000


class Place(NamedTuple):
    """An address and a port to listen on."""

    host: str
    port: int


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise ContainerError instead of ending the process."""
        known = ", ".join(a.option_strings[0] for a in self._actions)
        raise ContainerError(f"{message}. It takes {known}.")


def web_place(words: Sequence[str]) -> Place:
    """Read the words behind ``web``; ContainerError for others."""
    parser = _parser()
    parser.add_argument("--host", default=EVERYWHERE)
    port = env.int("BTCW_PORT", default=DEFAULT_PORT)
    parser.add_argument("--port", type=int, default=port)
    found = parser.parse_args(words)
    return Place(found.host, found.port)


class Application(NamedTuple):
    """The role that the programs work as, and the file with its password; "": none."""

    role: str
    password_file: str


def application(words: Sequence[str]) -> Application:
    """Read the words behind ``migrate``; ContainerError for others."""
    parser = _parser()
    parser.add_argument("--application", metavar="ROLE", default="btc_watcher_app")
    parser.add_argument("--application-password", metavar="FILE", default="")
    found = parser.parse_args(words)
    return Application(found.application, found.application_password)


def _parser() -> argparse.ArgumentParser:
    return _Parser(add_help=False, allow_abbrev=False)
