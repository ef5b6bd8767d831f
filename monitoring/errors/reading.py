"""Turns a record of ``logging`` into what is stored of it. No database, no clock."""

from __future__ import annotations

import hashlib
import logging
import re
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from btc_watcher.lib.processes import process_kind, process_name
from btc_watcher.lib.redaction import HIDDEN, is_secret_name, own_redactor

if TYPE_CHECKING:
    from types import TracebackType

APPS: Final = frozenset(
    (
        "accounts",
        "btc_watcher",
        "freqtrade_mgmt",
        "monitoring",
        "notifications",
        "proxies",
        "signals_app",
        "strategies",
    )
)
MESSAGE_LENGTH: Final = 4_000
STACK_LENGTH: Final = 20_000
VALUE_LENGTH: Final = 500
COMPONENT_LENGTH: Final = 50
EXTRAS: Final = 20
FRAMES: Final = 200
# Of a text that was put together before it was logged: what differs each time.
VARYING: Final = re.compile(
    r"'[^']*'|\"[^\"]*\"|\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\b0x[0-9a-f]+\b|\d+",
    re.IGNORECASE,
)
ORDINARY: Final = frozenset(vars(logging.makeLogRecord({}))) | {
    "asctime",
    "message",
    "taskName",
    "request",
    "data",
}


@dataclass(frozen=True, slots=True)
class GroupKey:
    """What makes two records the same error."""

    logger: str
    level: str
    template: str
    where: str
    error: str

    @property
    def fingerprint(self) -> str:
        """32 characters that stand for the group."""
        parts = (self.logger, self.level, self.template, self.where, self.error)
        return hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()[
            :32
        ]


@dataclass(slots=True)
class Report:
    """Records of one group since it was last written; times are seconds since 1970."""

    fingerprint: str
    level: str
    component: str
    message: str
    stack: str | None
    first: float
    last: float
    count: int = 1
    context: dict[str, Any] = field(default_factory=dict)

    def add(self, other: Report) -> None:
        """Count another one of the same group in; the words stay."""
        self.count += other.count
        self.first = min(self.first, other.first)
        self.last = max(self.last, other.last)


def key_of(record: logging.LogRecord) -> GroupKey:
    """Return the group of a record."""
    error = record.exc_info[1] if record.exc_info else None
    template = str(record.msg)
    if not record.args:
        template = VARYING.sub("·", template)
    return GroupKey(
        record.name,
        _level(record.levelno),
        template[:MESSAGE_LENGTH],
        where_of(record),
        f"{type(error).__module__}.{type(error).__qualname__}" if error else "",
    )


def where_of(record: logging.LogRecord) -> str:
    """Return ``module:function``: the innermost code of ours that an error went through."""
    trace = record.exc_info[2] if record.exc_info else None
    return _innermost(trace) or f"{record.name}:{record.funcName}"


def report_of(record: logging.LogRecord, key: GroupKey) -> Report:
    """Return what is stored of a record, without secrets and of bounded length."""
    redact = own_redactor()
    return Report(
        fingerprint=key.fingerprint,
        level=key.level,
        component=component_of(record, key),
        message=_cut(redact(_storable(_message(record))), MESSAGE_LENGTH),
        stack=_stack(record),
        first=record.created,
        last=record.created,
        context={
            "logger": record.name,
            "where": key.where,
            "process": process_kind(),
            "from": process_name(),
            "thread": record.threadName or "",
            **({"error": key.error} if key.error else {}),
            **_task(record),
            **_request(record),
            **_extras(record),
        },
    )


def component_of(record: logging.LogRecord, key: GroupKey) -> str:
    """Return the app whose code failed, or else the library that complains."""
    args = record.args if isinstance(record.args, dict) else {}
    for name in (key.where, str(args.get("name", "")), record.name):
        top = name.partition(".")[0].partition(":")[0]
        if top in APPS:
            return top
    return (record.name.partition(".")[0] or "root")[:COMPONENT_LENGTH]


def _level(number: int) -> str:
    """Return the level of the specification that a number belongs to."""
    for level in (logging.CRITICAL, logging.ERROR, logging.WARNING, logging.INFO):
        if number >= level:
            return logging.getLevelName(level)
    return "DEBUG"


def _innermost(trace: TracebackType | None) -> str:
    ours = innermost = ""
    for _frame in range(FRAMES):
        if trace is None:
            break
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        innermost = f"{module}:{trace.tb_frame.f_code.co_name}"
        if module.partition(".")[0] in APPS:
            ours = innermost
        trace = trace.tb_next
    return ours or innermost


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    # Whoever logs may pass anything, with a __str__ of its own.
    except Exception:  # noqa: BLE001
        return str(record.msg)


def _stack(record: logging.LogRecord) -> str | None:
    text = ""
    if record.exc_info and record.exc_info[1] is not None:
        text = "".join(traceback.format_exception(record.exc_info[1]))
    elif record.stack_info:
        text = record.stack_info
    if not text:
        return None
    # The cut comes first: what is left out need not be searched for secrets, and the
    # margin keeps a secret that the cut goes through from being shown by half.
    text = _middle_out(_storable(text), STACK_LENGTH * 2)
    return _middle_out(own_redactor()(text), STACK_LENGTH)


def _task(record: logging.LogRecord) -> dict[str, str]:
    """Return which task failed, as Celery's own records tell it."""
    args = record.args
    if not record.name.startswith("celery.") or not isinstance(args, dict):
        return {}
    wanted = {"task": args.get("name"), "task_id": args.get("id")}
    return {name: _value(value) for name, value in wanted.items() if value}


def _request(record: logging.LogRecord) -> dict[str, str]:
    """Return what was asked for; never the query, where secrets may stand."""
    request = getattr(record, "request", None)
    found = {name: getattr(request, name, None) for name in ("method", "path")}
    return {name: _value(value) for name, value in found.items() if value}


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    own = [name for name in vars(record) if name not in ORDINARY]
    found: dict[str, Any] = {}
    for name in own[:EXTRAS]:
        value = getattr(record, name)
        if name.startswith("_") or not isinstance(value, str | int | float | bool):
            continue
        if is_secret_name(name):
            value = HIDDEN
        found[name[:VALUE_LENGTH]] = _value(value) if isinstance(value, str) else value
    return found


def _value(value: object) -> str:
    return _cut(own_redactor()(_storable(str(value))), VALUE_LENGTH)


def _storable(text: str) -> str:
    """Return the text as PostgreSQL takes it: no NUL, no half of a pair."""
    return text.replace("\0", "").encode(errors="replace").decode()


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _middle_out(text: str, length: int) -> str:
    """Return both ends of a text: a stack tells most there."""
    if len(text) <= length:
        return text
    half = length // 2 - 2
    return f"{text[:half]}\n…\n{text[-half:]}"
