"""The simulated exchange as an HTTP server on loopback, in a thread of its own."""

from __future__ import annotations

import asyncio
import ipaddress
import threading
import time
from collections import Counter
from concurrent.futures import Future
from typing import TYPE_CHECKING, Literal, Self, get_args

from aiohttp import web

from btc_watcher.lib.errors import BtcWatcherError
from freqtrade_mgmt.simulator.market import Market
from freqtrade_mgmt.simulator.pairs import DEFAULT_PAIRS
from freqtrade_mgmt.simulator.protocol import Answer, BinanceSpot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

API_PATH = "/api/v3"
Fault = Literal["500", "hang", "drop", "garbage", "429"]
_STOP_SECONDS = 10.0
_FAULT_ANSWERS: dict[str, Answer] = {
    "500": Answer(500, {"code": -1000, "msg": "An unknown error occurred."}),
    "429": Answer(429, {"code": -1003, "msg": "Too many requests."}),
}


class SimulatorError(BtcWatcherError):
    """The simulated exchange cannot be started; the message says why and what to do."""


class SimulatedExchange:
    """Binance's spot API on loopback, from seeded candles, in real time.

    ``port`` 0 takes any free port; ``url`` is known once ``start()`` has returned.
    It has no way to place an order, and every address that is not loopback is refused.
    """

    def __init__(
        self,
        pairs: Sequence[str] = DEFAULT_PAIRS,
        *,
        seed: int = 1,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.market = Market(pairs, seed=seed)
        self.host = _loopback(host)
        self.port = port
        self.hits: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self._fault: Fault | None = None
        self._spot = BinanceSpot(self.market)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stopping: asyncio.Event | None = None
        self._released = asyncio.Event()

    @property
    def url(self) -> str:
        """The base address that ccxt needs, such as http://127.0.0.1:18080/api/v3."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}{API_PATH}"

    def start(self) -> Self:
        """Listen. Raises SimulatorError when the port is taken."""
        if self._thread is not None:
            raise SimulatorError(
                f"The simulated exchange already listens at {self.url}."
            )
        listening: Future[int] = Future()
        thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listening)),
            name="simulated-exchange",
            daemon=True,
        )
        thread.start()
        try:
            self.port = listening.result()
        except OSError as error:
            thread.join()
            self._loop = self._stopping = None
            raise SimulatorError(
                f"Port {self.port} at {self.host} cannot be used ({error.strerror})."
                " End the program that listens there, or choose another port (--port)."
            ) from error
        self._thread = thread
        return self

    def stop(self) -> None:
        """Close every connection and end the thread; safe to call again."""
        thread, loop, stopping = self._thread, self._loop, self._stopping
        if thread is None or loop is None or stopping is None:
            return
        self.set_fault(None)
        loop.call_soon_threadsafe(stopping.set)
        thread.join(_STOP_SECONDS)
        self._thread = self._loop = self._stopping = None

    def set_fault(self, fault: Fault | None) -> None:
        """Answer wrongly from now on, or (None) rightly again.

        ``500`` and ``429`` are Binance's errors, ``hang`` never answers, ``drop``
        closes the connection, ``garbage`` is a body that is not JSON. What hangs when
        the fault ends is answered with a closed connection.
        """
        if fault is not None and fault not in get_args(Fault):
            raise ValueError(f"{fault!r} is not one of {', '.join(get_args(Fault))}.")
        self._fault = fault
        held, self._released = self._released, asyncio.Event()
        if self._loop is not None:
            self._loop.call_soon_threadsafe(held.set)

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    async def _serve(self, listening: Future[int]) -> None:
        """Serve until ``stop()``; ``listening`` gets the port, or why there is none."""
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        app = web.Application()
        app.router.add_get(API_PATH + "/{endpoint:.+}", self._get)
        app.router.add_route("*", "/{path:.*}", _not_here)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await runner.setup()
        try:
            await web.TCPSite(runner, self.host, self.port).start()
            listening.set_result(runner.addresses[0][1])
            await self._stopping.wait()
        except OSError as error:
            listening.set_exception(error)
        finally:
            # After any other failure, nobody shall wait for ever.
            listening.cancel()
            await runner.cleanup()

    async def _get(self, request: web.Request) -> web.StreamResponse:
        endpoint = request.match_info["endpoint"]
        self.hits[endpoint] += 1
        # In this order, or a fault that ends in between would hold us for ever.
        released, fault = self._released, self._fault
        if fault is not None:
            self.faults[fault] += 1
            if fault == "hang":
                await released.wait()
            return _wrong_answer(request, fault)
        return _json(
            self._spot.answer(endpoint, request.query, time.time_ns() // 1_000_000)
        )


def _wrong_answer(request: web.Request, fault: Fault) -> web.Response:
    if fault == "garbage":
        return web.Response(text='{"not": json', content_type="application/json")
    if fault in _FAULT_ANSWERS:
        response = _json(_FAULT_ANSWERS[fault])
        if fault == "429":
            response.headers["Retry-After"] = "5"
        return response
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _not_here(request: web.Request) -> web.Response:
    """Refuse everything else: nobody can trade here."""
    if request.method in {"GET", "HEAD"}:
        return _json(
            Answer(404, {"code": -1000, "msg": f"There is no {request.path} here."})
        )
    message = "You are not authorized to execute this request."
    return _json(Answer(401, {"code": -1002, "msg": message}))


def _json(answer: Answer) -> web.Response:
    return web.json_response(answer.body, status=answer.status)


def _loopback(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise SimulatorError(
            f"The simulated exchange never listens at {host!r}: invented prices must not"
            " reach another machine. Use 127.0.0.1."
        )
    return host
