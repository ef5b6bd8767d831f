"""``python -m btc_watcher.local``: up, clean, and servers for one command."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Final

from btc_watcher.env import HOME
from btc_watcher.local.clean import clean
from btc_watcher.local.prepare import prepare_frontend
from btc_watcher.local.state import LocalError
from btc_watcher.local.terminal import Terminal
from btc_watcher.local.up import Up
from btc_watcher.local.with_servers import run_with_servers

if TYPE_CHECKING:
    from collections.abc import Sequence


BELOW: Final = """\
examples:
  # The whole system; "make up" does the same
  python -m btc_watcher.local up
  # A command of manage.py while the system does not run
  python -m btc_watcher.local servers -- .venv/bin/python manage.py backups
  # A command with empty servers that are forgotten afterwards
  python -m btc_watcher.local servers --throwaway -- .venv/bin/python manage.py migrate
  # Remove everything that was made
  python -m btc_watcher.local clean

exit codes:
  0    done; with "servers" that of the command
  1    what was asked for failed; a sentence says why
  2    the command line makes no sense
  130  ended by Ctrl-C
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(
        prog="python -m btc_watcher.local",
        description="Run the system on one machine, with servers of its own.",
        epilog=BELOW,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = result.add_subparsers(dest="action", required=True)
    actions.add_parser("up", help="start the whole system and serve until Ctrl-C")
    actions.add_parser("clean", help="remove BTCW_HOME")
    actions.add_parser("frontend", help="fetch the libraries of the pages")
    servers = actions.add_parser("servers", help="run a command with the servers")
    servers.add_argument(
        "--throwaway", action="store_true", help="use empty servers and forget them"
    )
    servers.add_argument("command", nargs="+", help="-- and the command to run")
    return result


def main(words: Sequence[str] | None = None) -> int:
    """Do what the arguments say; a LocalError becomes a sentence and exit code 1."""
    arguments = parser().parse_args(words)
    terminal = Terminal()
    try:
        if arguments.action == "up":
            Up(HOME, terminal).run()
        elif arguments.action == "clean":
            clean(HOME, terminal)
        elif arguments.action == "frontend":
            prepare_frontend(HOME, terminal)
        else:
            return run_with_servers(
                arguments.command, HOME, terminal, throwaway=arguments.throwaway
            )
    except LocalError as error:
        terminal.line(f"Error: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
