"""What the tests of the whole API share."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.facts import RequestFacts
from accounts.models import User
from accounts.services import token_create
from freqtrade_mgmt.models import FreqtradeUpgrade
from monitoring.models import ErrorLog
from monitoring.schedules.services import schedules_seed
from notifications.models import Alert, NotificationChannel, NotificationSilence
from proxies.models import Proxy
from signals_app.services import signals_record
from strategies.models import Strategy
from tests.signals_app.factories import candidate
from tests.strategies import factories

if TYPE_CHECKING:
    import redis


@pytest.fixture
def admin(transactional_db: None) -> User:
    """Somebody who may do everything."""
    return User.objects.create_superuser("admin", "secret-word", language="en")


@pytest.fixture
def api(admin: User, redis_client: redis.Redis) -> APIClient:
    """The API as that person, in English."""
    client = APIClient(headers={"accept-language": "en"})
    client.force_authenticate(admin)
    return client


@pytest.fixture
def token(db: None, redis_client: redis.Redis, settings: Any) -> str:
    """A token that may do everything, and no limit."""
    settings.API_READS_PER_MINUTE = settings.API_CHANGES_PER_MINUTE = 0
    user = User.objects.create_superuser("admin", "secret-word", language="en")
    facts = RequestFacts("127.0.0.1", "tests")
    return token_create(user=user, facts=facts, days=1, name="tests")[1]


@pytest.fixture
def known(token: str) -> dict[str, Any]:
    """A row for each kind of address, by what its path begins with."""
    now = timezone.now().replace(microsecond=0)
    schedules_seed()
    strategy = factories.strategy("known")
    draft = Strategy.objects.create(name="draft", is_draft=True, config={})
    signal = candidate(timestamp=now - timedelta(minutes=5))
    channel = NotificationChannel.objects.create(
        name="hook", type="webhook", config={"url": "http://127.0.0.1:9/", "user": 1}
    )
    ((signal_id, _word),) = signals_record([signal]).answers
    silence = NotificationSilence.objects.create(
        reason="known",
        created_by="admin",
        starts_at=now,
        ends_at=now + timedelta(days=1),
    )
    alert = Alert.objects.create(key="known", priority="P1", title="Known", since=now)
    error = ErrorLog.objects.create(
        level="ERROR", component="api", message="known", context={"count": 1}
    )
    proxy = Proxy.objects.create(
        name="known",
        type="http",
        host="127.0.0.1",
        port=9,
        test_url="http://127.0.0.1:9/",
    )
    upgrade = FreqtradeUpgrade.objects.create(
        to_version="2026.9", upgrade_type="install", status="completed"
    )
    return {
        "/api/v1/strategies/drafts/": draft.pk,
        "/api/v1/strategies/": strategy.pk,
        "/api/v1/hooks/": strategy.pk,
        "/api/v1/signals/": str(signal_id),
        "/api/v1/channels/": channel.pk,
        "/api/v1/silences/": silence.pk,
        "/api/v1/alerts/": alert.pk,
        "/api/v1/system/errors/": error.pk,
        "/api/v1/system/schedules/": "backup",
        "/api/v1/proxies/": proxy.pk,
        "/api/v1/freqtrade/upgrades/": upgrade.pk,
        "/api/v1/freqtrade/versions/": "2026.9",
    }
