"""``manage.py setup_roles``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.conf import settings
from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from btc_watcher.lib.commands.base import PlainCommand
from btc_watcher.lib.commands.helping import Example
from btc_watcher.local.state import write_private
from monitoring.roles.setup import RolesDone, roles_setup

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(PlainCommand):
    """Makes the role that the system runs as, beside the owner of the tables."""

    help = gettext_lazy(
        "Make the database roles: an owner for migrations, and an application role that"
        " reads and writes rows and can do nothing else. Run it as the owner or as an"
        " administrator; it may be repeated."
    )
    examples = (
        Example(
            gettext_lazy("The application's role, with a random password in a file"),
            "setup_roles",
        ),
        Example(
            gettext_lazy("With a password of yours"),
            "setup_roles --password-file application.password",
        ),
        Example(
            gettext_lazy("As an administrator, who makes an owner as well"),
            "setup_roles --owner btc_watcher_owner --json",
        ),
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Define the options."""
        parser.add_argument(
            "--application",
            default="btc_watcher_app",
            help=_("name of the application role (default: btc_watcher_app)"),
            metavar="NAME",
        )
        parser.add_argument(
            "--owner",
            default="",
            help=_("a role that shall own the tables (default: that of DATABASE_URL)"),
            metavar="NAME",
        )
        parser.add_argument(
            "--new-password",
            action="store_true",
            help=_("give roles that exist new passwords"),
        )
        parser.add_argument(
            "--password-file",
            metavar="FILE",
            type=Path,
            help=_("a file with the application's password (default: a random one)"),
        )
        parser.add_argument(
            "--json", action="store_true", help=_("print one JSON object")
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Make the roles; the addresses with passwords go to private files."""
        application, given = options["application"], options["password_file"]
        done = roles_setup(
            application=application,
            owner=options["owner"],
            new_password=options["new_password"],
            password=_password_in(given) if given else "",
        )
        files = {
            role: str(_keep(done, role))
            for role in done.passwords
            if not (given and role == application)
        }
        if options["json"]:
            report = {"steps": done.steps, "refused": done.refused, "left": done.left}
            self.tell_json(report | {"files": files})
            return
        for line in (*done.steps, *done.refused):
            self.tell(line)
        for role, path in files.items():
            words = _("The DATABASE_URL of %(role)s is in %(path)s.")
            self.tell(words % {"role": role, "path": path})


def _password_in(path: Path) -> str:
    try:
        password = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(
            _("%(path)s could not be read (%(error)s).")
            % {"path": path, "error": error}
        ) from error
    if not password:
        raise CommandError(
            _("%(path)s is empty; it must hold the application's password.")
            % {"path": path}
        )
    return password


def _keep(done: RolesDone, role: str) -> Path:
    """Write the address of ``role`` where only we can read it; return the path."""
    folder: Path = settings.BTCW_HOME / "secrets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"database-url-{quote(role, safe='')}"
    write_private(path, done.url(role) + "\n")
    return path
