"""What keeps bots from starting on this machine, and on no other."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final

from btc_watcher.lib.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class NotHereError(ConfigurationError):
    """This node cannot start a bot, for a reason of its own; another one may."""


def unwritable(folder: Path, error: OSError) -> NotHereError:
    """Return the sentence about a bot's folder that cannot be written."""
    if error.errno in FULL:
        return NotHereError(
            f"The disk is full at {folder}, so the bot's folder cannot be written. Free"
            " some space, then start the strategy again."
        )
    return NotHereError(
        f"The bot's folder {folder} cannot be written ({error.strerror}). Give it"
        " and all in it to the user that runs the supervisor, or move it away."
    )
