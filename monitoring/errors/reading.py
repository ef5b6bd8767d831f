"""Turns a record of ``logging`` into what is stored of it. No database, no clock."""

from __future__ import annotations

import hashlib
import logging
import math
import re
import traceback
from dataclasses import dataclass, field, replace
from functools import lru_cache
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
NAME_LENGTH: Final = 100
COMPONENT_LENGTH: Final = 50
EXTRAS: Final = 20
FRAMES: Final = 200
# Of a text that was put together before it was logged: what differs each time.
VARYING: Final = re.compile(
    r"'[^']*'|\"[^\"]*\"|\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\b0x[0-9a-f]+\b|\d+",
    re.IGNORECASE,
)
# What a template would fill in; one that is nothing else says nothing by itself.
PLACES: Final = re.compile(r"%(?:\(\w+\))?[-#0 +.\d*]*[a-zA-Z%]")
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
    """Records of one group since it was last written; times are seconds since 1970.

    It lives in memory and still holds secrets: ``cleaned`` is what may be stored.
    """

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
    # Cut first: whoever logs a page of a megabyte must not wait for it to be searched.
    template = str(record.msg)[:MESSAGE_LENGTH]
    if not record.args:
        template = VARYING.sub("·", template)
    elif _says_nothing(template):
        template = VARYING.sub("·", _message(record)[:MESSAGE_LENGTH])
    return GroupKey(
        record.name,
        _level(record.levelno),
        template + _task(record).get("task", ""),
        where_of(record),
        f"{type(error).__module__}.{type(error).__qualname__}" if error else "",
    )


def where_of(record: logging.LogRecord) -> str:
    """Return ``module:function``: the innermost code of ours that an error went through."""
    trace = record.exc_info[2] if record.exc_info else None
    return _innermost(trace) or f"{record.name}:{record.funcName}"


@lru_cache(maxsize=512)
def _says_nothing(template: str) -> bool:
    return not any(map(str.isalpha, PLACES.sub("", template)))


def report_of(record: logging.LogRecord, key: GroupKey) -> Report:
    """Return what there is to say of a record, of bounded length.

    Its secrets are searched for later, by the thread that writes.
    """
    return Report(
        fingerprint=key.fingerprint,
        level=key.level,
        component=component_of(record, key),
        message=_cut(_message(record), MESSAGE_LENGTH * 2),
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


def cleaned(report: Report) -> Report:
    """Return a report as it may be stored: without secrets, and as PostgreSQL takes it.

    What was left out before need not be searched for secrets; the margin of it keeps a
    secret that the cut went through from being shown by half.
    """
    stack = None if report.stack is None else _clean(report.stack)
    return replace(
        report,
        message=_cut(_clean(report.message), MESSAGE_LENGTH),
        stack=None if stack is None else _middle_out(stack, STACK_LENGTH),
        context={
            _clean(name): _cut(_clean(value), VALUE_LENGTH)
            if isinstance(value, str)
            else value
            for name, value in report.context.items()
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
    return _middle_out(text, STACK_LENGTH * 2) or None


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
        # JSON has no word for what is no number.
        whole = isinstance(value, float) and not math.isfinite(value)
        found[name[:NAME_LENGTH]] = (
            _value(value) if whole or isinstance(value, str) else value
        )
    return found


def _value(value: object) -> str:
    return _cut(str(value), VALUE_LENGTH * 2)


def _clean(text: str) -> str:
    """Return the text without secrets; PostgreSQL takes no NUL and no half of a pair."""
    storable = text.replace("\0", "").encode(errors="replace").decode()
    return own_redactor()(storable)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _middle_out(text: str, length: int) -> str:
    """Return both ends of a text: a stack tells most there."""
    if len(text) <= length:
        return text
    half = length // 2 - 2
    return f"{text[:half]}\n…\n{text[-half:]}"
