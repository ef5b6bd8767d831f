"""Members of a digest: what becomes of the digest becomes of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from btc_watcher.lib.statements import rows_of
from notifications.models import NotificationStatus

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from notifications.services.claims import Claim
    from notifications.services.outcomes import Outcome
    from notifications.written import Written

COLLAPSE: Final = """
UPDATE notification_history
SET metadata = (metadata - ARRAY['held', 'next_attempt_at', 'enqueued_at'])
               || jsonb_build_object('collapsed_into', %(digest)s::bigint)
WHERE id = ANY(%(ids)s) AND sent_at BETWEEN %(first)s AND %(last)s
  AND status IN ('pending', 'retry') AND metadata ? 'held'
RETURNING id
"""
# Only those that still wait for this very digest: a digest that is sent again, or by
# another channel, does not change what was recorded.
SETTLE: Final = """
UPDATE notification_history
SET status = %(status)s::text,
    sent_at = CASE %(status)s::text WHEN 'sent' THEN %(sent_at)s ELSE sent_at END,
    response_code = %(code)s, error_message = %(error)s,
    metadata = metadata || %(extra)s::jsonb
WHERE id = ANY(%(ids)s) AND sent_at >= %(since)s AND status IN ('pending', 'retry')
  AND metadata -> 'collapsed_into' = to_jsonb(%(digest)s::bigint)
RETURNING id
"""
SIGNALS: Final = """
SELECT DISTINCT signal_id FROM notification_history
WHERE id = ANY(%(ids)s) AND sent_at >= %(since)s AND signal_id IS NOT NULL
"""


def members_collapse(ids: Sequence[int], digest_id: int, written: Written) -> int:
    """Put held notifications into a digest; return how many."""
    parameters = {"ids": list(ids), "digest": digest_id, **written._asdict()}
    return len(rows_of(COLLAPSE, parameters))


def members_settle(claim: Claim, outcome: Outcome, sent_at: datetime) -> None:
    """Give the members of the digest ``claim`` its final outcome.

    Call it in the transaction that records it.
    """
    extra: dict[str, Any] = {}
    if outcome.status == NotificationStatus.SENT:
        extra["answer"] = outcome.detail
    if outcome.unknown:
        extra["unknown_outcome"] = True
    if "suppressed" in outcome.extra:
        extra["suppressed"] = outcome.extra["suppressed"]
    rows_of(
        SETTLE,
        {
            "status": outcome.status,
            "sent_at": sent_at,
            "code": outcome.code,
            "error": outcome.error or None,
            "extra": json.dumps(extra),
            "ids": claim.members,
            "since": claim.members_since,
            "digest": claim.id,
        },
    )


def members_signals(claim: Claim) -> list[UUID]:
    """Return the signals that the digest ``claim`` tells of; none when it is none."""
    if not claim.members:
        return []
    parameters = {"ids": claim.members, "since": claim.members_since}
    return [signal for (signal,) in rows_of(SIGNALS, parameters)]
