"""Where a strategy runs now: in a process that it shares with others, or one of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from strategies.host_words import moved_text, own_text, own_words, shared_text
from strategies.reason_words import reason_shown
from strategies.selectors import processes_open

if TYPE_CHECKING:
    from strategies.models import Strategy


@dataclass(frozen=True, slots=True)
class Host:
    """The process of a strategy that runs.

    ``runner`` is the name of the shared one, with ``others`` strategies in it besides;
    ``own`` is the code of why it has one of its own, and ``words`` what was said then.
    """

    runner: str = ""
    others: int = 0
    own: str = ""
    words: str = ""

    @property
    def text(self) -> str:
        """Where it runs, in words; empty where nobody wrote it down."""
        if self.runner:
            return shared_text(self.runner, self.others)
        return own_text(self.own, reason_shown(self.words))

    @property
    def until(self) -> str:
        """Until when it has a process of its own; empty where nobody moved it out."""
        return "" if self.runner else moved_text(self.own)

    def shape(self) -> dict[str, Any]:
        """Return it as the API gives it."""
        return {
            "shared_process": self.runner or None,
            "shared_with": self.others if self.runner else None,
            "own_process": self.own or None,
            "own_process_reason": (self.text or None) if self.own else None,
        }


@dataclass(frozen=True, slots=True)
class SharedProcess:
    """A process that strategies share now, with their ids and names.

    ``memory_mb`` is the sum of their shares; ``node`` is the machine it runs on.
    """

    name: str
    node: str
    pid: int | None
    strategies: tuple[tuple[int, str], ...]
    memory_mb: float


def shared_processes() -> list[SharedProcess]:
    """Return the processes that strategies share, by machine and name."""
    rows = processes_open().filter(resource_usage__has_key="runner")
    found: dict[tuple[str, str], list[tuple[int, str, int | None, float]]] = {}
    for key, name, pid, usage in rows.values_list(
        "strategy_id", "strategy__name", "pid", "resource_usage"
    ):
        place = str(usage.get("node") or ""), str(usage["runner"])
        share = float(usage.get("rss_mb") or 0.0)
        found.setdefault(place, []).append((key, name or "", pid, share))
    return [
        SharedProcess(
            name=runner,
            node=node,
            pid=inside[0][2],
            strategies=tuple(sorted((key, name) for key, name, _pid, _mb in inside)),
            memory_mb=sum(mb for *_rest, mb in inside),
        )
        for (node, runner), inside in sorted(found.items())
    ]


def bots_alone() -> int:
    """Count the strategies that have a process of their own now."""
    rows = processes_open().exclude(pid=None)
    return rows.exclude(resource_usage__has_key="runner").count()


def host_of(strategy: Strategy) -> Host | None:
    """Return where a strategy runs; None when it has no process."""
    rows = processes_open().filter(strategy_id=strategy.pk).order_by("-id")
    usage = rows.values_list("resource_usage", flat=True).first()
    if usage is None:
        return None
    runner = str(usage.get("runner") or "")
    if not runner:
        words = own_words(strategy.health_metrics)
        return Host(own=str(usage.get("own") or ""), words=words)
    same = processes_open().filter(
        resource_usage__runner=runner, resource_usage__node=usage.get("node")
    )
    return Host(runner=runner, others=same.exclude(strategy_id=strategy.pk).count())
