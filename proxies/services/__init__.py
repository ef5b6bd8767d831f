"""Proxies made, changed, removed and tested.

Each change of a status is written to ``performance_metrics['changes']`` and logged;
apps above make alerts of it.
"""

from __future__ import annotations

from proxies.services.changing import (
    proxy_create,
    proxy_delete,
    proxy_disable,
    proxy_enable,
    proxy_update,
)
from proxies.services.checks import (
    host_check,
    kept_password_check,
    proxy_check,
    url_check,
)
from proxies.services.testing import (
    Why,
    proxy_follow_up,
    proxy_test,
    proxy_test_many,
)

__all__ = [
    "Why",
    "host_check",
    "kept_password_check",
    "proxy_check",
    "proxy_create",
    "proxy_delete",
    "proxy_disable",
    "proxy_enable",
    "proxy_follow_up",
    "proxy_test",
    "proxy_test_many",
    "proxy_update",
    "url_check",
]
