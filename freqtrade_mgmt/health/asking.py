"""Asks many bots at once for their state. One that hangs costs nobody else."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import orjson

from freqtrade_mgmt.health.shapes import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from freqtrade_mgmt.bot_config import BotIdentity

BOT_SECONDS: Final = 1.5
AT_ONCE: Final = 64
# An answer is a few kilobytes; a strategy's own code could answer without end.
LARGEST_ANSWER: Final = 1024 * 1024
CHUNK: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Said:
    """What a bot said; ``last_process`` is seconds since 1970, ``whitelist`` its pairs."""

    answer: Answer
    state: str = ""
    version: str = ""
    last_process: float | None = None
    whitelist: tuple[str, ...] | None = None


class StrangerError(Exception):
    """Who answers is not the bot that was asked."""


class BadAnswerError(Exception):
    """The bot answered something else than was asked."""


async def ask_all(identities: Mapping[int, BotIdentity]) -> dict[int, Said]:
    """Ask every bot, at most AT_ONCE at a time, each for at most BOT_SECONDS."""
    gate = asyncio.Semaphore(AT_ONCE)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
    ) as session:

        async def ask(identity: BotIdentity) -> Said:
            async with gate:
                return await _ask(session, identity)

        said = await asyncio.gather(*map(ask, identities.values()))
    return dict(zip(identities, said, strict=True))


async def _ask(session: aiohttp.ClientSession, identity: BotIdentity) -> Said:
    try:
        async with asyncio.timeout(BOT_SECONDS):
            return await _talk(session, identity)
    except StrangerError:
        return Said(Answer.STRANGER)
    except (aiohttp.ClientError, OSError, TimeoutError, BadAnswerError):
        return Said(Answer.SILENT)


async def _talk(session: aiohttp.ClientSession, identity: BotIdentity) -> Said:
    config = await _get(session, identity, "show_config")
    # Another program on the port proves nothing.
    if config.get("bot_name") != identity.bot_name:
        raise StrangerError
    health = await _get(session, identity, "health")
    pairs = (await _get(session, identity, "whitelist")).get("whitelist")
    stamp = health.get("last_process_ts")
    return Said(
        Answer.OK,
        state=str(config.get("state", "")).upper(),
        version=str(config.get("version", "")),
        last_process=float(stamp) if isinstance(stamp, int | float) else None,
        whitelist=tuple(map(str, pairs)) if isinstance(pairs, list) else None,
    )


async def _get(
    session: aiohttp.ClientSession, identity: BotIdentity, path: str
) -> dict[str, Any]:
    who, host = identity.credentials, identity.host
    place = f"[{host}]" if ":" in host else host
    async with session.get(
        f"http://{place}:{identity.port}/api/v1/{path}",
        headers={
            "Authorization": aiohttp.encode_basic_auth(who.username, who.password)
        },
        allow_redirects=False,
    ) as answer:
        if answer.status in {401, 403}:
            raise StrangerError
        if answer.status != 200:
            raise BadAnswerError
        return _object(await _bounded(answer))


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    parts = bytearray()
    async for part in answer.content.iter_chunked(CHUNK):
        parts += part
        if len(parts) > LARGEST_ANSWER:
            raise BadAnswerError
    return bytes(parts)


def _object(text: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(text)
    except ValueError:
        raise BadAnswerError from None
    if not isinstance(value, dict):
        raise BadAnswerError
    return value
