"""The live log's WebSocket: the last lines, then whatever the bot writes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import Any, Final

from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from accounts.permissions import may_listen
from accounts.websocket import login_lives
from btc_watcher.lib.errors import EncryptionError
from freqtrade_mgmt.log_tail import tail_of
from signals_app.consumers import BROKEN, HEARTBEAT, HEARTBEAT_SECONDS, NOT_LOGGED_IN
from strategies.selectors import strategies_all
from strategies.services import live_credentials

logger = logging.getLogger(__name__)
NO_STRATEGY: Final = 4404


class LogConsumer(AsyncWebsocketConsumer):
    """Sends ``{"cursor": null, "event"}`` frames to a logged-in person.

    An event of type ``lines`` has ``lines``, each ``[source, level, time in ms or null,
    logger, text]``; with ``start`` they replace what was sent before. A line of level
    ``LEFT_OUT`` stands for as many lines as its text says.
    """

    _pump: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Accept logged-in people and start sending."""
        await self.accept()
        if not may_listen(self.scope):
            await self.close(code=NOT_LOGGED_IN)
            return
        strategy_id = int(self.scope["url_route"]["kwargs"]["pk"])
        secrets = await sync_to_async(_secrets)(strategy_id)
        if secrets is None:
            await self.close(code=NO_STRATEGY)
            return
        self._pump = asyncio.create_task(
            self._pump_until_it_breaks(strategy_id, secrets), name="live log"
        )

    async def disconnect(self, code: int) -> None:
        """Stop sending."""
        if self._pump is not None:
            self._pump.cancel()
            # Whatever it ended with: there is nobody to be told.
            await asyncio.gather(self._pump, return_exceptions=True)

    async def receive(self, *_args: Any, **_kwargs: Any) -> None:
        """Ignore what the page sends: this connection only talks."""

    async def _pump_until_it_breaks(
        self, strategy_id: int, secrets: tuple[str, ...]
    ) -> None:
        try:
            await self._send_all(strategy_id, secrets)
        except OSError as error:
            # ASGI's word for a page that has gone. One that has not connects again.
            logger.info("A live log ended: %s", error)
            with contextlib.suppress(OSError):
                await self.close(code=BROKEN)
        except Exception:
            # The page connects again and says so meanwhile.
            logger.exception("A live log broke.")
            with contextlib.suppress(OSError):
                await self.close(code=BROKEN)

    async def _send_all(self, strategy_id: int, secrets: tuple[str, ...]) -> None:
        checked = time.monotonic()
        async with tail_of(strategy_id, secrets) as viewer:
            while True:
                try:
                    async with asyncio.timeout(HEARTBEAT_SECONDS):
                        text = await viewer.get()
                except TimeoutError:
                    text = HEARTBEAT
                if time.monotonic() - checked >= HEARTBEAT_SECONDS:
                    checked = time.monotonic()
                    if not await login_lives(self.scope):
                        await self.close(code=NOT_LOGGED_IN)
                        return
                await self.send(text)


def _secrets(strategy_id: int) -> tuple[str, ...] | None:
    """Return what the bot knows besides its configuration, None when there is no bot."""
    strategy = strategies_all().filter(pk=strategy_id).first()
    if strategy is None:
        return None
    try:
        return live_credentials(strategy) or ()
    except EncryptionError:
        # Such a strategy is not started, so its bot cannot print them.
        return ()
