"""Make the administrator and the demonstration at the first start."""

from __future__ import annotations

import secrets
from typing import Any

import tzlocal
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy

from accounts.services import admin_ensure
from btc_watcher.lib.commands.base import PlainCommand
from btc_watcher.lib.commands.helping import Example
from freqtrade_mgmt.bot_config import SIMULATED
from freqtrade_mgmt.demo import DEMO_STRATEGIES, DemoStrategy, demo_source
from notifications.models import NotificationChannel
from notifications.services import channel_create, channel_update
from strategies.services import strategy_create, strategy_start

CHANNEL = "Demo mailbox"
LOOPBACK = "127.0.0.1"


class Command(PlainCommand):
    """Seeds an empty system; later starts only follow the mail catcher's port."""

    help = gettext_lazy(
        "Make the administrator and, at the first start, a mail channel and three"
        " strategies on the simulated exchange. Prints one JSON object with"
        " admin_password, which is null when the administrator was there already."
    )

    examples = (
        Example(
            gettext_lazy("Prints the password once; run again, it makes nothing"),
            "demo_seed",
        ),
    )
    endings = {
        0: gettext_lazy("the administrator is there, now or before"),
        1: gettext_lazy("nothing was made"),
    }

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Seed, and print the password once."""
        password = settings.ADMIN_PASSWORD or secrets.token_urlsafe(12)
        # All or nothing: an interrupted first start is repeated as a whole.
        with transaction.atomic():
            _, created = admin_ensure(
                username="admin",
                password=password,
                language=settings.ADMIN_LANGUAGE,
                timezone=_zone(),
            )
            if created:
                _seed()
            else:
                _follow_port()
        answer = {"admin_password": password if created else None}
        self.tell_json(answer)


def _seed() -> None:
    channel_create(
        name=CHANNEL,
        type="email",
        config=_mail_config(),
        # Nobody's mail server: a mailbox on this machine has no limits to respect.
        rate_limit_config={"second": None, "minute": None, "hour": None, "day": None},
    )
    for demo in DEMO_STRATEGIES:
        strategy_start(_strategy(demo))


def _strategy(demo: DemoStrategy) -> int:
    strategy = strategy_create(
        name=demo.name,
        description=demo.description,
        config={
            "class_name": demo.class_name,
            "code": demo_source(demo),
            "exchange": SIMULATED,
            "pairs": list(demo.pairs),
            "timeframe": demo.timeframe,
        },
    )
    return strategy.pk


def _follow_port() -> None:
    """Point the demonstration's channel at the catcher's port of this start."""
    channel = NotificationChannel.objects.filter(name=CHANNEL, type="email").first()
    if channel is not None and channel.config.get("host") == LOOPBACK:
        channel_update(channel, config=channel.config | _mail_config())


def _mail_config() -> dict[str, Any]:
    return {
        "host": LOOPBACK,
        "port": settings.DEMO_SMTP_PORT,
        "security": "none",
        "from": "btc-watcher@demo.invalid",
        "to": ["trader@demo.invalid"],
    }


def _zone() -> str:
    found = tzlocal.get_localzone_name() or "UTC"
    # Servers run on UTC; their people rarely do.
    if found in {"UTC", "Etc/UTC"} and settings.ADMIN_LANGUAGE == "zh-CN":
        return "Asia/Shanghai"
    return found
