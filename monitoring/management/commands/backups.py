"""``manage.py backups``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import override

from btc_watcher.lib.errors import BtcWatcherError
from monitoring.backups.files import file_open
from monitoring.backups.places import elsewhere, places_read
from monitoring.backups.selectors import backups_list, backups_rows
from monitoring.backups.words import cure_of_places, words_of_places
from monitoring.doctor.database import reachable
from monitoring.doctor.shapes import Facts, State

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    """Lists what there is."""

    help = "List the backups with their size, age, and how their trial restore ended."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Define the options."""
        parser.add_argument("--json", action="store_true", help="print a JSON array")
        parser.add_argument(
            "--open",
            metavar="FILE",
            type=Path,
            help="only open this encrypted file of a backup, to --output",
        )
        parser.add_argument("--output", metavar="FILE", type=Path)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print the list, newest first."""
        if options["open"]:
            self._open(options["open"], options["output"])
            return
        if options["json"]:
            figures = [backup.figures() for backup in backups_list()]
            self.stdout.write(json.dumps(figures, ensure_ascii=False, indent=1))
            return
        with override("en"):
            rows = backups_rows()
            if not rows:
                self.stdout.write("There is no backup yet. Make one: manage.py backup")
            for row in rows:
                age = timesince(timezone.now() - row.age, depth=1).replace("\xa0", " ")
                line = f"{row.backup.name:20}  {row.state:17}  {row.size:>9}  {age:>10}"
                self.stdout.write(f"{line}  {row.backup.error}".rstrip())
            for line in self._places():
                self.stdout.write(line)

    def _places(self) -> list[str]:
        """Say whose backups these are; a database that is gone is why people look."""
        shown = f"These lie in {settings.BACKUP_FOLDER} on {settings.NODE_NAME}."
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

    def _open(self, source: Path, target: Path | None) -> None:
        if target is None:
            raise CommandError("Say where to write what is opened: --output FILE.")
        try:
            size = file_open(source, target)
        except BtcWatcherError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{target}: {size:,} bytes.")
