"""Proxies and the record of their tests."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from btc_watcher.lib.columns import CreatedField, ObjectField, UpdatedField, listed
from btc_watcher.lib.indexes import NamedIndex


class Proxy(models.Model):
    """An HTTP or SOCKS proxy for exchange and notification traffic."""

    class Type(models.TextChoices):
        """The protocols."""

        HTTP = "http", "HTTP"
        SOCKS4 = "socks4", "SOCKS4"
        SOCKS5 = "socks5", "SOCKS5"

    class Status(models.TextChoices):
        """What the last tests say."""

        HEALTHY = "healthy", _("healthy")
        UNHEALTHY = "unhealthy", _("unhealthy")
        UNKNOWN = "unknown", _("unknown")

    id = models.AutoField(primary_key=True)
    name = models.CharField(_("name"), max_length=100)
    type = models.CharField(_("type"), max_length=20, choices=Type)
    host = models.CharField(_("host"), max_length=255)
    port = models.IntegerField(_("port"))
    username = models.CharField(_("user name"), max_length=100, null=True, blank=True)
    password_encrypted = models.TextField(null=True, blank=True, editable=False)
    enabled = models.BooleanField(_("enabled"), default=True, db_default=True)
    priority = models.IntegerField(_("priority"), default=1, db_default=1)
    test_url = models.CharField(
        _("test address"),
        max_length=500,
        default="https://api.binance.com/api/v3/ping",
        db_default="https://api.binance.com/api/v3/ping",
    )
    health_check_config = ObjectField(verbose_name=_("health check"))
    performance_metrics = ObjectField(verbose_name=_("performance"), editable=False)
    status = models.CharField(
        _("status"),
        max_length=20,
        choices=Status,
        default=Status.UNKNOWN,
        db_default="unknown",
    )
    last_test_time = models.DateTimeField(_("last test"), null=True, blank=True)
    created_at = CreatedField(verbose_name=_("created"))
    updated_at = UpdatedField(verbose_name=_("updated"))

    class Meta:
        db_table = "proxies"
        verbose_name = _("proxy")
        verbose_name_plural = _("proxies")
        ordering = ["priority", "name"]
        constraints = [
            listed("type", "http socks4 socks5", "proxies_type_check"),
            listed("status", "healthy unhealthy unknown", "proxies_status_check"),
        ]
        indexes = [
            NamedIndex(fields=["enabled"], name="idx_proxies_enabled"),
            NamedIndex(fields=["priority"], name="idx_proxies_priority"),
            NamedIndex(fields=["status"], name="idx_proxies_status"),
        ]

    def __str__(self) -> str:
        return self.name


class ProxyTest(models.Model):
    """One test of a proxy. Partitioned by month of ``test_time``."""

    id = models.BigAutoField(primary_key=True)
    proxy = models.ForeignKey(
        Proxy,
        on_delete=models.CASCADE,
        related_name="tests",
        null=True,
        db_index=False,
        db_constraint=False,
    )
    test_time = CreatedField(verbose_name=_("time"))
    success = models.BooleanField(_("success"))
    latency_ms = models.IntegerField(_("latency in ms"), null=True, blank=True)
    error_message = models.TextField(_("error"), null=True, blank=True)
    test_details = ObjectField(verbose_name=_("details"))

    class Meta:
        db_table = "proxy_test_history"
        verbose_name = _("proxy test")
        verbose_name_plural = _("proxy tests")
        ordering = ["-test_time"]
        indexes = [
            NamedIndex(
                fields=["proxy", "test_time"], name="idx_proxy_test_history_proxy_time"
            ),
            NamedIndex(fields=["test_time"], name="idx_proxy_test_history_time"),
        ]

    def __str__(self) -> str:
        return f"{self.proxy_id} {self.test_time:%Y-%m-%d %H:%M}"
