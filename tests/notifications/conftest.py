"""Fakes, channels and outcomes for the tests of notifications."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from accounts.models import User
from notifications import queues
from notifications.services import channel_create
from tests.notifications.factories import AT_ONCE, NO_LIMITS
from tests.notifications.fakes import SmtpFake, TelegramFake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.test import Client
    from pytest_django.fixtures import Settings

    from notifications.models import NotificationChannel

TOKEN = "123456:AAfake-Token_of-a-Bot-0123456789"
Handled = list[dict[str, Any]]
handled: Handled = []


def note_delivery(**values: Any) -> None:
    """Stand where signals_app's handler stands in the product."""
    handled.append(values)


def fail_delivery(**_values: Any) -> None:
    """Be a handler that fails."""
    raise RuntimeError("the handler is broken")


@pytest.fixture(autouse=True)
def deliveries(settings: Settings) -> Handled:
    """Collect what the handlers are told; the broker is trusted again."""
    handled.clear()
    queues.rest.until = 0.0
    queues.flushes_made.clear()
    settings.NOTIFICATION_OUTCOME_HANDLERS = [f"{__name__}.note_delivery"]
    return handled


@pytest.fixture
def smtp() -> Iterator[SmtpFake]:
    """A mail server that takes everything until it is told otherwise."""
    fake = SmtpFake()
    fake.start()
    yield fake
    fake.stop()


@pytest.fixture
def telegram() -> Iterator[TelegramFake]:
    """A Bot API that sends everything until it is told otherwise."""
    fake = TelegramFake()
    yield fake
    fake.stop()


@pytest.fixture
def email_config(smtp: SmtpFake) -> dict[str, Any]:
    """The configuration of a channel to the fake mail server."""
    return {
        "host": "127.0.0.1",
        "port": smtp.port,
        "security": "none",
        "from": "BTC Watcher <watcher@example.org>",
        "to": ["a@example.org"],
        "timeout": 5,
        **AT_ONCE,
    }


@pytest.fixture
def email_channel(email_config: dict[str, Any]) -> NotificationChannel:
    """A channel to the fake mail server."""
    return channel_create(
        name="mail", type="email", config=email_config, rate_limit_config=NO_LIMITS
    )


@pytest.fixture
def telegram_channel(telegram: TelegramFake) -> NotificationChannel:
    """A channel to the fake Bot API."""
    config = {"token": TOKEN, "chat_id": -100123, "api_base": telegram.base}
    config |= AT_ONCE
    return channel_create(
        name="bot", type="telegram", config=config, rate_limit_config=NO_LIMITS
    )


@pytest.fixture
def dead_port() -> int:
    """A port of loopback where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def broker_away(monkeypatch: pytest.MonkeyPatch, dead_port: int) -> Callable[[], None]:
    """Point Celery at a broker that is not there; call it to have the real one back."""

    def back() -> None:
        monkeypatch.delenv("CELERY_BROKER_WRITE_URL")
        queues.rest.until = 0.0

    monkeypatch.setenv("CELERY_BROKER_WRITE_URL", f"redis://127.0.0.1:{dead_port}/0")
    return back


@pytest.fixture
def admin(db: None) -> User:
    """Somebody who may do everything."""
    return User.objects.create_superuser("admin", "x", language="en", timezone="UTC")


@pytest.fixture
def browser(client: Client, admin: User) -> Client:
    """A browser in which the administrator is logged in."""
    client.force_login(admin)
    return client


@pytest.fixture
def onlooker(client: Client, db: None) -> Client:
    """A browser in which somebody without any permission is logged in."""
    client.force_login(
        User.objects.create_user("onlooker", "x", language="en", timezone="UTC")
    )
    return client
