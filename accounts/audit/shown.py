"""The audit in words: which kind of object, which columns, from what to what."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.audit.tables import TABLES
from accounts.models import User
from accounts.roles import NAMES, Role
from btc_watcher.lib.redaction import HIDDEN, is_secret_name, own_redactor

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from django.db.models import Model

    from accounts.models import AuditEntry

# Tables that no model of its own stands for, or one that means more.
JOINED: Final = {
    "user_sessions": gettext_lazy("login or API token"),
    "users_groups": gettext_lazy("role of a user"),
    "users_user_permissions": gettext_lazy("single permission of a user"),
    "auth_group_permissions": gettext_lazy("permission of a group"),
}
# Columns of tables that have no model.
COLUMNS: Final = {
    "group_id": gettext_lazy("role"),
    "permission_id": gettext_lazy("permission"),
}
# Keys inside of columns that mean something by themselves.
KEYS: Final = {
    "security_info.unlocked_at": gettext_lazy("logins and codes unlocked at"),
    "health_metrics.hook": gettext_lazy("inbound webhook"),
    "health_metrics.hook.at": gettext_lazy("inbound webhook: secret made at"),
    "health_metrics.hook.word": gettext_lazy("inbound webhook: secret"),
}
# Ways in, as ActorMiddleware calls them; tokens and commands have names of their own.
WAYS: Final = {
    "page": pgettext_lazy("audit", "page"),
    "admin": pgettext_lazy("audit", "admin"),
}
# Their entries carry the number of another object.
OF_OTHERS: Final = frozenset({"strategy_versions", "auth_group_permissions"})
# Their entries carry the number of a user; API tokens among them have their own, a UUID.
OF_USERS: Final = frozenset(
    {"users_groups", "users_user_permissions", "user_second_factors", "user_sessions"}
)
LONGEST: Final = 300
SHOWN_AT_ONCE: Final = 2
NOTHING: Final = "\u2013"


@dataclass(frozen=True, slots=True)
class Change:
    """One value that changed, as texts; a value that was or is not there is a dash."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class EntryShown:
    """An entry as a person reads it; ``address`` is where the object is, or nothing."""

    entry: AuditEntry
    action: str
    kind: str
    name: str
    via: str
    address: str
    changes: list[Change]

    @property
    def is_short(self) -> bool:
        """Whether all its values fit into the list."""
        return self.entry.action == "update" or len(self.changes) <= SHOWN_AT_ONCE


def kinds() -> list[tuple[str, str]]:
    """Return the tables that are watched and what they are called, by their words."""
    return sorted(
        ((table, kind_words(table)) for table in TABLES), key=lambda pair: pair[1]
    )


def kind_words(table: str) -> str:
    """Return what an object of ``table`` is called."""
    if table in JOINED:
        return str(JOINED[table])
    model = _models().get(table)
    return str(_options(model).verbose_name) if model else table


def entries_shown(entries: Sequence[AuditEntry]) -> list[EntryShown]:
    """Return ``entries`` in words; a few queries for names, however many there are."""
    names = _Names(entries)
    return [
        EntryShown(
            entry=entry,
            action=entry.get_action_display(),
            kind=kind_words(entry.target),
            name=names.of_target(entry),
            via=str(WAYS.get(entry.via, entry.via)),
            address=_address(entry),
            changes=list(_changes(entry, names)),
        )
        for entry in entries
    ]


def flattened(value: Any, path: str = "") -> dict[str, Any]:
    """Return the values inside of objects by their path, such as ``config.pairs``."""
    if not isinstance(value, dict) or not value:
        return {path: value}
    found: dict[str, Any] = {}
    for key, each in value.items():
        found |= flattened(each, f"{path}.{key}" if path else str(key))
    return found


def _changes(entry: AuditEntry, names: _Names) -> Iterator[Change]:
    before = flattened(entry.before) if entry.before else {}
    after = flattened(entry.after) if entry.after else {}
    model = _models().get(entry.target)
    for path in dict.fromkeys((*before, *after)):
        old, new = (
            names.of_value(path, side[path]) if path in side else NOTHING
            for side in (before, after)
        )
        # What is empty in a new or removed object says nothing.
        if {old, new} != {NOTHING}:
            yield Change(_label(model, path), old, new)


def _label(model: type[Model] | None, path: str) -> str:
    column, dot, rest = path.partition(".")
    if path in KEYS:
        return str(KEYS[path])
    if column in COLUMNS:
        return str(COLUMNS[column])
    if model is not None:
        for field in _options(model).concrete_fields:
            if field.column == column:
                return f"{field.verbose_name}{dot}{rest}"
    return path


class _Names:
    """Names of what entries mention by number."""

    def __init__(self, entries: Sequence[AuditEntry]) -> None:
        tables = {entry.target for entry in entries}
        self._groups: dict[int, str] = {}
        self._permissions: dict[int, str] = {}
        self._users: dict[str, str] = {}
        if tables & {"users_groups", "auth_group_permissions"}:
            self._groups = dict(Group.objects.values_list("pk", "name"))
        if tables & {"users_user_permissions", "auth_group_permissions"}:
            self._permissions = dict(Permission.objects.values_list("pk", "name"))
        if tables & OF_USERS:
            wanted = {int(each.target_id) for each in entries if _of_user(each)}
            rows = User.objects.filter(pk__in=wanted).values_list("pk", "username")
            self._users = {str(key): name for key, name in rows}

    def of_target(self, entry: AuditEntry) -> str:
        """Return the name of the object itself."""
        if _of_user(entry):
            return self._users.get(entry.target_id, entry.target_id)
        return entry.target_name or entry.target_id

    def of_value(self, path: str, value: Any) -> str:
        """Return ``value`` as text, without secrets and not too long."""
        if path == "group_id":
            value = _role_words(self._groups.get(value, str(value)))
        elif path == "permission_id":
            value = self._permissions.get(value, value)
        elif value and _of_bot(path):
            return HIDDEN
        return _text(value)


def _of_bot(path: str) -> bool:
    """Tell whether a value is a secret of a bot, by a name the triggers do not know."""
    column, _dot, keys = path.partition(".")
    return column == "freqtrade_config" and any(map(is_secret_name, keys.split(".")))


def _of_user(entry: AuditEntry) -> bool:
    return entry.target in OF_USERS and entry.target_id.isdecimal()


def _role_words(name: str) -> str:
    return str(NAMES[Role(name)]) if name in set(Role) else name


def _text(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return NOTHING
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = own_redactor()(text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _address(entry: AuditEntry) -> str:
    model = User if _of_user(entry) else _models().get(entry.target)
    if model is None or entry.action == "delete" or entry.target in OF_OTHERS:
        return ""
    options = _options(model)
    name = f"admin:{options.app_label}_{options.model_name}_change"
    try:
        return reverse(name, args=[entry.target_id])
    except NoReverseMatch:
        return ""


@cache
def _models() -> dict[str, type[Model]]:
    return {_options(model).db_table: model for model in apps.get_models()}


def _options(model: type[Model]) -> Any:
    return model._meta  # noqa: SLF001 - documented by Django under this name
