"""Whether a process's own loop goes on: a thread beside it would beat for ever."""

from __future__ import annotations

import time
from typing import Final

# A loop that has not come round for so long hangs; its process counts as dead.
STUCK_SECONDS: Final = 60.0


class Progress:
    """The moment at which a loop last came round; None until it marks for the first time."""

    def __init__(self) -> None:
        self._moment: float | None = None

    def mark(self) -> None:
        """Say that the loop came round."""
        self._moment = time.monotonic()

    def stuck(self) -> bool:
        """Tell whether a loop that was going has stopped."""
        return (
            self._moment is not None and time.monotonic() - self._moment > STUCK_SECONDS
        )


# Each lives in a process of its own.
beat_loop = Progress()
supervisor_loop = Progress()
