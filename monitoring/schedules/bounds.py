"""Between which seconds the interval of each entry may lie, and which may be off. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

DAY: Final = 86400


@dataclass(frozen=True, slots=True)
class Bounds:
    """The least and the most seconds; ``needed`` entries cannot be switched off."""

    least: int
    most: int
    needed: bool = False


# What others count on decides: the health of a strategy lives in Redis for 60 s, watching
# begins anew after a pause of five minutes, measurements older than two minutes are not shown as of now.
BOUNDS: Final[dict[str, Bounds]] = {
    "sweep notifications": Bounds(5, 60, needed=True),
    "tell what was held": Bounds(5, 60, needed=True),
    "repeat alerts": Bounds(30, 600, needed=True),
    "strategy health": Bounds(10, 60, needed=True),
    "proxy failover": Bounds(10, 120, needed=True),
    "watch the servers": Bounds(20, 300, needed=True),
    "collect metrics": Bounds(10, 60),
    "average metrics": Bounds(300, 3600, needed=True),
    "ping outside": Bounds(30, 3600),
    "rotate partitions": Bounds(3600, 7 * DAY, needed=True),
    "test proxies": Bounds(300, DAY),
    "retry failing proxies": Bounds(30, 600),
    "fill outcomes": Bounds(10, 600),
    "refresh releases": Bounds(900, 7 * DAY),
    "expire sessions": Bounds(300, DAY),
    "warn of expiring drafts": Bounds(600, DAY),
    "expire drafts": Bounds(3600, 7 * DAY),
    "backup": Bounds(3600, 7 * DAY),
}
LEAST: Final = 5


def bounds_of(name: str, default: float) -> Bounds:
    """Return the bounds of an entry; one that is not listed may be a tenth to fourfold."""
    if name in BOUNDS:
        return BOUNDS[name]
    return Bounds(max(LEAST, round(default / 10)), max(LEAST, round(default * 4)))


def expiry_of(seconds: float) -> float:
    """Return after how long a task that nobody took is void: before the next one comes."""
    return max(seconds * 0.5, seconds - max(1.0, seconds / 12))


def interval_problem(name: StrOrPromise, seconds: float, bounds: Bounds) -> str:
    """Return why an interval is refused, "" when it is not."""
    if bounds.least <= seconds <= bounds.most:
        return ""
    return _(
        "“%(name)s” cannot run every %(seconds)s seconds; choose between %(least)d and"
        " %(most)d."
    ) % {
        "name": name,
        "seconds": f"{seconds:g}",
        "least": bounds.least,
        "most": bounds.most,
    }
