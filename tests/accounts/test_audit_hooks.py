"""Who opens, renews and closes the inbound webhook of a strategy is in the audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.utils import translation
from rest_framework.test import APIClient

from accounts import services
from accounts.audit.shown import entries_shown
from accounts.facts import RequestFacts
from accounts.models import AuditEntry
from strategies.models import Strategy
from strategies.services import health_merge

if TYPE_CHECKING:
    from accounts.models import User

pytestmark = [
    pytest.mark.usefixtures("redis_client"),
    pytest.mark.django_db(transaction=True),
]


def test_who_opens_renews_and_closes_a_webhook_is_recorded(admin_user: User) -> None:
    row = Strategy.objects.create(name="one")
    address = f"/api/v1/strategies/{row.pk}/hook/"
    facts = RequestFacts(None, "")
    _row, token = services.token_create(user=admin_user, facts=facts, days=1, name="ci")
    api = APIClient(headers={"Authorization": f"Bearer {token}"})
    words = []
    for _time in range(2):
        assert api.post(address).status_code == 201
        row.refresh_from_db()
        words.append(row.health_metrics["hook"]["word"])
    assert api.delete(address).status_code == 204
    health_merge(row.pk, {"health": {"state": "fine"}})

    made, opened, renewed, closed = AuditEntry.objects.filter(
        target="strategies"
    ).order_by("id")
    assert made.action == "insert"
    for entry in (opened, renewed, closed):
        assert (entry.actor_id, entry.via) == (admin_user.pk, "API: ci")
        assert (entry.action, entry.target_name) == ("update", "one")
        assert set(entry.after or {}) == {"health_metrics"}
        assert not [word for word in words if word in str((entry.before, entry.after))]
    with translation.override("en"):
        shown = entries_shown([opened, renewed, closed])
    assert "inbound webhook: secret made at" in [c.label for c in shown[1].changes]
    assert shown[2].changes[-1].after == "\u2013"
