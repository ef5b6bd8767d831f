"""Errors about strategies; each message is a sentence for a person."""

from __future__ import annotations

from django.utils.translation import gettext as _

from btc_watcher.lib.errors import BtcWatcherError


class StrategyMissingError(BtcWatcherError):
    """There is no such strategy, or no such draft."""

    @classmethod
    def strategy(cls, strategy_id: object) -> StrategyMissingError:
        """Return the error about a strategy that does not exist."""
        return cls(_("There is no strategy number %(id)s.") % {"id": strategy_id})

    @classmethod
    def draft(cls, draft_id: object) -> StrategyMissingError:
        """Return the error about a draft that does not exist."""
        return cls(
            _(
                "There is no draft number %(id)s: it was published, discarded or has"
                " expired."
            )
            % {"id": draft_id}
        )


class RefusedError(BtcWatcherError):
    """What was asked for is against a rule; ``problems`` has a sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems
