"""What a check finds, and the registry of the checks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from django_stubs_ext import StrOrPromise

    Question = Callable[["Facts"], "Finding"]


class State(StrEnum):
    """How it is; skipped means that it could not be asked because another one failed."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Facts:
    """What every check may want to know.

    ``has_database`` tells whether PostgreSQL answers, and asks it only once: who asks by
    a pool waits for long, and the pool complains in the middle of the report.
    """

    now: datetime
    has_database: Callable[[], bool] = lambda: True


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: words for a person, a short value, and the cure if it is not ok."""

    state: State
    words: str
    value: str = ""
    cure: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A question with a name such as ``redis.policy`` that belongs to a group.

    ``needs`` is the name of a check without whose answer this one cannot be asked.
    """

    name: str
    title: StrOrPromise
    question: Question
    needs: str = ""

    @property
    def group(self) -> str:
        """The first part of the name."""
        return self.name.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Result:
    """A check with what it found."""

    check: Check
    finding: Finding

    def figures(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "check": self.check.name,
            "title": str(self.check.title),
            "state": self.finding.state.value,
            "value": self.finding.value,
            "words": self.finding.words,
            "cure": self.finding.cure,
        }


CHECKS: dict[str, Check] = {}
GROUPS = {
    "database": "PostgreSQL",
    "redis": "Redis",
    "processes": gettext_lazy("Processes"),
    "work": gettext_lazy("Work"),
    "secrets": gettext_lazy("Secrets"),
    "backups": gettext_lazy("Backups"),
    "machine": gettext_lazy("Machine"),
}


def check(
    name: str, title: StrOrPromise, *, needs: str = ""
) -> Callable[[Question], Question]:
    """Put a function into the registry; its order is that of the report."""

    def put(question: Question) -> Question:
        CHECKS[name] = Check(name, title, question, needs)
        return question

    return put


def ok(words: str, value: object = "") -> Finding:
    """All is well."""
    return Finding(State.OK, words, str(value))


def warning(words: str, cure: str, value: object = "") -> Finding:
    """It works, and somebody should look at it."""
    return Finding(State.WARNING, words, str(value), cure)


def failed(words: str, cure: str, value: object = "") -> Finding:
    """It does not work."""
    return Finding(State.FAILED, words, str(value), cure)
