"""What the API of proxies takes and gives; a password is only ever taken."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from btc_watcher.lib.api.moments import AwareField, moment_text
from btc_watcher.lib.api.paging import PageQuery
from btc_watcher.lib.api.strict import only_known
from proxies.models import Proxy

if TYPE_CHECKING:
    from datetime import datetime

    from proxies.models import ProxyTest
    from proxies.selectors import Bucket, ListedProxy
    from proxies.uses import ProxyUse

LONGEST_WINDOW: Final = timedelta(days=366)
DEFAULT_WINDOW: Final = timedelta(days=1)
LARGEST_LIMIT: Final = 1_000
LARGEST_BUCKETS: Final = 500


class ProxySerializer(serializers.Serializer[Any]):
    """The fields of a proxy as they are written; the service says what may be in them.

    ``password`` that is absent is kept, null or an empty text removes it.
    """

    name = serializers.CharField()
    type = serializers.CharField()
    host = serializers.CharField()
    port = serializers.IntegerField()
    username = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, trim_whitespace=False
    )
    password = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, trim_whitespace=False
    )
    enabled = serializers.BooleanField(required=False)
    priority = serializers.IntegerField(required=False)
    test_url = serializers.CharField(required=False)
    health_check_config = serializers.JSONField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse what is no field: a misspelled one would be lost in silence."""
        return only_known(self, attrs)


class ProxyQuery(PageQuery):
    """Which proxies of the list."""

    status = serializers.ChoiceField(required=False, choices=Proxy.Status.values)
    type = serializers.ChoiceField(required=False, choices=Proxy.Type.values)
    enabled = serializers.BooleanField(required=False, default=None, allow_null=True)

    @staticmethod
    def fits(proxy: Proxy, query: dict[str, Any]) -> bool:
        """Tell whether a proxy is among those that ``query`` wants."""
        return all(
            query.get(name) is None or getattr(proxy, name) == query[name]
            for name in ("status", "type", "enabled")
        )


class HistorySerializer(serializers.Serializer[Any]):
    """The parameters of the history."""

    since = AwareField(
        required=False, help_text="Not before; a day before `to` by default."
    )
    until = AwareField(
        required=False, help_text="Before this moment; by default until now."
    )
    limit = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=LARGEST_LIMIT,
        default=100,
        help_text="How many tests at most.",
    )
    buckets = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=LARGEST_BUCKETS,
        default=48,
        help_text="Into how many spans the period is divided.",
    )
    cursor = serializers.CharField(
        required=False,
        max_length=200,
        help_text="Where the tests begin: what `next` of the page before it holds.",
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Name two fields by words that Python keeps for itself."""
        fields = super().get_fields()
        fields["from"] = fields.pop("since")
        fields["to"] = fields.pop("until")
        return fields

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a window that is empty or longer than a year."""
        until = attrs.get("to", timezone.now() + timedelta(seconds=1))
        since = attrs["from"] if "from" in attrs else _before(until)
        if since >= until:
            raise serializers.ValidationError({"from": _("It must be before “to”.")})
        if until - since > LONGEST_WINDOW:
            raise serializers.ValidationError(
                {"from": _("A query may span 366 days; ask for the rest separately.")}
            )
        return attrs | {"from": since, "to": until}


def _before(until: datetime) -> datetime:
    try:
        return until - DEFAULT_WINDOW
    except OverflowError:
        return until


def proxy_shape(row: ListedProxy) -> dict[str, Any]:
    """Return a proxy with its figures and who uses it, without its password."""
    proxy, metrics = row.proxy, row.metrics
    return {
        "id": proxy.pk,
        "name": proxy.name,
        "type": proxy.type,
        "host": proxy.host,
        "port": proxy.port,
        "username": proxy.username,
        "has_password": bool(proxy.password_encrypted),
        "enabled": proxy.enabled,
        "priority": proxy.priority,
        "test_url": proxy.test_url,
        "health_check_config": proxy.health_check_config,
        "status": proxy.status,
        "since": moment_text(metrics.since),
        "last_test_time": moment_text(proxy.last_test_time),
        "performance": {
            "tests": metrics.tests,
            "success_rate": metrics.success_rate,
            "p50_ms": metrics.p50_ms,
            "p95_ms": metrics.p95_ms,
            "streak": metrics.streak,
            "exit_address": metrics.exit_address or None,
            "last_failure": metrics.last_failure or None,
            "changes": list(metrics.changes),
        },
        "users": [_use_shape(use) for use in row.users],
        "created_at": moment_text(proxy.created_at),
        "updated_at": moment_text(proxy.updated_at),
    }


def test_shape(test: ProxyTest) -> dict[str, Any]:
    """Return a test."""
    details = test.test_details
    return {
        "time": moment_text(test.test_time),
        "success": test.success,
        "latency_ms": test.latency_ms,
        "failure": details.get("failure") or None,
        "error": test.error_message,
        "status": details.get("status"),
        "exit_address": details.get("exit_address") or None,
        "target": details.get("target"),
        "why": details.get("why"),
    }


def bucket_shape(bucket: Bucket) -> dict[str, Any]:
    """Return the tests of a span of time."""
    return {
        "at": moment_text(bucket.at),
        "tests": bucket.tests,
        "failures": bucket.failures,
        "p50_ms": bucket.p50_ms,
        "p95_ms": bucket.p95_ms,
    }


def _use_shape(use: ProxyUse) -> dict[str, Any]:
    return {"kind": use.kind, "id": use.id, "name": use.name, "via": use.via}
