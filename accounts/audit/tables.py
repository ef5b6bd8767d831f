"""Which tables the audit watches, and what of them. Pure.

What the machine writes by itself (heartbeats, health, measurements, signals) is left
out, so that the audit stays a list of decisions.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

STAMPS: Final = "created_at updated_at"
# The functions that triggers call (see functions.sql).
FUNCTION: Final = "btcw_audit"
EVENTS: Final = {"i": "INSERT", "u": "UPDATE", "d": "DELETE"}


@dataclass(frozen=True, slots=True)
class Watched:
    """A table; ``left_out``, ``quiet`` and ``hidden`` are columns, by blanks.

    ``quiet`` ones count when a person changed them; ``hidden`` may also name keys inside
    of objects. ``rows`` is a condition on ``ROW``, ``change`` one on ``OLD`` and ``NEW``
    that an update has to meet besides.
    """

    table: str
    left_out: str = STAMPS
    quiet: str = ""
    hidden: str = ""
    key: str = "id"
    name: str = "name"
    rows: str = ""
    change: str = ""
    events: str = "iud"
    people_only: bool = False

    def triggers(self) -> dict[str, str]:
        """Return the statements that make the triggers, by name.

        A name carries a digest of its statement, so that a changed one is noticed.
        """
        made = {}
        for event in self.events:
            body = self._body(event)
            digest = hashlib.sha256(body.encode()).hexdigest()[:8]
            name = f"{FUNCTION}_{event}_{digest}"
            made[name] = f"CREATE TRIGGER {name} {body}"
        return made

    def _body(self, event: str) -> str:
        sides = {"i": ("NEW",), "u": ("OLD", "NEW"), "d": ("OLD",)}[event]
        when = " OR ".join(f"({self.rows.replace('ROW', side)})" for side in sides)
        arguments = (
            self.left_out,
            self.quiet,
            self.hidden,
            self.key,
            self.name,
            "people" if self.people_only else "",
        )
        quoted = ", ".join(f"'{each}'" for each in arguments)
        if self.change and event == "u":
            when = f"({when}) AND ({self.change})" if self.rows else self.change
        condition = f" WHEN ({when})" if self.rows or self.change else ""
        return (
            f"AFTER {EVENTS[event]} ON {self.table} FOR EACH ROW{condition}"
            f" EXECUTE FUNCTION {FUNCTION}({quoted})"
        )


WATCHED: Final = (
    Watched(
        "users",
        left_out=f"{STAMPS} last_login security_info",
        hidden="password_hash",
        name="username",
    ),
    # That somebody unlocked an account, which changes nothing else of its row.
    Watched(
        "users",
        left_out=f"{STAMPS} last_login",
        hidden="password_hash",
        name="username",
        change="OLD.security_info -> 'unlocked_at'"
        " IS DISTINCT FROM NEW.security_info -> 'unlocked_at'",
        events="u",
    ),
    Watched("users_groups", left_out="id user_id", key="user_id", name=""),
    Watched("users_user_permissions", left_out="id user_id", key="user_id", name=""),
    Watched(
        "user_second_factors",
        left_out=f"{STAMPS} last_step user_id",
        hidden="secret recovery_codes",
        key="user_id",
        name="",
    ),
    # API tokens are recorded from beginning to end. Logins in browsers are listed with
    # the person's sessions; what is a decision is that somebody ended one. Who logs out
    # is nobody any more when the row goes, so that is left out.
    Watched(
        "user_sessions",
        left_out=f"{STAMPS} last_used_at",
        hidden="token_hash",
        rows="ROW.token_hash NOT LIKE 'browser:%'",
    ),
    Watched(
        "user_sessions",
        left_out=f"{STAMPS} id user_id token_hash name scopes last_used_at",
        key="user_id",
        name="",
        rows="ROW.token_hash LIKE 'browser:%'",
        events="d",
        people_only=True,
    ),
    Watched("auth_group"),
    Watched(
        "auth_group_permissions",
        left_out="id",
        key="group_id",
        name="",
        people_only=True,
    ),
    # A draft is saved every few seconds while somebody types; it counts when published.
    Watched(
        "strategies",
        left_out=f"{STAMPS} health_metrics performance_metrics draft_expires_at",
        quiet="status",
        rows="NOT ROW.is_draft",
    ),
    # Inbound webhooks: health is written all the time, so the rest of it is left out by
    # looking only when this key of it is another. A draft may have a webhook too.
    Watched(
        "strategies",
        left_out=f"{STAMPS} performance_metrics status",
        hidden="word",
        change="OLD.health_metrics -> 'hook' IS DISTINCT FROM NEW.health_metrics -> 'hook'",
        events="u",
    ),
    Watched(
        "strategy_versions",
        left_out=f"{STAMPS} config_snapshot",
        key="strategy_id",
        name="version",
    ),
    Watched(
        "notification_channels", left_out=f"{STAMPS} last_test_time", quiet="status"
    ),
    Watched("notification_silences", name="reason"),
    Watched(
        "proxies",
        left_out=f"{STAMPS} performance_metrics last_test_time",
        quiet="status",
        hidden="password_encrypted",
    ),
    Watched(
        "freqtrade_versions",
        left_out=f"{STAMPS} compatibility_info download_url changelog_url",
        name="version",
        rows="ROW.is_installed",
    ),
    Watched("freqtrade_upgrade_history", left_out="", name="to_version", events="i"),
    Watched(
        "django_celery_beat_periodictask",
        left_out="last_run_at total_run_count date_changed",
    ),
    Watched("django_celery_beat_intervalschedule", name="every"),
    Watched(
        "supervisor_nodes",
        left_out="capacity guards started_at seen_at stopped_at life beat",
        key="name",
        events="u",
    ),
    Watched(
        "error_logs",
        left_out="timestamp level component message stack_trace context resolved_at",
        name="component",
        events="u",
        people_only=True,
    ),
)
# What belongs to an object and is recorded under its number, in tables of its own.
BELONGINGS: Final = {
    "users": (
        *("users_groups", "users_user_permissions"),
        *("user_second_factors", "user_sessions"),
    ),
    "auth_group": ("auth_group_permissions",),
    "strategies": ("strategy_versions",),
}
TABLES: Final = tuple(dict.fromkeys(watched.table for watched in WATCHED))
