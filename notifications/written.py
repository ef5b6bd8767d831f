"""When rows of the outbox were written: what keeps a look-up out of other months. Pure.

The history is cut by ``sent_at``, which is when a row was written until it is delivered.
A search by number alone looks into every month that there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

# A header and not an argument: a worker of an earlier release takes such a task too.
HEADER: Final = "btcw-written"
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# A clock that was set back may have stamped a delivery earlier than its row.
CLOCK_ERROR: Final = timedelta(days=1)


class Written(NamedTuple):
    """The moments at which the first and the last of some rows were written."""

    first: datetime
    last: datetime

    @classmethod
    def of(cls, moments: Iterable[datetime | None]) -> Self | None:
        """Return the span of ``moments``; None without any, or where one is unknown."""
        known = list(moments)
        found = [moment for moment in known if moment is not None]
        if not found or len(found) < len(known):
            return None
        return cls(min(found), max(found))

    @classmethod
    def read(cls, headers: object) -> Self | None:
        """Return what ``headers`` wrote; None for tasks of earlier releases."""
        text = headers.get(HEADER) if isinstance(headers, Mapping) else None
        try:
            first, last = map(datetime.fromisoformat, str(text).split())
        except ValueError:
            return None
        return cls(first, last) if first.tzinfo and last.tzinfo else None

    def headers(self) -> dict[str, str]:
        """Return the span as headers of a task."""
        return {HEADER: f"{self.first.isoformat()} {self.last.isoformat()}"}


def since_of(text: object) -> datetime:
    """Return the moment before which nothing is to be looked for, as metadata has it.

    It is ``text`` with room for a clock that was set back, and 1970 where there is none.
    """
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return EPOCH
    return moment - CLOCK_ERROR if moment.tzinfo else EPOCH
