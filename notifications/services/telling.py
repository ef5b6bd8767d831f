"""A claimed notification in its channel's words: what is sent, and what the row says."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import override

from notifications.messages import facts_of, joined
from notifications.quiet import zone_read
from notifications.rendering import render
from notifications.rendering.values import words_of
from notifications.services.pictures import picture_of
from notifications.services.targets import receiver

if TYPE_CHECKING:
    from notifications.models import NotificationChannel
    from notifications.services.claims import Claim
    from notifications.transports.base import Outgoing


def claim_told(claim: Claim, channel: NotificationChannel) -> Claim:
    """Return ``claim`` with the words that its channel's people read.

    They are chosen at the first attempt and kept: providers know repeats by them, and
    the row says what was sent. What the message was before is kept as ``source``.
    """
    if "told" in claim.metadata:
        return claim
    reader = receiver(channel)
    rendered = render(channel, claim.message, reader.language, reader.zone)
    content = joined(rendered.title, rendered.body)
    metadata = dict(claim.metadata)
    if content != claim.content or rendered.title != claim.title:
        metadata["source"] = {"title": claim.title, "content": claim.content}
    metadata["title"] = rendered.title
    metadata["told"] = {"language": reader.language, "zone": str(reader.zone)}
    if rendered.problem:
        metadata["told"]["template_error"] = rendered.problem
    return replace(claim, content=content, metadata=metadata)


def outgoing_of(claim: Claim, channel: NotificationChannel) -> Outgoing:
    """Return a told claim as transports see it, with a picture where one is wanted."""
    told: dict[str, Any] = claim.metadata["told"]
    zone = zone_read(told["zone"])
    with override(told["language"]):
        words = words_of(claim.context, zone)
    return replace(
        claim.outgoing,
        language=told["language"],
        context=facts_of(claim.context) | words,
        picture=picture_of(channel, claim.message, zone),
    )


def in_words_of(claim: Claim) -> AbstractContextManager[object]:
    """Activate the language and the zone of a told claim's receiver."""
    told: dict[str, Any] = claim.metadata["told"]
    stack = ExitStack()
    stack.enter_context(override(told["language"]))
    stack.enter_context(timezone.override(zone_read(told["zone"])))
    return stack
