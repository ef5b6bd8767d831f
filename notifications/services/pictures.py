"""A chart picture beside a signal, where a channel wants one."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from notifications.rendering.values import is_told_by_context
from notifications.services.targets import receiver
from notifications.transports import TRANSPORTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from notifications.messages import Message
    from notifications.models import NotificationChannel

logger = logging.getLogger(__name__)


class PictureMaker(Protocol):
    """Draws what a signal's context tells of, within two seconds, or returns None."""

    def __call__(
        self, context: Mapping[str, Any], zone: ZoneInfo, rise: str
    ) -> bytes | None:
        """Return a PNG; ``rise`` is the colour of what rises, green or red."""


def picture_of(
    channel: NotificationChannel, message: Message, zone: ZoneInfo
) -> bytes | None:
    """Return the picture for a signal, None where none is wanted or can be made.

    A picture that fails is logged; it never costs the message.
    """
    transport = TRANSPORTS.get(channel.type)
    if (
        channel.config.get("picture") is not True
        or not getattr(transport, "pictures", False)
        or not is_told_by_context(message)
        or not settings.NOTIFICATION_PICTURE_MAKER
    ):
        return None
    try:
        maker = _maker(settings.NOTIFICATION_PICTURE_MAKER)
        return maker(message.context, zone, receiver(channel).rise)
    except Exception:
        logger.exception("No picture could be drawn; the message goes without one.")
        return None


@cache
def _maker(path: str) -> PictureMaker:
    maker: PictureMaker = import_string(path)
    return maker
