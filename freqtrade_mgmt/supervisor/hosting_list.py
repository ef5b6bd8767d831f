"""The runners of this home, written down for the supervisor that comes after this one.

In a folder of ours: what lies in a runner's own folder its strategies could have written.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings

from freqtrade_mgmt.bot_files import file_write
from freqtrade_mgmt.supervisor.hosting_groups import Group
from freqtrade_mgmt.supervisor.identity import ProcessKey
from freqtrade_mgmt.supervisor.processes import BotProcess

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

logger = logging.getLogger(__name__)

FILE: Final = "runners.json"


@dataclass(frozen=True, slots=True)
class Listed:
    """A runner that was started, or is about to be: then ``key`` is None."""

    name: str
    run: str
    group: Group
    key: ProcessKey | None = None

    def process(self) -> BotProcess | None:
        """Return its process if it lives."""
        if self.key is not None:
            return BotProcess.adopt(self.key)
        # We were killed between its start and the record of it.
        return BotProcess.of_run(self.run)


def list_write(runners: Iterable[Listed]) -> None:
    """Write down the runners; raises OSError."""
    path = _path()
    path.parent.mkdir(parents=True, exist_ok=True)
    file_write(path, json.dumps([asdict(each) for each in runners], indent=1) + "\n")


def list_read() -> list[Listed]:
    """Return the runners that were written down; none when that cannot be read.

    Those that live all the same are found by the rows of what is in them.
    """
    try:
        found = json.loads(_path().read_text(encoding="utf-8"))
        return [_listed(each) for each in found]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        logger.warning("The list of shared processes cannot be read: %r", error)
        return []


def _listed(value: dict[str, Any]) -> Listed:
    key = value.get("key")
    return Listed(
        name=str(value["name"]),
        run=str(value["run"]),
        group=Group.read(value["group"]),
        key=None
        if key is None
        else ProcessKey(int(key["pid"]), float(key["create_time"]), str(key["origin"])),
    )


def _path() -> Path:
    path: Path = settings.BTCW_HOME / "run" / FILE
    return path
