"""Whether each notice was delivered, or is in a state that tells why not. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

WEBHOOK, EMAIL = "webhook", "email"
SENT, FAILED = "sent", "failed"
WAITING = ("pending", "retry")
IN_DIGEST = "in a digest"
# The longest wait between two attempts, with its jitter.
LONGEST_WAIT_SECONDS = 3600 * 1.25


class Notice(NamedTuple):
    """A row of the history of notifications."""

    number: int
    signal: str
    channel: int
    channel_type: str
    status: str
    error: str
    metadata: Mapping[str, Any]


@dataclass(slots=True)
class Delivered:
    """Of one channel: how many signals it had to tell, and how many it told.

    ``failed`` are notices, of signals or not, that were given up or kept away, ``open``
    those that are still to be tried.
    """

    wanted: int = 0
    told: int = 0
    failed: int = 0
    open: int = 0


@dataclass(slots=True)
class NoticeVerdict:
    """What is wrong; ``states`` counts what became of all of them.

    ``repeated`` came twice although the system did not say that it might have.
    """

    states: Counter[str] = field(default_factory=Counter)
    channels: dict[int, Delivered] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)
    undelivered: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Tell whether nothing is wrong."""
        return not (
            self.absent
            or self.doubled
            or self.untold
            or self.undelivered
            or self.repeated
            or self.strangers
        )


def state(notice: Notice, now: float) -> str:
    """Return what became of a notice; "" when nothing says so at ``now`` (Unix seconds)."""
    metadata = notice.metadata
    if notice.status == SENT:
        return IN_DIGEST if "collapsed_into" in metadata else "sent"
    if notice.status == FAILED:
        if "suppressed" in metadata:
            return "suppressed, with the reason"
        return "failed, with the reason" if notice.error else ""
    if not _is_soon(metadata.get("next_attempt_at"), now):
        return ""
    return "held, with the time" if "held" in metadata else "tried again at a time"


def _is_soon(text: object, now: float) -> bool:
    try:
        moment = datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return False
    return moment <= now + LONGEST_WAIT_SECONDS


def judge(
    notices: Sequence[Notice],
    wanted: Collection[str],
    channels: Collection[int],
    webhook: Counter[int],
    mails: Counter[str],
    *,
    now: float,
) -> NoticeVerdict:
    """Compare the history with the signals to be told and with what was received.

    ``wanted`` are the ids of signals that are to be told, on every one of ``channels``.
    """
    verdict = NoticeVerdict()
    _count(verdict, notices, wanted, channels)
    states = {notice.number: state(notice, now) for notice in notices}
    for notice in notices:
        found = states[notice.number]
        verdict.states[found or "untold"] += 1
        if not found:
            verdict.untold.append(f"{notice.number} is {notice.status}")
    _channels(verdict, notices, states, wanted, channels)
    carriers = {n.number: n for n in notices if states[n.number] == SENT}
    for notice in notices:
        digest = notice.metadata.get("collapsed_into")
        if notice.status == SENT and digest is not None and digest not in carriers:
            verdict.undelivered.append(
                f"{notice.number} was told in digest {digest}, which was not sent"
            )
    _evidence(verdict, list(carriers.values()), webhook, mails)
    _strangers(verdict, notices, webhook, mails)
    return verdict


def _channels(
    verdict: NoticeVerdict,
    notices: Sequence[Notice],
    states: Mapping[int, str],
    wanted: Collection[str],
    channels: Collection[int],
) -> None:
    known = set(wanted)
    told: dict[int, set[str]] = {channel: set() for channel in channels}
    verdict.channels = {channel: Delivered(len(known)) for channel in channels}
    for notice in notices:
        found = verdict.channels.get(notice.channel)
        if found is None:
            continue
        if states[notice.number] in {SENT, IN_DIGEST}:
            told[notice.channel] |= {notice.signal} & known
        elif notice.status == FAILED:
            # An alert that follows from another one is kept away on purpose.
            on_purpose = "suppressed" in notice.metadata and not notice.signal
            found.failed += not on_purpose
        else:
            found.open += 1
    for channel, found in verdict.channels.items():
        found.told = len(told[channel])


def _count(
    verdict: NoticeVerdict,
    notices: Sequence[Notice],
    wanted: Collection[str],
    channels: Collection[int],
) -> None:
    """Each signal that is to be told has one notice for each channel, no other any."""
    told = Counter(
        (n.signal, n.channel) for n in notices if n.signal and not repeats(n)
    )
    for signal in wanted:
        for channel in channels:
            if not told.pop((signal, channel), 0):
                verdict.absent.append(f"{signal} on channel {channel}")
    counted = Counter(
        (n.signal, n.channel) for n in notices if n.signal and not repeats(n)
    )
    verdict.doubled += [
        f"{signal} on channel {channel}: {count} times"
        for (signal, channel), count in counted.items()
        if count > 1
    ]
    known = set(wanted)
    verdict.strangers += [
        f"{signal} is told on channel {channel} and need not be"
        for signal, channel in told
        if signal not in known
    ]


def repeats(notice: Notice) -> bool:
    """Tell whether a notice stands for another one on purpose."""
    return bool({"fallback_of", "resend_of", "digest_of"} & set(notice.metadata))


def _evidence(
    verdict: NoticeVerdict,
    carriers: Sequence[Notice],
    webhook: Counter[int],
    mails: Counter[str],
) -> None:
    for notice in carriers:
        if notice.channel_type == WEBHOOK:
            count = webhook[notice.number]
        elif notice.channel_type == EMAIL:
            count = mails[str(notice.metadata.get("message_id"))]
        else:
            continue
        if not count:
            verdict.undelivered.append(f"{notice.number} is sent and never came")
        elif count > 1 and "unknown_outcome" not in notice.metadata:
            verdict.repeated.append(f"{notice.number} came {count} times")


def _strangers(
    verdict: NoticeVerdict,
    notices: Sequence[Notice],
    webhook: Counter[int],
    mails: Counter[str],
) -> None:
    numbers = {notice.number for notice in notices}
    verdict.strangers += [
        f"the receiver has {number}, which is no notification"
        for number in webhook
        if number not in numbers
    ]
    # A mail of an attempt that was lost may have a row that failed or waits.
    known = {str(n.metadata.get("message_id")) for n in notices}
    unsure = sum("unknown_outcome" in n.metadata for n in notices)
    others = [mail for mail in mails if mail not in known]
    if len(others) > unsure:
        verdict.strangers.append(f"{len(others)} mails belong to no notification")
