"""The talk with a shared process: real sockets, and answers that nobody expects."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from freqtrade_mgmt.supervisor.hosting_control import (
    Control,
    RunnerRefusedError,
    RunnerSilentError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path


@contextlib.asynccontextmanager
async def listening(
    folder: Path, answer: Callable[[dict[str, Any]], bytes]
) -> AsyncIterator[None]:
    """Listen on the socket of a folder, in this very process."""

    talks: set[asyncio.Task[None] | None] = set()
    came = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: Any) -> None:
        talks.add(asyncio.current_task())
        came.set()
        with contextlib.suppress(OSError):
            while line := await reader.readline():
                writer.write(answer(json.loads(line)))
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    before = os.getcwd()  # noqa: PTH109 - a name that is short enough
    os.chdir(folder)
    try:
        server = await asyncio.start_unix_server(serve, "control.sock")
    finally:
        os.chdir(before)
    try:
        yield
    finally:
        # Every test connects; it may not have been noticed here yet.
        await asyncio.wait_for(came.wait(), 10)
        server.close()
        await asyncio.wait_for(asyncio.gather(*filter(None, talks)), 10)
        await server.wait_closed()


def line(**values: Any) -> bytes:
    return json.dumps(values).encode() + b"\n"


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """A folder whose path is longer than an address of a socket may be."""
    folder = tmp_path / ("x" * 60) / ("y" * 60)
    folder.mkdir(parents=True)
    return folder


async def opened(folder: Path, told: list[Any] | None = None) -> Control:
    events = [] if told is None else told
    return await Control.open(folder, os.getpid(), events.append)


async def test_requests_and_answers_find_each_other_in_a_deep_folder(
    deep: Path,
) -> None:
    def answer(request: dict[str, Any]) -> bytes:
        return line(id=request["id"], ok=True, echo=request["do"])

    async with listening(deep, answer):
        control = await opened(deep)
        found = await asyncio.gather(control.ask("a"), control.ask("b"))
        assert [each["echo"] for each in found] == ["a", "b"]
        await control.close()


async def test_a_refusal_has_its_code_and_its_words(tmp_path: Path) -> None:
    def answer(request: dict[str, Any]) -> bytes:
        return line(id=request["id"], ok=False, error="stuck", message="It stays.")

    async with listening(tmp_path, answer):
        control = await opened(tmp_path)
        with pytest.raises(RunnerRefusedError, match=r"It stays\.") as refused:
            await control.ask("unload")
        assert refused.value.code == "stuck"
        await control.close()


async def test_garbage_is_passed_over_and_events_are_told(tmp_path: Path) -> None:
    told: list[Any] = []

    def answer(request: dict[str, Any]) -> bytes:
        noise = b"no json\n" + b"[1]\n" + line(id="x") + line(id=99, ok=True)
        return (
            noise + line(event="state", strategy_id=7) + line(id=request["id"], ok=True)
        )

    async with listening(tmp_path, answer):
        control = await opened(tmp_path, told)
        await control.ask("list")
        await control.close()
    assert told == [{"event": "state", "strategy_id": 7}]


async def test_silence_is_an_error_in_time(tmp_path: Path) -> None:
    async with listening(tmp_path, lambda _request: b""):
        control = await opened(tmp_path)
        with pytest.raises(RunnerSilentError, match="list"):
            await control.ask("list", seconds=0.1)
        await control.close()


async def test_a_line_without_end_ends_the_talk(tmp_path: Path) -> None:
    async with listening(tmp_path, lambda _request: b"x" * (5 * 1024 * 1024)):
        control = await opened(tmp_path)
        with pytest.raises(RunnerSilentError):
            await control.ask("list", seconds=5)
        with pytest.raises(RunnerSilentError, match="hung up"):
            await control.ask("list", seconds=5)
        await control.close()


async def test_nobody_there_and_somebody_else_there_are_no_runner(
    tmp_path: Path,
) -> None:
    with pytest.raises(RunnerSilentError, match="FileNotFound"):
        await opened(tmp_path)
    async with listening(tmp_path, lambda _request: b""):
        with pytest.raises(RunnerSilentError, match="another process"):
            await Control.open(tmp_path, 1, print)
