"""How a bot on another machine is reached: stored with its process, for our eyes alone."""

from __future__ import annotations

import logging

import orjson
from django.conf import settings

from btc_watcher.lib.encryption import key_ring
from btc_watcher.lib.errors import BtcWatcherError
from freqtrade_mgmt.bot_config import BotCredentials, BotIdentity, bot_name
from strategies.selectors import processes_open

logger = logging.getLogger(__name__)


def reach_written(strategy_id: int, identity: BotIdentity) -> str:
    """Return what others need to reach a bot of this node, encrypted; empty: they do not.

    Raises EncryptionError.
    """
    if not settings.NODE_ADDRESS:
        return ""
    who = identity.credentials
    plain = orjson.dumps(
        [settings.NODE_ADDRESS, identity.port, who.username, who.password, who.ws_token]
    )
    return key_ring().encrypt(plain.decode(), _whose(strategy_id))


def reach_of(strategy_id: int) -> BotIdentity | None:
    """Return how to reach the bot of a strategy that runs on another machine.

    None when it runs here, or nowhere, or its node tells no address.
    """
    rows = processes_open().filter(strategy_id=strategy_id).order_by("-id")
    usage = rows.values_list("resource_usage", flat=True).first() or {}
    if usage.get("node", settings.NODE_NAME) == settings.NODE_NAME:
        return None
    return reach_read(strategy_id, str(usage.get("reach") or ""))


def reach_read(strategy_id: int, token: str) -> BotIdentity | None:
    """Return how to reach a bot from what ``reach_written`` returned."""
    if not token:
        return None
    try:
        plain = key_ring().decrypt(token, _whose(strategy_id))
        host, port, username, password, ws_token = orjson.loads(plain)
        credentials = BotCredentials(username, password, "", ws_token)
        return BotIdentity(credentials, int(port), bot_name(strategy_id), str(host))
    except (BtcWatcherError, ValueError, TypeError) as error:
        logger.warning(
            "The bot of strategy %s cannot be reached (%s).",
            strategy_id,
            type(error).__name__,
        )
        return None


def _whose(strategy_id: int) -> str:
    return f"strategy_processes:{strategy_id}:reach"
