"""The bridges between bots and proxies that freqtrade cannot go through by itself.

A bridge is a child process for one proxy. Bots reach it on loopback with a password of
its own, so neither a bot nor the strategy in it learns the proxy's. The supervisor keeps
the listening socket: a bridge that dies is replaced behind it, bots wait meanwhile, and
nothing goes out by another way.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from btc_watcher.lib.sockets import ProxyAddress
from freqtrade_mgmt.bot_files import file_write

if TYPE_CHECKING:
    from collections.abc import Collection

logger = logging.getLogger(__name__)

PROGRAM: Final = Path(__file__).with_name("bridge_program.py")
LOOPBACK: Final = "127.0.0.1"
USERNAME: Final = "bot"
BACKLOG: Final = 128
FIRST_DELAY: Final = 0.2
LONGEST_DELAY: Final = 30.0
# One that lived so long did not fall over at once.
SETTLED_SECONDS: Final = 60.0
# A report older than this explains nothing that happens now.
REPORT_SECONDS: Final = 180.0
ENVIRONMENT: Final = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}


def bridge_needed(proxy: ProxyAddress) -> bool:
    """Tell whether bots need a bridge for this proxy.

    freqtrade knows no SOCKS 4. And a login must not come near a bot: aiohttp writes it
    into the log when it is wrong, and every strategy could read it.
    """
    return proxy.kind == "socks4" or bool(proxy.username or proxy.password)


@dataclass(slots=True)
class Bridge:
    """One bridge: where bots find it, where it leads, and the process that runs it."""

    key: str
    upstream: ProxyAddress
    listening: socket.socket
    password: str = field(repr=False)
    child: subprocess.Popen[bytes] | None = None
    task: asyncio.Task[None] | None = None
    failure: str = ""
    reported: float = 0.0

    @property
    def port(self) -> int:
        """The port on loopback."""
        return int(self.listening.getsockname()[1])

    @property
    def address(self) -> ProxyAddress:
        """What bots go through."""
        return ProxyAddress("socks5", LOOPBACK, self.port, USERNAME, self.password)


class Bridges:
    """All bridges, by a key that names the proxy and its settings.

    ``kept`` is a file of ours with ports and passwords: bots outlive a supervisor, and
    find their bridge again with the next one.
    """

    def __init__(self, kept: Path) -> None:
        self._kept = kept
        self._bridges: dict[str, Bridge] = {}
        # Also of bridges whose bots have not been taken over yet.
        self._noted = self._read()

    async def open(self, key: str, upstream: ProxyAddress) -> ProxyAddress:
        """Return the address of the bridge to ``upstream``; it is started if need be."""
        bridge = self._bridges.get(key)
        if bridge is None:
            bridge = self._kept_bridge(key, upstream) or Bridge(
                key, upstream, _listen(0), secrets.token_hex(24)
            )
            self._start(bridge)
        return bridge.address

    async def reopen(self, key: str, upstream: ProxyAddress) -> bool:
        """Open the bridge of an adopted bot; False when its port is somebody else's."""
        if key in self._bridges:
            return True
        bridge = self._kept_bridge(key, upstream)
        if bridge is None:
            return False
        self._start(bridge)
        return True

    def serves(self, key: str) -> bool:
        """Tell whether there is such a bridge; no key needs none."""
        return not key or key in self._bridges

    def failure(self, key: str) -> str:
        """Return the class of the failure that a bridge reported lately, or nothing."""
        bridge = self._bridges.get(key)
        if bridge is None or time.monotonic() - bridge.reported > REPORT_SECONDS:
            return ""
        return bridge.failure

    def pids(self) -> dict[str, int]:
        """Return the process of each bridge that runs."""
        return {
            key: bridge.child.pid
            for key, bridge in self._bridges.items()
            if bridge.child is not None and bridge.child.poll() is None
        }

    async def keep(self, needed: Collection[str]) -> None:
        """End the bridges that nobody goes through any more."""
        ended = [key for key in self._bridges if key not in needed]
        for key in ended:
            bridge = self._bridges.pop(key)
            await _end(bridge)
            logger.info("The bridge to proxy %s has ended.", _named(key))
        if self._noted.keys() - set(needed):
            self._noted = {k: v for k, v in self._noted.items() if k in needed}
            self._write()

    async def close(self) -> None:
        """End all processes; ports and passwords stay noted for the bots that live on."""
        bridges, self._bridges = list(self._bridges.values()), {}
        for bridge in bridges:
            await _end(bridge)

    def _start(self, bridge: Bridge) -> None:
        self._bridges[bridge.key] = bridge
        self._noted[bridge.key] = {"port": bridge.port, "password": bridge.password}
        bridge.task = asyncio.create_task(
            _run_for_ever(bridge), name=f"bridge {bridge.key}"
        )
        self._write()
        logger.info(
            "Bots reach proxy %s through a bridge on port %d.",
            _named(bridge.key),
            bridge.port,
        )

    def _kept_bridge(self, key: str, upstream: ProxyAddress) -> Bridge | None:
        noted = self._noted.get(key)
        if not isinstance(noted, dict):
            return None
        try:
            listening = _listen(int(noted["port"]))
            return Bridge(key, upstream, listening, str(noted["password"]))
        except (KeyError, TypeError, ValueError, OSError, OverflowError):
            return None

    def _read(self) -> dict[str, Any]:
        try:
            noted = json.loads(self._kept.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return noted if isinstance(noted, dict) else {}

    def _write(self) -> None:
        try:
            self._kept.parent.mkdir(parents=True, exist_ok=True)
            file_write(self._kept, json.dumps(self._noted))
        except OSError as error:
            # Without it, bots are replaced at the next start instead of taken over.
            logger.warning("The bridges cannot be noted (%s).", error.strerror)


def _listen(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((LOOPBACK, port))
        listening.listen(BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening


async def _run_for_ever(bridge: Bridge) -> None:
    """Run the process of a bridge, and another one whenever it has ended."""
    delay = FIRST_DELAY
    while True:
        began = time.monotonic()
        try:
            bridge.child = _spawn(bridge)
            await _follow(bridge, bridge.child)
        except OSError as error:
            logger.error("A bridge cannot be started: %s", error)  # noqa: TRY400
        finally:
            _kill(bridge)
        settled = time.monotonic() - began > SETTLED_SECONDS
        delay = FIRST_DELAY if settled else min(2 * delay, LONGEST_DELAY)
        logger.warning(
            "The bridge to proxy %s has ended; it is started again in %.1f s.",
            _named(bridge.key),
            delay,
        )
        await asyncio.sleep(delay)


def _spawn(bridge: Bridge) -> subprocess.Popen[bytes]:
    descriptor = bridge.listening.fileno()
    to = bridge.upstream
    settings = {
        "fd": descriptor,
        "username": USERNAME,
        "password": bridge.password,
        "upstream": {
            "kind": to.kind,
            "host": to.host,
            "port": to.port,
            "username": to.username,
            "password": to.password,
        },
    }
    child = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-I", str(PROGRAM)],
        cwd="/",
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=[descriptor],
        # Ctrl-C in a terminal is for us; it ends when its input does.
        start_new_session=True,
        umask=0o077,
    )
    try:
        # Not as an argument: everybody can read those. It fits into the pipe.
        os.write(_input(child), json.dumps(settings).encode() + b"\n")
    except BaseException:
        child.kill()
        child.wait()
        raise
    return child


def _input(child: subprocess.Popen[bytes]) -> int:
    if child.stdin is None:
        raise OSError("The bridge has no standard input.")
    return child.stdin.fileno()


async def _follow(bridge: Bridge, child: subprocess.Popen[bytes]) -> None:
    """Read what a bridge reports until it ends."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _protocol = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), child.stdout
    )
    try:
        while line := await reader.readline():
            with contextlib.suppress(ValueError, AttributeError):
                bridge.failure = str(json.loads(line).get("failure") or "")
                bridge.reported = time.monotonic()
    finally:
        transport.close()


def _kill(bridge: Bridge) -> None:
    child, bridge.child = bridge.child, None
    if child is None:
        return
    if child.stdin is not None:
        with contextlib.suppress(OSError):
            child.stdin.close()
    child.kill()
    child.wait()


async def _end(bridge: Bridge) -> None:
    if bridge.task is not None:
        bridge.task.cancel()
        await asyncio.gather(bridge.task, return_exceptions=True)
    _kill(bridge)
    bridge.listening.close()


def _named(key: str) -> str:
    """Return the number of the proxy in a key."""
    return key.partition(":")[0]
