"""Giving roles to people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.models import Group
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.roles import Role, role_of
from btc_watcher.lib.errors import BtcWatcherError

if TYPE_CHECKING:
    from collections.abc import Collection


class LastAdministratorError(BtcWatcherError):
    """Without this person nobody could manage the system."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "Somebody has to be an administrator: give the role to another one first."
            )
        )


@transaction.atomic
def role_set(*, user: User, role: Role) -> None:
    """Give ``user`` one role instead of the one they have.

    Who operates may use the admin. Raises LastAdministratorError.
    """
    if role is not Role.ADMINISTRATOR:
        administrator_remains(without={user.pk})
    group, _made = Group.objects.get_or_create(name=role.value)
    others = Group.objects.filter(name__in=set(Role) - {role})
    user.groups.remove(*others)
    user.groups.add(group)
    user.is_staff = role is not Role.VIEWER
    user.is_superuser = user.is_superuser and role is Role.ADMINISTRATOR
    user.save(update_fields=["is_staff", "is_superuser", "updated_at"])
    # Django keeps what it has read of permissions on the object.
    for cache in ("_perm_cache", "_group_perm_cache", "_user_perm_cache"):
        user.__dict__.pop(cache, None)


def administrator_remains(*, without: Collection[int]) -> None:
    """Raise LastAdministratorError when all administrators are among ``without``.

    Locks the administrators, so that two of them cannot remove each other at once.
    """
    active = User.objects.select_for_update().filter(is_active=True).order_by("pk")
    everybody = [user for user in active if role_of(user) is Role.ADMINISTRATOR]
    if everybody and all(user.pk in without for user in everybody):
        raise LastAdministratorError
