"""Talking to a runner: lines of JSON on a Unix socket in its folder."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import socket
import struct
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SOCKET: Final = "control.sock"
REQUEST_SECONDS: Final = 10.0
CONNECT_SECONDS: Final = 2.0
# A thousand strategies with a sentence each, with room to spare.
LONGEST_LINE: Final = 4 * 1024 * 1024
CREDENTIALS: Final = struct.Struct("3i")


class RunnerSilentError(Exception):
    """A runner cannot be reached, did not answer in time, or is not the one meant."""


class RunnerRefusedError(Exception):
    """A runner answered that it cannot do what was asked; ``code`` says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Control:
    """One connection to a runner. Use ``open``, and close it in the end."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        told: Callable[[dict[str, Any]], None],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._told = told
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._task = asyncio.create_task(self._read(), name="runner's answers")

    @classmethod
    async def open(
        cls, folder: Path, pid: int, told: Callable[[dict[str, Any]], None]
    ) -> Control:
        """Connect to the runner of a folder whose process is ``pid``.

        ``told`` gets every event. Raises RunnerSilentError.
        """
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                reader, writer = await _connect(folder)
        except (OSError, TimeoutError) as error:
            raise RunnerSilentError(type(error).__name__) from None
        peer = _peer(writer.get_extra_info("socket"))
        if peer not in {pid, 0}:
            writer.close()
            raise RunnerSilentError("another process has its socket")
        return cls(reader, writer, told)

    async def ask(
        self, do: str, *, seconds: float = REQUEST_SECONDS, **values: Any
    ) -> dict[str, Any]:
        """Ask for something and return the answer.

        Raises RunnerRefusedError, or RunnerSilentError when nothing comes in time.
        """
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        line = json.dumps({"id": number, "do": do, **values}) + "\n"
        try:
            async with asyncio.timeout(seconds):
                if self._task.done():
                    raise RunnerSilentError("it has hung up")
                self._writer.write(line.encode())
                await self._writer.drain()
                found: dict[str, Any] = await answer
        except (OSError, TimeoutError) as error:
            raise RunnerSilentError(f"{do}: {type(error).__name__}") from None
        finally:
            self._waiting.pop(number, None)
            if answer.done() and not answer.cancelled():
                # Hung up while we wrote: that was seen already.
                answer.exception()
        if found.get("ok") is True:
            return found
        code = str(found.get("error") or "refused")
        raise RunnerRefusedError(code, str(found.get("message") or code))

    async def close(self) -> None:
        """Hang up; raises nothing."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _read(self) -> None:
        try:
            while line := await self._reader.readline():
                self._take(line)
        except (OSError, ValueError):
            pass  # hung up, or a line without end
        finally:
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(RunnerSilentError("it has hung up"))

    def _take(self, line: bytes) -> None:
        try:
            found = json.loads(line)
        except ValueError:
            return  # its strategies' code could write anything
        if not isinstance(found, dict):
            return
        if "event" in found:
            self._told(found)
            return
        number = found.get("id")
        answer = self._waiting.get(number) if isinstance(number, int) else None
        if answer is not None and not answer.done():
            answer.set_result(found)


async def _connect(
    folder: Path,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    # An address is at most 107 bytes long, and homes may lie deep.
    here = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        return await asyncio.open_unix_connection(
            f"/proc/self/fd/{here}/{SOCKET}", limit=LONGEST_LINE
        )
    finally:
        os.close(here)


def _peer(connected: socket.socket) -> int:
    """Return the process that listens, 0 where the kernel does not tell."""
    try:
        told = connected.getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size
        )
    except OSError:
        return 0
    return int(CREDENTIALS.unpack(told)[0])
