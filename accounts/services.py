"""Writing people, their sessions and tokens."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.contrib.auth import authenticate
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.cache import login_ended_tell, login_forgive, login_wait
from accounts.display import KEY as DISPLAY
from accounts.display import LANGUAGE_NOTED, Display, follows_browser
from accounts.models import User, UserSession
from accounts.selectors import address_is_known
from accounts.tokens import BROWSER_PREFIX, api_hash, browser_hash, token_new
from btc_watcher.lib.errors import BtcWatcherError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from uuid import UUID

    from django.db.models import QuerySet

    from accounts.cache import Failures
    from accounts.facts import RequestFacts
    from accounts.scopes import Scope


# Of one person, from which logins are never held up by what others try.
KNOWN_ADDRESSES: Final = 10
TOUCHED_EVERY: Final = timedelta(minutes=1)


class FailedBefore(NamedTuple):
    """Logins that failed since the one before; the latest at ``last_at``."""

    number: int
    last_at: datetime | None
    last_address: str

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> FailedBefore:
        """Read what ``security_info`` has."""
        at = stored.get("last_at")
        return cls(
            int(stored.get("count", 0)),
            datetime.fromisoformat(at) if at else None,
            str(stored.get("last_address") or ""),
        )


class LoginRefusedError(BtcWatcherError):
    """The name or the password is wrong, or the account is closed: never which."""


class TooManyLoginsError(BtcWatcherError):
    """Too many attempts; ``wait`` is the seconds until the next one is looked at."""

    def __init__(self, wait: int) -> None:
        super().__init__(
            _("Too many login attempts. Try again in %(wait)d seconds.")
            % {"wait": wait}
        )
        self.wait = wait


def credentials_check(*, username: str, password: str, facts: RequestFacts) -> User:
    """Return the active user of these credentials; the second factor comes after it.

    Raises TooManyLoginsError, or LoginRefusedError with the same sentence, after the
    same work, whether the name exists or not.
    """
    # PostgreSQL's text cannot hold a zero byte, so no such user exists.
    name = username.replace("\x00", "\ufffd")
    wait = login_wait(
        ip_address=facts.ip_address,
        username=name,
        known_address=address_is_known(name, facts.ip_address),
    )
    if wait:
        raise TooManyLoginsError(wait)
    user = authenticate(username=name, password=password)
    if not isinstance(user, User):
        raise LoginRefusedError(_("The user name or the password is wrong."))
    failures = login_forgive(ip_address=facts.ip_address, username=name)
    if failures.number:
        failures_note(user, failures)
    return user


def failures_note(user: User, failures: Failures) -> None:
    """Keep what failed in ``security_info`` until the next login, which tells it."""
    with transaction.atomic():
        row = User.objects.select_for_update().get(pk=user.pk)
        before = row.security_info.get("failures") or {}
        at = failures.last_at
        row.security_info["failures"] = {
            "count": int(before.get("count", 0)) + failures.number,
            "last_at": datetime.fromtimestamp(at, UTC).isoformat() if at else None,
            "last_address": failures.last_address or None,
        }
        User.objects.filter(pk=row.pk).update(security_info=row.security_info)


@transaction.atomic
def login_note(*, user: User, facts: RequestFacts) -> FailedBefore:
    """Write who logged in from where into ``security_info``; return what failed before.

    It has last_login and previous_login (at, address, program), failures_before (count,
    last_at, last_address) of the time between the two, and the last addresses.
    """
    row = User.objects.select_for_update().get(pk=user.pk)
    info = row.security_info
    failures = info.pop("failures", None) or {}
    address = facts.ip_address
    info["previous_login"] = info.get("last_login")
    info["last_login"] = {
        "at": timezone.now().isoformat(),
        "address": address,
        "program": facts.user_agent,
    }
    info["failures_before"] = failures
    known = [each for each in info.get("addresses", []) if each != address]
    info["addresses"] = [*filter(None, [address]), *known][:KNOWN_ADDRESSES]
    User.objects.filter(pk=row.pk).update(security_info=info)
    return FailedBefore.read(failures)


def session_open(
    *, user_id: int, facts: RequestFacts, expires_at: datetime
) -> tuple[UserSession, str]:
    """Record a browser login; return its row and the token to keep in the session."""
    token = token_new()
    row = UserSession.objects.create(
        user_id=user_id,
        token_hash=browser_hash(token),
        expires_at=expires_at,
        ip_address=facts.ip_address,
        user_agent=facts.user_agent,
    )
    return row, token


def token_create(
    *,
    user: User,
    facts: RequestFacts,
    days: int,
    name: str = "",
    scopes: Collection[Scope] | None = None,
) -> tuple[UserSession, str]:
    """Make an API token that lives ``days`` days; return its row and the plain token.

    It may what ``scopes`` say, None being all that ``user`` may. The token is never
    stored: this is the only moment at which it can be read.
    """
    token = token_new()
    row = UserSession.objects.create(
        user=user,
        token_hash=api_hash(token),
        expires_at=timezone.now() + timedelta(days=days),
        ip_address=facts.ip_address,
        user_agent=facts.user_agent,
        name=" ".join(name.split()),
        scopes=None if scopes is None else sorted(scopes),
    )
    return row, token


def session_revoke(*, session_id: UUID, user: User | None = None) -> bool:
    """End a session or token at once; False when there is none (of ``user``)."""
    rows = UserSession.objects.filter(id=session_id)
    if user is not None:
        rows = rows.filter(user=user)
    return bool(_ended(rows))


def _ended(rows: QuerySet[UserSession]) -> int:
    """Remove session rows, tell open WebSockets of it, and return how many they were."""
    people = set(rows.values_list("user_id", flat=True))
    count = rows.delete()[0]
    for user_id in people:
        transaction.on_commit(partial(login_ended_tell, user_id))
    return count


def session_close(*, token: str) -> bool:
    """End the browser login of ``token``, as on logging out."""
    return bool(_ended(UserSession.objects.filter(token_hash=browser_hash(token))))


def sessions_revoke_others(*, user: User, keep_token: str | None) -> int:
    """End every login of ``user`` in browsers but that of ``keep_token``."""
    rows = UserSession.objects.filter(user=user, token_hash__startswith=BROWSER_PREFIX)
    if keep_token is not None:
        rows = rows.exclude(token_hash=browser_hash(keep_token))
    return _ended(rows)


def token_touch(*, row: UserSession, now: datetime) -> None:
    """Note that a token is used, once a minute at most."""
    if row.last_used_at is None or now - row.last_used_at >= TOUCHED_EVERY:
        UserSession.objects.filter(pk=row.pk).update(last_used_at=now)


def sessions_revoke_all(*, user: User, keep_token: str | None = None) -> int:
    """End every login and token of ``user`` but the browser login of ``keep_token``."""
    rows = UserSession.objects.filter(user=user)
    if keep_token is not None:
        rows = rows.exclude(token_hash=browser_hash(keep_token))
    return _ended(rows)


def sessions_expire(*, now: datetime | None = None) -> int:
    """Remove the rows that have expired; return how many."""
    return UserSession.objects.filter(expires_at__lte=now or timezone.now()).delete()[0]


@transaction.atomic
def password_change(*, user: User, password: str, keep_token: str | None = None) -> int:
    """Store a new password and end every other login and token of ``user``.

    Returns how many ended. Who changes a password may do so because somebody else knows the old one.
    """
    user.set_password(password)
    user.save(update_fields=["password", "updated_at"])
    return sessions_revoke_all(user=user, keep_token=keep_token)


@transaction.atomic
def preferences_save(
    *,
    user: User,
    language: str | None,
    timezone_name: str,
    quiet_hours: Mapping[str, str] | None = None,
    display: Display | None = None,
) -> None:
    """Store the language (``zh-CN``, ``en``) and the IANA time zone of ``user``.

    Without a language pages follow the browser, and messages stay in the stored one.
    ``quiet_hours`` has from and to ("22:30") and passes ("P0" or "none"), on the clocks
    of that zone; None means no quiet hours. Without ``display`` it stays as it is.
    """
    changes: dict[str, Any] = {"quiet_hours": dict(quiet_hours) if quiet_hours else {}}
    if display is not None:
        changes[DISPLAY] = display.stored()
    changes[LANGUAGE_NOTED] = None if language else user.language
    user.preferences = _merged(_preferences_locked(user), changes)
    user.language = language or user.language
    user.timezone = timezone_name
    user.save(update_fields=["language", "timezone", "preferences", "updated_at"])


@transaction.atomic
def display_save(*, user: User, **changes: Any) -> None:
    """Store some of the fields of accounts.display.Display; the others stay."""
    stored = _preferences_locked(user)
    display = replace(Display.read(stored), **changes)
    user.preferences = _merged(stored, {DISPLAY: display.stored()})
    user.save(update_fields=["preferences", "updated_at"])


def _preferences_locked(user: User) -> dict[str, Any]:
    """Return what is stored: other keys may be written at the same moment."""
    return dict(User.objects.select_for_update().get(pk=user.pk).preferences)


def _merged(stored: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``stored`` with ``changes``, of which what is empty is taken out."""
    kept = {key: value for key, value in stored.items() if key not in changes}
    return kept | {key: value for key, value in changes.items() if value}


