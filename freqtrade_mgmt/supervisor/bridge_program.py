"""The bridge of one proxy: a program of its own, started by the supervisor.

It accepts SOCKS 5 on loopback from bots that know its password, and carries what they
ask for through the proxy, names included. It never connects to anything else: what the
proxy does not carry is not carried. Its proxy comes by standard input, whose end ends
it; what it has to report goes to standard output, a JSON object a line. It runs by its
path and without our packages, so it imports nothing of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import socket
import sys
import time
from typing import Any, Final

from python_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError, ProxyType
from python_socks.async_.asyncio import Proxy

KINDS: Final = {
    "http": ProxyType.HTTP,
    "socks4": ProxyType.SOCKS4,
    "socks5": ProxyType.SOCKS5,
}
GREETING_SECONDS: Final = 10
CONNECT_SECONDS: Final = 20
# A bot's connection to its exchange may be idle between two candles, not for ever.
IDLE_SECONDS: Final = 900
CHUNK: Final = 65_536
# What is the same is not reported more often, so that nobody has to read much.
REPORT_SECONDS: Final = 5
# Of RFC 1928 and 1929.
VERSION: Final = 5
WITH_PASSWORD: Final = 2
NONE_ACCEPTED: Final = 0xFF
CONNECT: Final = 1
IPV4, NAME, IPV6 = 1, 3, 4
DONE, FAILED, UNREACHABLE, NO_SUCH_COMMAND = 0, 1, 4, 7
REFUSED_LOGIN: Final = (401, 403, 407)


class RefusedError(Exception):
    """Who connected is none of our bots, or asks for something that is not done here."""


class Bridge:
    """One proxy, and the login that bots need for it."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._upstream = settings["upstream"]
        self._login = settings["username"].encode(), settings["password"].encode()
        self._said: tuple[str, float] = ("", 0.0)

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Serve one connection of a bot, and close it."""
        try:
            async with asyncio.timeout(GREETING_SECONDS):
                host, port = await self._greet(reader, writer)
            carried = await self._connect(host, port, writer)
            if carried is not None:
                await _carry((reader, writer), carried)
        except (RefusedError, OSError, asyncio.IncompleteReadError):
            # One of bots that went away, or of strangers: nothing to be told.
            return
        finally:
            writer.close()

    async def _greet(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[str, int]:
        """Return where a bot wants to go, once it has shown that it is one."""
        version, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        if version != VERSION or WITH_PASSWORD not in methods:
            await _say(writer, bytes([VERSION, NONE_ACCEPTED]))
            raise RefusedError
        await _say(writer, bytes([VERSION, WITH_PASSWORD]))
        await reader.readexactly(1)
        login = await _counted(reader), await _counted(reader)
        known = [
            hmac.compare_digest(*pair) for pair in zip(login, self._login, strict=True)
        ]
        await _say(writer, bytes([1, 0 if all(known) else 1]))
        if not all(known):
            raise RefusedError
        _version, command, _zero, kind = await reader.readexactly(4)
        host = await _host(reader, kind)
        port = int.from_bytes(await reader.readexactly(2), "big")
        if command != CONNECT or not host:
            await _answer(writer, NO_SUCH_COMMAND)
            raise RefusedError
        return host, port

    async def _connect(
        self, host: str, port: int, writer: asyncio.StreamWriter
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """Connect through the proxy; None when it does not, which is reported."""
        to = self._upstream
        name, password = to["username"], to["password"]
        if to["kind"] == "http":
            # The library writes Latin-1, and proxies read UTF-8.
            name, password = _latin(name), _latin(password)
        proxy = Proxy(
            KINDS[to["kind"]],
            to["host"],
            to["port"],
            username=name or None,
            # An HTTP proxy is sent no user name without one.
            password=password if name else None,
            rdns=True,
        )
        try:
            sock = await proxy.connect(host, port, timeout=CONNECT_SECONDS)
        except (ProxyError, ProxyTimeoutError, OSError, ValueError) as error:
            self._report(failure_of(error))
            await _answer(writer, UNREACHABLE)
            return None
        self._report("")
        await _answer(writer, DONE)
        return await asyncio.open_connection(sock=sock)

    def _report(self, failure: str) -> None:
        """Report a failure, or (empty) that the proxy carries; not again and again."""
        now = time.monotonic()
        said, moment = self._said
        if failure != said or now - moment > REPORT_SECONDS:
            self._said = failure, now
            print(json.dumps({"failure": failure}), flush=True)  # noqa: T201 - its pipe


def failure_of(error: Exception) -> str:
    """Return the class of a failure: refused, timeout, dns, authentication …"""
    cause = error.__cause__
    if isinstance(error, ProxyTimeoutError):
        return "timeout"
    if isinstance(cause, socket.gaierror) or isinstance(error, socket.gaierror):
        return "dns"
    if isinstance(error, ProxyConnectionError):
        return "refused" if isinstance(cause, ConnectionRefusedError) else "unreachable"
    words = str(error).lower()
    code = getattr(error, "error_code", None)
    if code in REFUSED_LOGIN or "authenticat" in words:
        return "authentication"
    return "proxy_error"


async def _carry(
    bot: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    exchange: tuple[asyncio.StreamReader, asyncio.StreamWriter],
) -> None:
    """Copy both ways until both ends have had their say."""
    try:
        await asyncio.gather(_copy(bot[0], exchange[1]), _copy(exchange[0], bot[1]))
    finally:
        exchange[1].close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await asyncio.wait_for(reader.read(CHUNK), IDLE_SECONDS):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except (OSError, TimeoutError):
        # Cut off by one end: the other one must not wait for what never comes.
        writer.close()


def _latin(text: str) -> str:
    return text.encode().decode("latin-1")


async def _host(reader: asyncio.StreamReader, kind: int) -> str:
    if kind == NAME:
        return (await _counted(reader)).decode(errors="replace")
    if kind == IPV4:
        return socket.inet_ntop(socket.AF_INET, await reader.readexactly(4))
    if kind == IPV6:
        return socket.inet_ntop(socket.AF_INET6, await reader.readexactly(16))
    return ""


async def _counted(reader: asyncio.StreamReader) -> bytes:
    (count,) = await reader.readexactly(1)
    return await reader.readexactly(count)


async def _answer(writer: asyncio.StreamWriter, code: int) -> None:
    await _say(writer, bytes([VERSION, code, 0, IPV4]) + bytes(6))


async def _say(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


async def run(settings: dict[str, Any]) -> None:
    """Serve on the socket whose descriptor is given, until standard input ends."""
    bridge = Bridge(settings)
    listening = socket.socket(fileno=settings["fd"])
    listening.setblocking(False)  # noqa: FBT003 - the name of the method says it
    server = await asyncio.start_server(bridge.serve, sock=listening)
    loop = asyncio.get_running_loop()
    # Whoever started us has gone when this ends, however it went.
    with contextlib.suppress(OSError):
        await loop.run_in_executor(None, sys.stdin.read)
    # What is still carried is not waited for: bots find the next bridge.
    server.close()


if __name__ == "__main__":
    asyncio.run(run(json.loads(sys.stdin.readline())))
