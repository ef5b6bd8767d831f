"""The processes of this machine, as they are now."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator


def processes_now() -> Iterator[psutil.Process]:
    """Yield every process, each looked at anew.

    ``psutil.process_iter`` keeps its objects by pid, with the program that they ran when
    it was asked for. Numbers come round again: a new process would be taken for the one
    that had its number before, and be passed over.
    """
    for pid in psutil.pids():
        with contextlib.suppress(psutil.Error):
            yield psutil.Process(pid)
