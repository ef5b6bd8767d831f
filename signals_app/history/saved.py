"""Saved filters: each person has their own. A service of the history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.db import transaction
from django.http import QueryDict
from django.utils.translation import gettext as _

from accounts.models import User
from btc_watcher.lib.errors import BtcWatcherError
from signals_app.history.asked import asked_read
from signals_app.history.models import LONGEST_NAME, SavedFilter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db import models

MOST: Final = 50
LONGEST_QUERY: Final = 4_000


class SavedFilterError(BtcWatcherError):
    """A filter was refused; nothing was written."""


class NoSuchFilterError(SavedFilterError):
    """This person has no such filter."""


def filters_of(user_id: int) -> Sequence[SavedFilter]:
    """Return a person's filters by name."""
    return list(SavedFilter.objects.filter(user_id=user_id).order_by("name"))


def filter_default(user_id: int) -> SavedFilter | None:
    """Return the filter that the page opens with, None without one."""
    return SavedFilter.objects.filter(user_id=user_id, is_default=True).first()


@transaction.atomic
def filter_save(
    *, user_id: int, name: str, query: str, is_default: bool = False
) -> tuple[SavedFilter, bool]:
    """Keep a filter under a name; one of the same name is replaced.

    Returns it, and whether it is new. ``is_default`` makes it the one that the page opens
    with. Raises SavedFilterError for a name or a filter that makes no sense, and for the
    51st.
    """
    name, query = _name(name), _query(query, user_id)
    mine = _locked(user_id)
    known = mine.filter(name=name).first()
    if known is None and mine.count() >= MOST:
        raise SavedFilterError(
            _("You have %(most)d saved filters already; delete one first.")
            % {"most": MOST}
        )
    found, made = SavedFilter.objects.update_or_create(
        user_id=user_id, name=name, defaults={"query": query}
    )
    if is_default:
        _default_set(found)
    return found, made


@transaction.atomic
def filter_rename(*, user_id: int, number: int, name: str) -> SavedFilter:
    """Call a filter otherwise; SavedFilterError when the name is another one's."""
    name = _name(name)
    found = _one(user_id, number)
    if _locked(user_id).filter(name=name).exclude(pk=found.pk).exists():
        raise SavedFilterError(
            _("You have a filter “%(name)s” already; choose another name.")
            % {"name": name}
        )
    found.name = name
    found.save(update_fields=["name", "updated_at"])
    return found


@transaction.atomic
def filter_replace(*, user_id: int, number: int, query: str) -> SavedFilter:
    """Let a filter find something else under the same name."""
    query = _query(query, user_id)
    found = _one(user_id, number)
    found.query = query
    found.save(update_fields=["query", "updated_at"])
    return found


@transaction.atomic
def filter_default_set(*, user_id: int, number: int, on: bool) -> SavedFilter:
    """Open the page with a filter, or no longer."""
    found = _one(user_id, number)
    if on:
        _default_set(found)
    else:
        found.is_default = False
        found.save(update_fields=["is_default", "updated_at"])
    return found


@transaction.atomic
def filter_delete(*, user_id: int, number: int) -> SavedFilter:
    """Forget a filter; return what it was."""
    found = _one(user_id, number)
    SavedFilter.objects.filter(pk=found.pk).delete()
    return found


def _locked(user_id: int) -> models.QuerySet[SavedFilter]:
    """Return a person's filters, of which nobody else counts or names any meanwhile."""
    User.objects.select_for_update().only("pk").get(pk=user_id)
    return SavedFilter.objects.filter(user_id=user_id)


def _one(user_id: int, number: int) -> SavedFilter:
    found = _locked(user_id).filter(pk=number).first()
    if found is None:
        raise NoSuchFilterError(
            _("You have no saved filter %(number)d.") % {"number": number}
        )
    return found


def _default_set(chosen: SavedFilter) -> None:
    others = SavedFilter.objects.filter(user_id=chosen.user_id, is_default=True)
    others.exclude(pk=chosen.pk).update(is_default=False)
    chosen.is_default = True
    chosen.save(update_fields=["is_default", "updated_at"])


def _name(text: str) -> str:
    name = " ".join(text.replace("\0", "").split())
    if not name:
        raise SavedFilterError(_("Give the filter a name."))
    if len(name) > LONGEST_NAME:
        raise SavedFilterError(
            _("The name has %(length)d characters; %(longest)d fit.")
            % {"length": len(name), "longest": LONGEST_NAME}
        )
    return name


def _query(text: str, user_id: int) -> str:
    """Return a filter as it is stored: only fields that there are, in their order."""
    asked = asked_read(QueryDict(text.removeprefix("?")), user_id)
    if asked.problems:
        wrong = asked.problems[0]
        raise SavedFilterError(
            _("The filter cannot be saved. %(label)s “%(value)s”: %(words)s")
            % {"label": wrong.label, "value": wrong.value, "words": wrong.words}
        )
    if len(asked.query) > LONGEST_QUERY:
        raise SavedFilterError(
            _("The filter is too long to be saved; choose fewer strategies.")
        )
    return asked.query
