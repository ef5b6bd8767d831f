"""Events as pages receive them: single, and as many as are sent at once."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from btc_watcher.lib.shared_frames import SharedFrames

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

RELOAD_TEXT: Final = '{"cursor":null,"event":{"type":"reload"}}'
# Nothing can be heard for now; a reload follows when it can again.
STALLED_TEXT: Final = '{"cursor":null,"event":{"type":"stalled"}}'
START: Final = (0, 0)
# Characters of a batch. What a page has not read yet is held for it alone, so this
# bounds the memory that a slow one costs.
BATCH_LENGTH: Final = 64_000
# As Redis reads it; int() takes signs, spaces and underscores besides.
CURSOR: Final = re.compile(r"([0-9]{1,20})(?:-([0-9]{1,20}))?")
# Both numbers of a cursor have 64 bits.
LIMIT: Final = 2**64


class Frame(NamedTuple):
    """One event: where it stands in the stream, and the text that pages receive."""

    position: tuple[int, int]
    text: str


class Batch:
    """Events that follow on one another; encoded once for all who get them."""

    def __init__(self, frames: Sequence[Frame]) -> None:
        """``frames`` are at least one."""
        self.frames = frames

    @cached_property
    def shared(self) -> SharedFrames:
        """All of them, for any number of WebSockets."""
        return SharedFrames(frame.text for frame in self.frames)

    def after(self, last: tuple[int, int]) -> Batch | None:
        """Return what comes after a position: most often this same object."""
        if self.frames[0].position > last:
            return self
        later = [frame for frame in self.frames if frame.position > last]
        return Batch(later) if later else None


def notice(text: str) -> Batch:
    """Return what stands nowhere in the stream."""
    return Batch([Frame(START, text)])


def position(cursor: str) -> tuple[int, int]:
    """Return a cursor such as ``1795370520000-3`` as comparable numbers.

    Raises ValueError when it is no cursor that Redis understands.
    """
    found = CURSOR.fullmatch(cursor)
    if found is None:
        raise ValueError("This is no cursor.")
    stamp, number = int(found[1]), int(found[2] or 0)
    if max(stamp, number) >= LIMIT:
        raise ValueError("This cursor is beyond any stream.")
    return stamp, number


def entry_frame(identifier: bytes, fields: dict[bytes, bytes]) -> Frame:
    """Return an entry of the stream as pages receive it."""
    cursor = identifier.decode()
    data = fields[b"data"].decode()
    return Frame(position(cursor), f'{{"cursor":"{cursor}","event":{data}}}')


def batches(frames: Iterable[Frame]) -> Iterator[Batch]:
    """Cut frames into batches of about BATCH_LENGTH."""
    some: list[Frame] = []
    length = 0
    for frame in frames:
        some.append(frame)
        length += len(frame.text)
        if length >= BATCH_LENGTH:
            yield Batch(some)
            some, length = [], 0
    if some:
        yield Batch(some)
