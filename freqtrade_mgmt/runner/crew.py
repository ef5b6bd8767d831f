"""Making and losing the hub's processes: the maker, the feeder and the workers."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import secrets
from typing import TYPE_CHECKING, Any, Final

from freqtrade_mgmt.runner.children import end, end_orphans
from freqtrade_mgmt.runner.members import Member
from freqtrade_mgmt.runner.wire import BrokenWireError, packed, receive, unix_socket

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

logger = logging.getLogger(__name__)

# Below the runner's folder, where it runs: the whole path may be too long for a socket.
SOCKET: Final = "crew.sock"
_HELLO_SECONDS: Final = 30.0
_REAP_SECONDS: Final = 5.0


class MakerGoneError(Exception):
    """The maker has ended, and nothing can be made any more."""


class NotMadeError(ConnectionError):
    """The system refuses another process now; the text says why."""


class Crew:
    """All processes of a runner but the hub itself.

    ``take`` gets every message of a member, ``lost`` a member whose connection ended.
    """

    def __init__(
        self,
        take: Callable[[Member, dict[str, Any], bytes], None],
        lost: Callable[[Member], None],
        line: Callable[[str], None],
    ) -> None:
        self._take = take
        self._lost = lost
        self._line = line
        self._secret = secrets.token_hex(16)
        self._numbers = itertools.count(1)
        self._hellos: dict[str, asyncio.Future[Any]] = {}
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._maker: asyncio.StreamWriter | None = None
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.version = ""
        self.topics: frozenset[str] = frozenset()
        self.maker_pid = 0
        self.ready = asyncio.Event()
        self.gone = asyncio.Event()

    async def start(self, maker: socket.socket, maker_pid: int) -> None:
        """Listen for members, and to the maker."""
        self.maker_pid = maker_pid
        self._server = await asyncio.start_unix_server(
            self._greet, sock=unix_socket(SOCKET)
        )
        reader, self._maker = await asyncio.open_unix_connection(sock=maker)
        self._keep(self._hear_maker(reader))

    async def open(self, config: str, userdir: str) -> dict[str, Any]:
        """Let the maker open the exchange of a configuration; tells ok, error, message, shared."""
        return await self._make({"do": "open", "config": config, "userdir": userdir})

    async def member(self, kind: str) -> Member:
        """Make a process, ``worker`` or ``feeder``, and return it when it listens.

        Raises MakerGoneError, NotMadeError, TimeoutError when it never listens.
        """
        name = f"{kind}-{next(self._numbers)}"
        hello: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._hellos[name] = hello
        head = {"do": "fork", "kind": kind, "name": name, "socket": SOCKET}
        try:
            made = await self._make({**head, "secret": self._secret})
            if "pid" not in made:
                raise NotMadeError(f"no process could be made ({made['message']})")
            async with asyncio.timeout(_HELLO_SECONDS):
                reader, writer = await hello
        finally:
            del self._hellos[name]
        member = Member(name, made["pid"], writer)
        self._keep(self._hear(member, reader))
        return member

    async def dismiss(self, member: Member) -> int | None:
        """End a member now, whatever it does; return its exit code if that is known."""
        member.close()
        end(member.pid)
        try:
            async with asyncio.timeout(_REAP_SECONDS):
                code = (await self._make({"do": "reap", "pid": member.pid})).get("code")
        except (TimeoutError, MakerGoneError):
            return None
        end_orphans(self.maker_pid)
        return code if isinstance(code, int) else None

    async def close(self) -> None:
        """Hear nobody any more."""
        for task in self._tasks:
            task.cancel()
        if self._server is not None:
            self._server.close()

    async def _make(self, head: dict[str, Any]) -> dict[str, Any]:
        if self._maker is None or self.gone.is_set():
            raise MakerGoneError("The process that makes the others has ended.")
        number = next(self._numbers)
        answer: asyncio.Future[dict[str, Any]] = (
            asyncio.get_running_loop().create_future()
        )
        self._asked[number] = answer
        try:
            self._maker.write(packed({**head, "task": number}))
            return await answer
        finally:
            del self._asked[number]

    async def _hear_maker(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                head, _body = await receive(reader)
                if "line" in head:
                    self._line(head["line"])
                elif "ready" in head:
                    self.version, self.topics = head["ready"], frozenset(head["topics"])
                    self.ready.set()
                elif (asked := self._asked.get(head["done"])) and not asked.done():
                    asked.set_result(head)
        self.gone.set()
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(MakerGoneError("The maker has ended."))

    async def _greet(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Let in a process of ours, that knows what only ours know."""
        try:
            head, _body = await asyncio.wait_for(receive(reader), _HELLO_SECONDS)
            known = secrets.compare_digest(str(head.get("secret")), self._secret)
            hello = self._hellos.get(str(head.get("hello")))
        except (asyncio.IncompleteReadError, BrokenWireError, ValueError, OSError):
            known, hello = False, None
        if known and hello is not None and not hello.done():
            hello.set_result((reader, writer))
        else:
            writer.close()

    async def _hear(self, member: Member, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                self._take(member, *await receive(reader))
        except (asyncio.IncompleteReadError, BrokenWireError, OSError):
            pass
        except Exception:
            # A strategy may write to the connection of its worker.
            logger.exception("%s has said what nobody understands.", member.name)
        if not member.closing:
            self._lost(member)

    def _keep(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
