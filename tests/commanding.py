"""The commands of manage.py that are ours, and their parsers."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from django.core.management import get_commands, load_command_class

from tests.translatable import APPS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.core.management.base import CommandParser

# Every command takes them.
COMMON = {
    *("--help", "--version", "--verbosity", "--settings", "--pythonpath"),
    *("--traceback", "--no-color", "--force-color", "--skip-checks"),
}


def ours() -> list[str]:
    return sorted(name for name, app in get_commands().items() if app in APPS)


def command_of(name: str) -> Any:
    """Return a new command, ready to be typed: wrong words end with 2."""
    command: Any = load_command_class(get_commands()[name], name)
    command._called_from_command_line = True
    return command


def parser_of(name: str) -> CommandParser:
    parser: CommandParser = command_of(name).create_parser("manage.py", name)
    return parser


def children(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of sub-commands by name."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def parsers() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield the words of every command and sub-command with its parser."""
    for name in ours():
        parser = parser_of(name)
        inner = children(parser)
        yield name, parser
        for child, its in inner.items():
            yield f"{name} {child}", its


def options(parser: argparse.ArgumentParser) -> set[str]:
    """Return the long options that only this command has."""
    return {
        option
        for action in parser._actions
        for option in action.option_strings
        if option.startswith("--")
    } - COMMON


def shown(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return the actions that help explains."""
    return [
        action
        for action in parser._actions
        if action.help != argparse.SUPPRESS
        and not isinstance(action, argparse._SubParsersAction)
    ]
