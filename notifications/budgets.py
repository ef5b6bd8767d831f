"""How much a channel may send: limits by window, and what is kept for P0. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.utils.translation import gettext as _

from btc_watcher.lib.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

WINDOWS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
LONGEST_WINDOW: Final = max(WINDOWS.values())
LARGEST: Final = 1_000_000
# One part in so many is kept for P0.
RESERVE_SHARE: Final = 5


class Limit(NamedTuple):
    """At most ``most`` messages in any ``seconds`` seconds."""

    seconds: int
    most: int

    def for_priority(self, priority: str) -> Limit:
        """Return what ``priority`` may use: all of it only P0."""
        if priority == "P0" or self.most < 2:
            return self
        kept = max(1, self.most // RESERVE_SHARE)
        return Limit(self.seconds, self.most - kept)


def limits_read(
    config: Mapping[str, Any], defaults: Mapping[str, int]
) -> tuple[Limit, ...]:
    """Return the limits of ``rate_limit_config`` over the transport's ``defaults``.

    An absent key means the default, null means no limit. Raises ConfigurationError
    that names what is wrong.
    """
    if unknown := set(config) - set(WINDOWS):
        raise ConfigurationError(
            _("There is no limit per %(names)s; use %(known)s.")
            % {"names": ", ".join(sorted(unknown)), "known": ", ".join(WINDOWS)}
        )
    limits = []
    for name, seconds in WINDOWS.items():
        count = config.get(name, defaults.get(name))
        if count is None:
            continue
        if isinstance(count, bool) or not isinstance(count, int):
            raise ConfigurationError(
                _("The limit per %(name)s is %(value)r, but it must be a whole number.")
                % {"name": name, "value": count}
            )
        if not 1 <= count <= LARGEST:
            raise ConfigurationError(
                _(
                    "The limit per %(name)s is %(value)s, but it must be from 1 to"
                    " %(largest)s. Switch the channel off to send nothing."
                )
                % {"name": name, "value": count, "largest": LARGEST}
            )
        limits.append(Limit(seconds, count))
    return tuple(limits)


def limits_stored(
    config: Mapping[str, Any], defaults: Mapping[str, int]
) -> tuple[Limit, ...]:
    """Return the limits of a stored configuration; a wrong one counts as absent."""
    try:
        return limits_read(config, defaults)
    except ConfigurationError:
        return limits_read({}, defaults)
