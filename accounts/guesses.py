"""How often codes and passwords may be tried by whoever got past the login page.

Counted with the person, in ``security_info``: six digits must not become free to guess
because Redis is away or was flushed. Logins are counted in Redis (``accounts.cache``),
because there may be no such person, and by the same rules.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from django.db import transaction
from django.utils import timezone

from accounts.cache import FREE_PER_ACCOUNT, FREE_PER_PAIR, login_unlock, pause
from accounts.models import User

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accounts.facts import RequestFacts

    # By address, or EVERYBODY: how many, and when the last was (seconds since 1970).
    Counts = Mapping[str, list[int]]

EVERYBODY: Final = "all"
KEY: Final = "guesses"
UNLOCKED: Final = "unlocked_at"
FORGOTTEN_AFTER: Final = 24 * 3600
# The latest; every request of the person reads them.
ADDRESSES_KEPT: Final = 20


class Guess(StrEnum):
    """What is tried; what is right of one kind forgives none of the other."""

    CODE = "code"
    PASSWORD = "password"  # noqa: S105 - the name of a kind


@transaction.atomic
def guess_wait(*, user: User, kind: Guess, facts: RequestFacts) -> int:
    """Count one attempt as failed; return the seconds to wait, or 0 when it may go on.

    Failures of one address make it wait, and failures of all addresses those that the
    account has never logged in from: who knows the password must not lock out the owner.
    """
    info = _info_locked(user)
    address = _place(facts)
    known = address in info.get("addresses", [])
    free = {address: FREE_PER_PAIR} | ({} if known else {EVERYBODY: FREE_PER_ACCOUNT})
    now = int(timezone.now().timestamp())
    every = info.get(KEY, {})
    counts = _current(every.get(kind, {}), now)
    wait = max(_wait(counts.get(name), each, now) for name, each in free.items())
    if not wait:
        counts = _counted(counts, address, now)
    _store(user, info | {KEY: every | {kind: counts}})
    return wait


@transaction.atomic
def guess_forgive(*, user: User, kind: Guess, facts: RequestFacts) -> None:
    """Take back what was right; what other addresses tried goes on counting for them."""
    info = _info_locked(user)
    every = info.get(KEY, {})
    gone = {_place(facts), EVERYBODY}
    left = {
        name: each for name, each in every.get(kind, {}).items() if name not in gone
    }
    _store(user, info | {KEY: every | {kind: left}})


def guess_lock(user: User) -> int:
    """Return the longest wait there is, of an address that is not known."""
    now = int(timezone.now().timestamp())
    waits = [
        _wait(entry, FREE_PER_ACCOUNT if name == EVERYBODY else FREE_PER_PAIR, now)
        for counts in user.security_info.get(KEY, {}).values()
        for name, entry in _current(counts, now).items()
    ]
    return max(waits, default=0)


@transaction.atomic
def guesses_forget(user: User) -> None:
    """Forget every code and password that was tried."""
    info = _info_locked(user)
    info.pop(KEY, None)
    _store(user, info)


def user_unlock(user: User) -> bool:
    """Forget failed logins, codes and passwords of ``user``, and record that.

    False when Redis does not answer, so that logins may be held up once it is back.
    """
    guesses_forget(user)
    with transaction.atomic():
        # By itself, so that the audit has this alone.
        info = _info_locked(user)
        _store(user, info | {UNLOCKED: timezone.now().isoformat()})
    return login_unlock(user.get_username())


def _current(counts: Counts, now: int) -> dict[str, list[int]]:
    """Return what still counts; nothing is later than now, wherever the clock was."""
    return {
        name: [number, min(at, now)]
        for name, (number, at) in counts.items()
        if now - at < FORGOTTEN_AFTER
    }


def _wait(entry: list[int] | None, free: int, now: int) -> int:
    if entry is None or entry[0] < free:
        return 0
    number, at = entry
    return max(0, at + pause(number - free) - now)


def _counted(counts: Counts, address: str, now: int) -> dict[str, list[int]]:
    more = {
        name: [counts.get(name, [0, 0])[0] + 1, now] for name in (EVERYBODY, address)
    }
    kept = sorted(
        ((name, entry) for name, entry in counts.items() if name not in more),
        key=lambda pair: pair[1][1],
        reverse=True,
    )
    return dict(kept[: ADDRESSES_KEPT - 1]) | more


def _place(facts: RequestFacts) -> str:
    return facts.ip_address or "unknown"


def _info_locked(user: User) -> dict[str, Any]:
    return dict(User.objects.select_for_update().get(pk=user.pk).security_info)


def _store(user: User, info: dict[str, Any]) -> None:
    """Write ``info`` without what is empty in its guesses."""
    left = {kind: counts for kind, counts in info.get(KEY, {}).items() if counts}
    info = {key: value for key, value in info.items() if key != KEY}
    User.objects.filter(pk=user.pk).update(
        security_info=info | ({KEY: left} if left else {})
    )
