"""Turning the second factor on and off, and asking for it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.cache import code_forgive, code_wait
from accounts.models import SecondFactor
from accounts.second_factor.codes import (
    recovery_hash,
    recovery_new,
    secret_new,
    step_of,
)
from btc_watcher.lib.encryption import key_ring
from btc_watcher.lib.errors import BtcWatcherError

if TYPE_CHECKING:
    from accounts.models import User


class CodeRefusedError(BtcWatcherError):
    """The code is wrong, or was used before: never which."""


class TooManyCodesError(BtcWatcherError):
    """Too many wrong codes; ``wait`` is the seconds until the next one is looked at."""

    def __init__(self, wait: int) -> None:
        super().__init__(
            _("Too many wrong codes. Try again in %(wait)d seconds.") % {"wait": wait}
        )
        self.wait = wait


def identity(user_id: int) -> str:
    """Return what the secret of a person is encrypted for."""
    return f"user_second_factors:{user_id}:secret"


def factor_of(user: User) -> SecondFactor | None:
    """Return the confirmed second factor of ``user``, or None."""
    return SecondFactor.objects.filter(user=user, confirmed_at__isnull=False).first()


def password_confirm(*, user: User, password: str) -> None:
    """Take the password of somebody who is logged in, once more.

    Raises CodeRefusedError, or TooManyCodesError: whoever found a browser open must not
    guess for ever.
    """
    _throttle(user)
    if not user.check_password(password):
        raise CodeRefusedError(_("The password is wrong."))
    code_forgive(user_id=user.pk)


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


def factor_confirm(*, user: User, code: str) -> list[str]:
    """Turn the second factor on; return the recovery codes, readable only now.

    Raises CodeRefusedError or TooManyCodesError.
    """
    _throttle(user)
    with transaction.atomic():
        row = SecondFactor.objects.select_for_update().filter(user=user).first()
        if row is None or row.confirmed_at is not None or not _take_code(row, code):
            raise CodeRefusedError(_wrong())
        codes = recovery_new()
        row.recovery_codes = [recovery_hash(each) for each in codes]
        row.confirmed_at = timezone.now()
        row.save()
    code_forgive(user_id=user.pk)
    return codes


def code_check(*, user: User, code: str) -> None:
    """Take a code of the app, or a recovery code, which is used up by it.

    Raises CodeRefusedError or TooManyCodesError. A person without a second factor has
    no code that fits.
    """
    _throttle(user)
    with transaction.atomic():
        row = SecondFactor.objects.select_for_update().filter(user=user).first()
        if row is None or row.confirmed_at is None or not _take(row, code):
            raise CodeRefusedError(_wrong())
        row.save(update_fields=["last_step", "recovery_codes"])
    code_forgive(user_id=user.pk)


def recovery_renew(*, user: User, code: str) -> list[str]:
    """Replace all recovery codes; needs a code. Return the new ones."""
    code_check(user=user, code=code)
    codes = recovery_new()
    SecondFactor.objects.filter(user=user, confirmed_at__isnull=False).update(
        recovery_codes=[recovery_hash(each) for each in codes]
    )
    return codes


def factor_end(*, user: User, code: str) -> None:
    """Turn the second factor off; needs a code."""
    code_check(user=user, code=code)
    SecondFactor.objects.filter(user=user).delete()


def factor_reset(*, user: User) -> bool:
    """Take the second factor away from somebody who lost it; for administrators."""
    code_forgive(user_id=user.pk)
    return bool(SecondFactor.objects.filter(user=user).delete()[0])


def _take(row: SecondFactor, code: str) -> bool:
    return _take_code(row, code) or _take_recovery(row, code)


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


def _throttle(user: User) -> None:
    if wait := code_wait(user_id=user.pk):
        raise TooManyCodesError(wait)


def _wrong() -> str:
    return _("The code is wrong, or it was used before. Wait for the next one.")
