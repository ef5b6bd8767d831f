"""Talking to one bot: its REST API and its message WebSocket, on loopback."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import aiohttp
import orjson

from freqtrade_mgmt.supervisor.frames import Candle, frame_candles

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from freqtrade_mgmt.bot_config import BotCredentials

REQUEST_SECONDS: Final = 10.0
FAREWELL_SECONDS: Final = 1.0
# A frame of 999 candles with many indicators, with room to spare.
LARGEST_MESSAGE: Final = 64 * 1024 * 1024
# One topic that a version does not know silences them all: subscribe to the
# ones that every supported version has.
TOPICS: Final = ("analyzed_df", "whitelist")


class BotUnreachableError(Exception):
    """The bot did not answer. The message never holds an address or a token."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Analysed candles of one pair; ``analyzed_ms`` is when, in ms since 1970."""

    candles: list[Candle]
    asked: int
    analyzed_ms: int


class BotClient:
    """One bot's API. Use as an asynchronous context manager."""

    def __init__(
        self, port: int, credentials: BotCredentials, host: str = "127.0.0.1"
    ) -> None:
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._base = f"http://{place}/api/v1"
        self._socket = f"ws://{place}/api/v1/message/ws"
        self._token = credentials.ws_token
        self._headers = {
            "Authorization": aiohttp.encode_basic_auth(
                credentials.username, credentials.password
            )
        }
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> BotClient:
        """Open the session."""
        self._session = aiohttp.ClientSession(
            headers=self._headers, timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS)
        )
        return self

    async def __aexit__(self, *_details: object) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()

    async def show_config(self) -> dict[str, Any]:
        """Return what the bot says of itself: bot_name, state, version, timeframe."""
        answer = await self._get("show_config")
        if not isinstance(answer, dict):
            raise BotUnreachableError("show_config is no object")
        return answer

    async def pairs(self) -> list[str]:
        """Return the pairs that the bot analyses."""
        answer = await self._get("whitelist")
        return [str(pair) for pair in _field(answer, "whitelist")]

    async def candles(self, pair: str, timeframe: str, limit: int) -> Frame:
        """Return the newest ``limit`` analysed candles of a pair."""
        answer = await self._get(
            "pair_candles", pair=pair, timeframe=timeframe, limit=str(limit)
        )
        candles = frame_candles(pair, _field(answer, "columns"), _field(answer, "data"))
        return Frame(candles, limit, int(answer.get("last_analyzed_ts") or 0) * 1000)

    @contextlib.asynccontextmanager
    async def messages(self) -> AsyncIterator[AsyncIterator[bytes]]:
        """Yield the texts of the message WebSocket, subscribed already.

        Raises BotUnreachableError when the connection cannot be made or breaks.
        """
        session = self._open_session()
        try:
            async with session.ws_connect(
                self._socket,
                params={"token": self._token},
                max_msg_size=LARGEST_MESSAGE,
                # It is JSON, whose reader takes bytes.
                decode_text=False,
                heartbeat=20,
                # A bot that hangs says no farewell; nobody waits for it.
                timeout=aiohttp.ClientWSTimeout(ws_close=FAREWELL_SECONDS),
            ) as socket:
                await socket.send_str(
                    orjson.dumps({"type": "subscribe", "data": TOPICS}).decode()
                )
                yield _texts(socket)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise BotUnreachableError(type(error).__name__) from None

    async def _get(self, path: str, **params: str) -> Any:
        session = self._open_session()
        try:
            async with session.get(f"{self._base}/{path}", params=params) as answer:
                if answer.status != 200:
                    raise BotUnreachableError(f"{path} answered {answer.status}")
                return orjson.loads(await _bounded(answer))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise BotUnreachableError(f"{path}: {type(error).__name__}") from None

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("Use BotClient as an asynchronous context manager.")
        return self._session


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    """Return the body; the strategy's own code could answer without end."""
    parts = bytearray()
    async for part in answer.content.iter_any():
        parts += part
        if len(parts) > LARGEST_MESSAGE:
            raise BotUnreachableError("the answer is too long")
    return bytes(parts)


def _field(answer: Any, name: str) -> Any:
    if not isinstance(answer, dict) or name not in answer:
        raise BotUnreachableError(f"the answer has no {name}")
    return answer[name]


async def _texts(
    socket: aiohttp.ClientWebSocketResponse[Literal[False]],
) -> AsyncIterator[bytes]:
    async for message in socket:
        if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            break
        yield message.data
