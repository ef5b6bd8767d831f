"""``manage.py backups``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rich.cells import set_cell_size

from btc_watcher.lib.commands.base import PlainCommand, UsageError
from btc_watcher.lib.commands.helping import Example
from monitoring.backups.files import file_open
from monitoring.backups.places import elsewhere, places_read
from monitoring.backups.selectors import Row, backups_list, backups_rows
from monitoring.backups.words import cure_of_places, words_of_places
from monitoring.doctor.database import reachable
from monitoring.doctor.shapes import Facts, State

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(PlainCommand):
    """Lists what there is."""

    help = gettext_lazy(
        "List the backups with their size, age, and how their trial restore ended."
    )
    examples = (
        Example(gettext_lazy("What there is, newest first"), "backups"),
        Example(gettext_lazy("For a program"), "backups --json"),
        Example(
            gettext_lazy("Open an encrypted file of a backup"),
            "backups --open 20261123T031700Z/redis.rdb.sealed --output dump.rdb",
        ),
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Define the options."""
        parser.add_argument(
            "--json",
            action="store_true",
            help=_("print a JSON array; with --open an object"),
        )
        parser.add_argument(
            "--open",
            metavar="FILE",
            type=Path,
            help=_("only open this encrypted file of a backup, to --output"),
        )
        parser.add_argument(
            "--output",
            metavar="FILE",
            type=Path,
            help=_("where to write what --open opens"),
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print the list, newest first."""
        if options["open"] or options["output"]:
            self._open(options)
        elif options["json"]:
            self.tell_json([backup.figures() for backup in backups_list()])
        else:
            self._list()

    def _list(self) -> None:
        rows = backups_rows()
        if not rows:
            self.tell(_("There is no backup yet. Make one: manage.py backup"))
        for row in rows:
            self.tell(_line(row))
        for line in self._places():
            self.tell(line)

    def _places(self) -> list[str]:
        """Say whose backups these are; a database that is gone is why people look."""
        shown = _("These lie in %(folder)s on %(node)s.") % {
            "folder": settings.BACKUP_FOLDER,
            "node": settings.NODE_NAME,
        }
        if reachable(Facts(timezone.now())).state is not State.OK:
            return [shown]
        try:
            places = places_read()
        except DatabaseError:
            return [shown]
        if len(places) == 1 and places[0].is_here:
            return [words_of_places(places)]
        words = [shown, words_of_places(places)]
        return words if elsewhere(places) else [*words, cure_of_places(places)]

    def _open(self, options: dict[str, Any]) -> None:
        source, target = options["open"], options["output"]
        if target is None:
            raise UsageError(_("Say where to write what is opened: --output FILE."))
        if source is None:
            raise UsageError(_("Say what to open: --open FILE."))
        size = file_open(source, target)
        if options["json"]:
            self.tell_json({"path": str(target), "bytes": size})
        else:
            words = _("%(path)s: %(bytes)s bytes.")
            self.tell(words % {"path": target, "bytes": f"{size:,}"})


def _line(row: Row) -> str:
    age = timesince(timezone.now() - row.age, depth=1).replace("\xa0", " ")
    # By the room that characters take: a Chinese one takes two.
    cells = (
        *(set_cell_size(row.backup.name, 20), set_cell_size(row.state, 17)),
        *(f"{row.size:>9}", set_cell_size(age, 10)),
    )
    return f"{'  '.join(cells)}  {row.backup.error}".rstrip()
