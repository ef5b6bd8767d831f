"""Turning the second factor on and off, and asking for it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.cache import Failures
from accounts.guesses import Guess, guess_forgive, guess_wait, guesses_forget
from accounts.models import SecondFactor
from accounts.second_factor.codes import (
    recovery_hash,
    recovery_new,
    secret_new,
    step_of,
)
from accounts.services import failures_note
from btc_watcher.lib.encryption import key_ring
from btc_watcher.lib.errors import BtcWatcherError

if TYPE_CHECKING:
    from accounts.facts import RequestFacts
    from accounts.models import User


class CodeRefusedError(BtcWatcherError):
    """The code is wrong, or was used before: never which."""


class TooManyCodesError(BtcWatcherError):
    """Too many wrong ones; ``wait`` is the seconds until the next one is looked at."""

    def __init__(self, wait: int, kind: Guess) -> None:
        words = (
            _("Too many wrong codes. Try again in %(wait)d seconds.")
            if kind is Guess.CODE
            else _("Too many wrong passwords. Try again in %(wait)d seconds.")
        )
        super().__init__(words % {"wait": wait})
        self.wait = wait


def identity(user_id: int) -> str:
    """Return what the secret of a person is encrypted for."""
    return f"user_second_factors:{user_id}:secret"


def factor_of(user: User) -> SecondFactor | None:
    """Return the confirmed second factor of ``user``, or None."""
    return SecondFactor.objects.filter(user=user, confirmed_at__isnull=False).first()


def password_confirm(*, user: User, password: str, facts: RequestFacts) -> None:
    """Take the password of somebody who is logged in, once more.

    Raises CodeRefusedError, or TooManyCodesError: whoever found a browser open must not
    guess for ever.
    """
    _throttle(user, Guess.PASSWORD, facts)
    if not user.check_password(password):
        _note(user, facts)
        raise CodeRefusedError(_("The password is wrong."))
    guess_forgive(user=user, kind=Guess.PASSWORD, facts=facts)


def factor_begin(*, user: User) -> str:
    """Make a secret that does not count yet; return it. One that counts stays.

    Raises CodeRefusedError when there is a second factor already.
    """
    secret = secret_new()
    with transaction.atomic():
        row = SecondFactor.objects.select_for_update().filter(user=user).first()
        if row is not None and row.confirmed_at is not None:
            raise CodeRefusedError(_("The second factor is on already."))
        SecondFactor.objects.update_or_create(
            user=user,
            defaults={
                "secret": key_ring().encrypt(secret, identity(user.pk)),
                "last_step": 0,
                "recovery_codes": [],
            },
        )
    return secret


def factor_pending_secret(user: User) -> str | None:
    """Return the secret that ``user`` has begun with and not confirmed, or None."""
    row = SecondFactor.objects.filter(user=user, confirmed_at__isnull=True).first()
    return None if row is None else _secret(row)


def factor_confirm(*, user: User, code: str, facts: RequestFacts) -> list[str]:
    """Turn the second factor on; return the recovery codes, readable only now.

    Raises CodeRefusedError or TooManyCodesError.
    """
    _throttle(user, Guess.CODE, facts)
    with transaction.atomic():
        row = SecondFactor.objects.select_for_update().filter(user=user).first()
        if row is None or row.confirmed_at is not None or not _take_code(row, code):
            raise CodeRefusedError(_wrong())
        codes = recovery_new()
        row.recovery_codes = [recovery_hash(each) for each in codes]
        row.confirmed_at = timezone.now()
        row.save()
    guess_forgive(user=user, kind=Guess.CODE, facts=facts)
    return codes


def code_check(*, user: User, code: str, facts: RequestFacts) -> None:
    """Take a code of the app, or a recovery code, which is used up by it.

    Raises CodeRefusedError, which the next login tells of, or TooManyCodesError. A person
    without a second factor has no code that fits.
    """
    _throttle(user, Guess.CODE, facts)
    if not _taken(user, code):
        _note(user, facts)
        raise CodeRefusedError(_wrong())
    guess_forgive(user=user, kind=Guess.CODE, facts=facts)


def recovery_renew(*, user: User, code: str, facts: RequestFacts) -> list[str]:
    """Replace all recovery codes; needs a code. Return the new ones."""
    code_check(user=user, code=code, facts=facts)
    codes = recovery_new()
    SecondFactor.objects.filter(user=user, confirmed_at__isnull=False).update(
        recovery_codes=[recovery_hash(each) for each in codes]
    )
    return codes


def factor_end(*, user: User, code: str, facts: RequestFacts) -> None:
    """Turn the second factor off; needs a code."""
    code_check(user=user, code=code, facts=facts)
    SecondFactor.objects.filter(user=user).delete()


def factor_reset(*, user: User) -> bool:
    """Take the second factor away from somebody who lost it; for administrators."""
    guesses_forget(user)
    return bool(SecondFactor.objects.filter(user=user).delete()[0])


@transaction.atomic
def _taken(user: User, code: str) -> bool:
    row = SecondFactor.objects.select_for_update().filter(user=user).first()
    if row is None or row.confirmed_at is None:
        return False
    if not _take_code(row, code) and not _take_recovery(row, code):
        return False
    row.save(update_fields=["last_step", "recovery_codes"])
    return True


def _take_code(row: SecondFactor, code: str) -> bool:
    step = step_of(_secret(row), code, now=time.time(), after=row.last_step)
    if step is None:
        return False
    row.last_step = step
    return True


def _take_recovery(row: SecondFactor, code: str) -> bool:
    hashed = recovery_hash(code)
    if hashed not in row.recovery_codes:
        return False
    row.recovery_codes = [each for each in row.recovery_codes if each != hashed]
    return True


def _secret(row: SecondFactor) -> str:
    return key_ring().decrypt(row.secret, identity(row.user_id))


def _throttle(user: User, kind: Guess, facts: RequestFacts) -> None:
    if wait := guess_wait(user=user, kind=kind, facts=facts):
        raise TooManyCodesError(wait, kind)


def _note(user: User, facts: RequestFacts) -> None:
    now = int(timezone.now().timestamp())
    failures_note(user, Failures(1, now, facts.ip_address or ""))


def _wrong() -> str:
    return _("The code is wrong, or it was used before. Wait for the next one.")
