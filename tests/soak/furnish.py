"""Inside of Django: make the strategies, proxies, channels and the hook of the soak.

Run as a program in the environment of the system. Reads addresses as JSON from its
input and prints what it made as one JSON object.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import django

if TYPE_CHECKING:
    from collections.abc import Sequence

# Digests of minutes would be all that the end of the run waits for.
SPEED = {"P1": 5, "P2": 10}
NO_LIMITS = {"second": None, "minute": None, "hour": None, "day": None}


def main() -> None:
    """Make everything once."""
    asked = json.loads(sys.stdin.read())
    django.setup()
    proxies = _proxies(asked["proxy_ports"], asked["exchange"])
    _channels(asked["receiver"])
    strategies = _strategies(proxies[0])
    from signals_app.hooks import hook_secret  # noqa: PLC0415 - needs Django

    hook = strategies.pop("hook")
    made = {
        "strategies": {name: each.pk for name, each in strategies.items()},
        "hook": hook.pk,
        "hook_secret": hook_secret(hook),
    }
    sys.stdout.write(json.dumps(made) + "\n")


def _proxies(ports: Sequence[int], exchange: str) -> list[int]:
    from proxies.services import proxy_create  # noqa: PLC0415 - needs Django

    return [
        proxy_create(
            name=f"Soak {number}",
            type="http",
            host="127.0.0.1",
            port=port,
            priority=number,
            test_url=f"{exchange}/ping",
            health_check_config={"hold_down_seconds": 30, "retry_minutes": 1},
        ).pk
        for number, port in enumerate(ports, start=1)
    ]


def _channels(receiver: str) -> None:
    from notifications.models import NotificationChannel  # noqa: PLC0415
    from notifications.services import channel_create, channel_update  # noqa: PLC0415

    for mailbox in NotificationChannel.objects.all():
        channel_update(mailbox, config=mailbox.config | {"speed": SPEED})
    channel_create(
        name="Soak receiver",
        type="webhook",
        config={
            "url": f"{receiver}/soak",
            "allow_private": True,
            "idempotent": True,
            "speed": SPEED,
        },
        rate_limit_config=NO_LIMITS,
    )


def _strategies(proxy: int) -> dict[str, Any]:
    from django.utils import timezone  # noqa: PLC0415

    from freqtrade_mgmt.bot_config import SIMULATED  # noqa: PLC0415
    from signals_app.hooks import hook_open  # noqa: PLC0415
    from strategies.models import Strategy  # noqa: PLC0415
    from strategies.services import strategy_create, strategy_start  # noqa: PLC0415
    from tests.soak.strategies import HOOKED, SOAKED  # noqa: PLC0415

    def made(
        name: str, class_name: str, code: str, pairs: Sequence[str], **bot: Any
    ) -> Strategy:
        return strategy_create(
            name=name,
            config={
                "class_name": class_name,
                "code": code,
                "exchange": SIMULATED,
                "pairs": list(pairs),
                "timeframe": "1m",
            },
            freqtrade_config=bot,
        )

    for each in SOAKED:
        if each.code:
            way: dict[str, Any] = {"proxy": proxy} if each.proxied else {}
            if each.own_process:
                way["own_process"] = True
            strategy_start(
                made(each.name, each.class_name, each.code, each.pairs, **way).pk
            )
    found: dict[str, Any] = {row.name: row for row in Strategy.objects.all()}
    pattern = next(each for each in SOAKED if each.code)
    hook = made(HOOKED, pattern.class_name, pattern.code, pattern.pairs)
    hook_open(hook, now=timezone.now())
    return found | {"hook": hook}


if __name__ == "__main__":
    main()
