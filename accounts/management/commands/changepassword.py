"""``manage.py changepassword``: Django's own, by the way that every new password goes."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING, Any, Final

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.models import User
from accounts.services import password_change
from btc_watcher.lib.commands.base import PlainCommand
from btc_watcher.lib.commands.helping import Example

if TYPE_CHECKING:
    from django.core.management.base import CommandParser

TRIES: Final = 3


class Command(PlainCommand):
    """Sets a password, and ends every login and API token of the user."""

    help = gettext_lazy(
        "Set a new password for a user. All logins and API tokens of the user end. The"
        " password is asked for twice; without a terminal it is the first line of the"
        " input."
    )
    examples = (
        Example(gettext_lazy("Ask for the password"), "changepassword admin"),
        Example(
            gettext_lazy("Take it from a file, for a program"),
            "changepassword admin --json < password.txt",
        ),
    )
    endings = {1: gettext_lazy("there is no such user, or the password did not fit")}

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the user and --json."""
        parser.add_argument("username", metavar="USER", help=_("name of the user"))
        parser.add_argument(
            "--json", action="store_true", help=_("print one JSON object")
        )

    def handle(self, *, username: str, **options: Any) -> None:
        """Ask, store and tell what ended."""
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(
                _("No user is called %(name)r. The admin lists the users.")
                % {"name": username}
            )
        ended = password_change(user=user, password=self._password(user))
        if options["json"]:
            self.tell_json({"username": username, "ended": ended})
            return
        words = ngettext(
            "%(name)s has the new password; %(count)d login or API token has ended.",
            "%(name)s has the new password; %(count)d logins and API tokens have ended.",
            ended,
        )
        self.tell(words % {"name": username, "count": ended})

    def _password(self, user: User) -> str:
        """Return a password that fits; ask again where somebody sits."""
        if not sys.stdin.isatty():
            given = sys.stdin.readline().rstrip("\r\n")
            if problem := _problem(given, user):
                raise CommandError(problem)
            return given
        problem = ""
        for _time in range(TRIES):
            given = getpass.getpass(_("New password: "))
            again = getpass.getpass(_("New password, again: "))
            problem = _problem(given, user)
            if given != again:
                problem = _("The two passwords are not the same.")
            if not problem:
                return given
            self.stderr.write(problem)
        raise CommandError(_("The password was not changed."))


def _problem(password: str, user: User) -> str:
    """Return why ``password`` does not fit, or nothing."""
    if not password:
        return _("The password is empty.")
    try:
        validate_password(password, user)
    except ValidationError as error:
        return " ".join(error.messages)
    return ""