@transaction.atomic
def language_save(*, user: User, language: str) -> None:
    """Store the language that ``user`` just switched to; it is theirs in every browser."""
    user.preferences = _merged(_preferences_locked(user), {LANGUAGE_NOTED: None})
    user.language = language
    user.save(update_fields=["language", "preferences", "updated_at"])


@transaction.atomic
def language_note(*, user: User, language: str) -> None:
    """Store what a person who chose no language reads in, for messages to them."""
    follows = follows_browser(user.preferences, user.language)
    if user.language == language or not follows:
        return
    user.preferences = _preferences_locked(user) | {LANGUAGE_NOTED: language}
    user.language = language
    user.save(update_fields=["language", "preferences", "updated_at"])


@transaction.atomic
def admin_ensure(
    *, username: str, password: str, language: str, timezone: str
) -> tuple[User, bool]:
    """Return the administrator ``username`` and whether this call made them.

    They read pages in the language of their browser, and messages in ``language``, until
    they choose one. An existing user is left alone, password included: a second start
    must not undo what a person has changed.
    """
    found = User.objects.filter(username=username).first()
    if found is not None:
        return found, False
    user = User.objects.create_superuser(
        username,
        password,
        language=language,
        timezone=timezone,
        preferences={LANGUAGE_NOTED: language},
    )
    return user, True
