"""Resolving errors, opening them again, and telling of new ones."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from btc_watcher.lib.errors import ConfigurationError
from monitoring.errors.selectors import errors_untold
from monitoring.models import ErrorLog
from notifications.dispatch import alert_raise, alert_resolve
from notifications.saying import Words
from notifications.selectors import alerts_open

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

# More new ones at once have one cause: they are told in one sentence.
ONE_BY_ONE: Final = 3
# With so many open already, people are told enough: the others are told in one.
OPEN_AT_ONCE: Final = 10
NAMED: Final = 10
WORDS_TOLD: Final = 600
# A group that was silent for so long is not reminded of; it stays unresolved.
SILENT: Final = timedelta(hours=1)
# In the context of an alert: which group it is of, or that it is of many.
HAVING, MANY = "error_fingerprint", "errors_new"
# Changed in place: the handler may be counting at this moment.
NOTE: Final = """
UPDATE error_logs SET context = context || jsonb_build_object('told_at', %s::timestamptz)
WHERE id = ANY (%s)
"""


def error_resolve(error_id: int, *, by: str, now: datetime) -> bool:
    """Mark a group as dealt with and end its alert; False when it was already.

    It opens again by itself when it happens after ``now``. Raises ConfigurationError
    when there is no such group.
    """
    with transaction.atomic():
        row = _locked(error_id)
        if row.resolved:
            return False
        row.resolved, row.resolved_at = True, now
        row.context = row.context | {"resolved_by": by}
        row.save(update_fields=["resolved", "resolved_at", "context"])
        alert_resolve(key=alert_key(row), now=now)
    return True


def error_reopen(error_id: int, *, by: str, now: datetime) -> bool:
    """Take a group up again that was marked as dealt with; False when it was open.

    Nobody is told anew: whoever does this knows. Raises ConfigurationError when there is
    no such group.
    """
    with transaction.atomic():
        row = _locked(error_id)
        if not row.resolved:
            return False
        row.resolved, row.resolved_at = False, None
        row.context = row.context | {"reopened_by": by, "reopened_at": now.isoformat()}
        row.save(update_fields=["resolved", "resolved_at", "context"])
    return True


def errors_resolve(error_ids: Collection[int], *, by: str, now: datetime) -> int:
    """Mark several groups as dealt with; return how many were open."""
    return sum(error_resolve(each, by=by, now=now) for each in sorted(error_ids))


def errors_tell(now: datetime) -> dict[str, int]:
    """Raise an alert for each new group of ERROR and above, and end those gone silent.

    A few are told one by one, many in one alert, and so are those that come when many
    are open. Returns the figures.
    """
    with transaction.atomic():
        new = list(errors_untold().select_for_update(skip_locked=True)[:1000])
        known = len(alerts_open(having=HAVING))
        if len(new) > ONE_BY_ONE or (new and known + len(new) > OPEN_AT_ONCE):
            _tell_many(new, now)
        else:
            for row in new:
                _tell(row, now)
        if new:
            with connection.cursor() as cursor:
                cursor.execute(NOTE, [now, [row.pk for row in new]])
        return {"new": len(new), "ended": _end_silent(now)}


def alert_key(row: ErrorLog) -> str:
    """Return the key of the alert about a group."""
    return f"error:{row.context.get('fingerprint', row.pk)}"


def _locked(error_id: int) -> ErrorLog:
    row = ErrorLog.objects.select_for_update().filter(pk=error_id).first()
    if row is None:
        raise ConfigurationError(
            _("There is no error %(number)s.") % {"number": error_id}
        )
    return row


def _tell(row: ErrorLog, now: datetime) -> None:
    alert_raise(
        key=alert_key(row),
        priority="P1",
        words=partial(_words, row),
        context={HAVING: row.context["fingerprint"], "error_id": row.pk},
        now=now,
    )


def _words(row: ErrorLog) -> Words:
    context = row.context
    again = "reopened" in context
    title = (
        _("An error is back: %(component)s") if again else _("New error: %(component)s")
    )
    lines = [
        row.message[:WORDS_TOLD],
        _("Where: %(where)s (%(process)s)")
        % {"where": context.get("where", "?"), "process": context.get("process", "?")},
        ngettext(
            "Happened %(count)s time so far.",
            "Happened %(count)s times so far.",
            int(context.get("count", 1)),
        )
        % {"count": context.get("count", 1)},
    ]
    return Words(title % {"component": row.component}, "\n".join(lines + _link()))


def _tell_many(rows: Sequence[ErrorLog], now: datetime) -> None:
    # One that is open is brought up to date: those it told of are still new.
    before = sum(int(each[MANY]) for each in alerts_open(having=MANY).values())
    total = before + len(rows)
    alert_raise(
        key="errors:new",
        priority="P1",
        words=partial(_words_of_many, rows, total),
        context={MANY: total, "at": now.isoformat()},
        now=now,
    )


def _words_of_many(rows: Sequence[ErrorLog], total: int) -> Words:
    lines = [
        f"· {row.component}: {row.message.partition(chr(10))[0][:120]}"
        for row in rows[:NAMED]
    ]
    if total > len(lines):
        lines.append(_("… and %(count)s more") % {"count": total - len(lines)})
    # One comes alone when many are open already.
    title = ngettext("%(count)s new error", "%(count)s new errors", total)
    title %= {"count": total}
    return Words(title, "\n".join(lines + _link()))


def _link() -> list[str]:
    # The one page of errors that there is.
    return (
        [f"{settings.PUBLIC_URL}/admin/monitoring/errorlog/"]
        if settings.PUBLIC_URL
        else []
    )


def _end_silent(now: datetime) -> int:
    """End the alerts of groups that have not happened for SILENT; nobody is told."""
    about = {
        context[HAVING]: key for key, context in alerts_open(having=HAVING).items()
    }
    loud: set[Any] = set(
        ErrorLog.objects.filter(
            context__fingerprint__in=list(about),
            resolved=False,
            timestamp__gt=now - SILENT,
        ).values_list("context__fingerprint", flat=True)
    )
    over = [key for fingerprint, key in about.items() if fingerprint not in loud]
    over += [
        key
        for key, context in alerts_open(having=MANY).items()
        if str(context.get("at", "")) < (now - SILENT).isoformat()
    ]
    return sum(alert_resolve(key=key, now=now, quiet=True) for key in over)
