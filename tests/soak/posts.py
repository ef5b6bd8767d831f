"""What programs posted, and whether it is stored as they posted it. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.soak.grades import graded
from tests.soak.report import Check, check

if TYPE_CHECKING:
    from collections.abc import Mapping

API, HOOK, BULK = "api", "hook", "bulk"
WAYS: Final = (API, HOOK, BULK)
PACE_SECONDS = 3.0
# From 200 signals on the system copies rows, from 500 notices on it fans out.
BULK_SIGNALS, BULK_EVERY = 600, 40
# Of what the pace allows; outages take their part.
LEAST_PART = 0.25


class Sent(NamedTuple):
    """A signal as it was posted."""

    pair: str
    type: str
    price: float
    strength: float


class Kept(NamedTuple):
    """A signal as it is stored."""

    sent: Sent
    level: str
    priority: str


@dataclass(slots=True)
class Posts:
    """What became of the posts.

    ``confirmed`` are the ids that the system has said are stored, ``signals`` what each
    of them was; ``refused`` are answers that no patience mends, ``stuck`` the posts that
    never had an answer, ``wrong`` what an answer should not have said.
    """

    confirmed: list[str] = field(default_factory=list)
    signals: dict[str, Sent] = field(default_factory=dict)
    ways: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def confirm(self, way: str, answers: Mapping[str, Sent]) -> None:
        """Note a post that was answered with these ids."""
        self.ways[way] += 1
        self.confirmed += answers
        self.signals.update(answers)


def way_of(number: int) -> str:
    """Return how a post goes: a bulk at first and at times, else hook and API in turn."""
    if number % BULK_EVERY == 0:
        return BULK
    return HOOK if number % 2 else API


def least(seconds: float) -> dict[str, int]:
    """Return how many posts of each way a run of ``seconds`` has at least."""
    planned = Counter(way_of(number) for number in range(int(seconds / PACE_SECONDS)))
    return {way: max(1, int(planned[way] * LEAST_PART)) for way in WAYS}


def posted_check(
    posts: Posts, stored: Mapping[str, Kept], signals: int, wanted: Mapping[str, int]
) -> Check:
    """Return the check that what programs posted is stored, once, as it was posted.

    ``signals`` is how many different signals the rows ``stored`` are, ``wanted`` how many
    posts of each way there are at least.
    """
    lost = sorted(set(posts.confirmed) - set(stored))
    problems = [f"confirmed and not stored: {identifier}" for identifier in lost]
    problems += [f"refused: {answer}" for answer in posts.refused]
    problems += [f"no answer: {post}" for post in posts.stuck]
    problems += posts.wrong
    problems += [
        f"{identifier} was posted as {sent} and is {stored[identifier]}"
        for identifier, sent in posts.signals.items()
        if identifier in stored and not _same(sent, stored[identifier])
    ]
    if len(stored) != signals:
        problems.append(f"{len(stored)} rows are {signals} signals")
    if len(set(posts.confirmed)) != len(posts.confirmed):
        problems.append("two different posts were given one id")
    problems += [
        f"{posts.ways[way]} posts by {way}, and {number} had to be"
        for way, number in wanted.items()
        if posts.ways[way] < number
    ]
    ways = ", ".join(f"{posts.ways[way]} by {way}" for way in WAYS)
    return check(
        "posted signals", f"{len(posts.confirmed)} were confirmed; {ways}", problems
    )


def _same(sent: Sent, kept: Kept) -> bool:
    return kept == (sent, *graded(sent.strength))
