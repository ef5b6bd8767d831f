"""``manage.py setup_roles``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from btc_watcher.lib.errors import BtcWatcherError
from btc_watcher.local.state import write_private
from monitoring.roles.setup import RolesDone, roles_setup

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    """Makes the role that the system runs as, beside the owner of the tables."""

    help = (
        "Make the database roles: an owner for migrations, and an application role that"
        " reads and writes rows and can do nothing else. Run it as the owner or as an"
        " administrator; it may be repeated."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Define the options."""
        parser.add_argument(
            "--application",
            default="btc_watcher_app",
            help="name of the application role (btc_watcher_app)",
        )
        parser.add_argument(
            "--owner",
            default="",
            help="a role that shall own the tables; by default the one of DATABASE_URL",
        )
        parser.add_argument(
            "--new-password",
            action="store_true",
            help="give roles that exist new passwords",
        )
        parser.add_argument(
            "--password-file",
            metavar="FILE",
            type=Path,
            help="a file with the application's password; by default a random one",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Make the roles; the addresses with passwords go to private files."""
        application, given = options["application"], options["password_file"]
        try:
            done = roles_setup(
                application=application,
                owner=options["owner"],
                new_password=options["new_password"],
                password=_password_in(given) if given else "",
            )
        except BtcWatcherError as error:
            raise CommandError(error.message) from error
        files = {
            role: str(_keep(done, role))
            for role in done.passwords
            if not (given and role == application)
        }
        if options["json"]:
            report = {"steps": done.steps, "refused": done.refused, "left": done.left}
            self.stdout.write(json.dumps(report | {"files": files}))
            return
        for line in (*done.steps, *done.refused):
            self.stdout.write(line)
        for role, path in files.items():
            self.stdout.write(f"The DATABASE_URL of {role} is in {path}.")


def _password_in(path: Path) -> str:
    try:
        password = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} could not be read ({error}).") from error
    if not password:
        raise CommandError(f"{path} is empty; it must hold the application's password.")
    return password


def _keep(done: RolesDone, role: str) -> Path:
    """Write the address of ``role`` where only we can read it; return the path."""
    folder: Path = settings.BTCW_HOME / "secrets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"database-url-{quote(role, safe='')}"
    write_private(path, done.url(role) + "\n")
    return path
