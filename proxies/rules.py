"""What a proxy's ``health_check_config`` may say, with a default for each key. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _

from btc_watcher.lib.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

# Smallest and largest value of each number.
RANGES: Final = {
    "timeout_seconds": (1, 60),
    "window": (1, 1000),
    "healthy_percent": (1, 99),
    "failures_to_flip": (1, 50),
    "successes_to_flip": (1, 50),
    "hold_down_seconds": (0, 86_400),
    "retry_minutes": (1, 1440),
}
# Seconds may be parts of one; what is counted may not.
PARTS: Final = ("timeout_seconds", "healthy_percent")


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthRules:
    """How a proxy is tested and judged.

    ``timeout_seconds`` for one test. Healthy is what succeeded in over
    ``healthy_percent`` of the last ``window`` tests and has fewer than
    ``failures_to_flip`` failures in a row; to become healthy again it needs
    ``successes_to_flip`` successes in a row, ``hold_down_seconds`` after it became
    unhealthy. Unhealthy ones are tried again every ``retry_minutes``.
    """

    timeout_seconds: float = 10
    window: int = 100
    healthy_percent: float = 90
    failures_to_flip: int = 3
    successes_to_flip: int = 3
    hold_down_seconds: int = 300
    retry_minutes: int = 10
    expected_status: tuple[int, ...] = (200,)

    @property
    def tests_read(self) -> int:
        """How many of the newest tests are needed to judge."""
        return max(self.window, self.failures_to_flip, self.successes_to_flip)


KEYS: Final = tuple(each.name for each in fields(HealthRules))


def rules_read(config: Mapping[str, Any]) -> HealthRules:
    """Return the rules; ConfigurationError names the key that is wrong."""
    if not isinstance(config, dict):
        raise ConfigurationError(
            _("The health check is %(value)r; use an object with some of %(keys)s.")
            % {"value": config, "keys": ", ".join(KEYS)}
        )
    for key in config:
        if key not in KEYS:
            raise ConfigurationError(
                _("The health check has no key %(key)r; use %(keys)s.")
                % {"key": key, "keys": ", ".join(KEYS)}
            )
    values = {key: _number(key, config[key]) for key in RANGES if key in config}
    if "expected_status" in config:
        values["expected_status"] = _statuses(config["expected_status"])
    return HealthRules(**values)


def _number(key: str, value: object) -> Any:
    least, most = RANGES[key]
    kinds = (int, float) if key in PARTS else (int,)
    fine = isinstance(value, kinds) and not isinstance(value, bool)
    if fine and isinstance(value, int | float) and least <= value <= most:
        return value
    raise ConfigurationError(
        _("%(key)r is %(value)r; use a number from %(least)s to %(most)s.")
        % {"key": key, "value": value, "least": least, "most": most}
    )


def _statuses(value: object) -> tuple[int, ...]:
    if isinstance(value, list | tuple) and value:
        numbers = tuple(each for each in value if _is_status(each))
        if len(numbers) == len(value):
            return numbers
    raise ConfigurationError(
        _("'expected_status' is %(value)r; use a list of HTTP statuses such as [200].")
        % {"value": value}
    )


def _is_status(value: object) -> bool:
    return (
        isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599
    )
