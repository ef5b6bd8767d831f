"""A strategy in a runner, with the face of a bot's process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from freqtrade_mgmt.supervisor.hosting_runner import GONE
from freqtrade_mgmt.supervisor.logs import tail
from freqtrade_mgmt.supervisor.plan import cause_of, end_in_words

if TYPE_CHECKING:
    from freqtrade_mgmt.supervisor.hosting_places import Place
    from freqtrade_mgmt.supervisor.hosting_runner import Runner
    from freqtrade_mgmt.supervisor.identity import ProcessKey

MOVES: Final = "it gets a process of its own: {why}"
ENDED: Final = "the process that it shared with others ended: {why}"


class HostedProcess:
    """One start of a strategy in a runner. ``runner`` and ``place`` are for hosting."""

    hosted: Final = True

    def __init__(self, runner: Runner, place: Place) -> None:
        self.runner = runner
        self.place = place

    @property
    def key(self) -> ProcessKey:
        """The process that it is a part of."""
        return self.runner.process.key

    @property
    def exit_code(self) -> int | None:
        """How the whole process ended; None while it runs, and where nobody saw it."""
        return None if self.runner.alive() else self.runner.process.exit_code

    @property
    def moves(self) -> str:
        """Why it needs a process of its own, as a code; empty: it does not."""
        ended = self.place.ended
        return "" if ended is None else ended.moves

    @property
    def said(self) -> str:
        """What freqtrade said when it failed there, as the last line of a bot's log."""
        ended = self.place.ended
        if ended is None or ended.moves or not ended.message:
            return ""
        return f"- - ERROR - {ended.message}"

    @property
    def up(self) -> bool:
        """Whether it is worth asking: until it is loaded nobody answers."""
        return self.place.up

    def alive(self) -> bool:
        """Tell whether it is in the runner, or on its way in or out."""
        return self.place.inside and self.runner.alive()

    def terminate(self) -> None:
        """Have it taken out."""
        self.runner.drop(self.place)

    def kill(self) -> None:
        """Have it taken out; whoever asks again after a while ends the whole runner.

        At once, where that was told to end.
        """
        self.runner.kill(self.place)

    def oust(self, *, at_once: bool) -> None:
        """Have it taken out in time, at the cost of whoever is in the runner.

        ``at_once``: they have to end as well.
        """
        self.runner.oust(self.place, at_once=at_once)

    def let_go(self) -> None:
        """Give its place back."""
        self.runner.drop(self.place)

    def rss_mb(self) -> float:
        """Return its share of what the runner holds, in MB."""
        return self.runner.memory().get(self.place.load.strategy_id, 0.0)

    def end_words(self) -> str:
        """Return why it ended here in one sentence; empty where freqtrade said it."""
        ended = self.place.ended
        if ended is not None and ended.moves:
            return MOVES.format(why=ended.message or ended.state)
        if ended is not None:
            return ""
        if self.runner.alive():
            return GONE
        return ENDED.format(why=runner_end(self.runner))


def runner_end(runner: Runner) -> str:
    """Return how the process of a runner ended, in words."""
    paths = runner.paths
    console, log = runner.log_starts
    said = f"{tail(paths.console, console)}\n{tail(paths.log, log)}"
    code = runner.process.exit_code
    _cause, words = cause_of(said, code)
    return end_in_words(code, words, runner.fault)
