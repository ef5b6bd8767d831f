"""What the API of proxies answers, described for its schema."""

from __future__ import annotations

from typing import Final

from btc_watcher.lib.api.answers import (
    WINDOW,
    anything,
    flag,
    many,
    moment,
    one,
    real,
    rows,
    shape,
    text,
    whole,
)

PROXY = shape(
    "Proxy",
    "A proxy with its figures and who uses it; its password is only ever taken.",
    {
        "id": whole(),
        "name": text(),
        "type": text("http, socks4 or socks5."),
        "host": text(),
        "port": whole(),
        "username": text(null=True),
        "has_password": flag(),
        "enabled": flag(),
        "priority": whole("1 is the first choice."),
        "test_url": text(),
        "health_check_config": anything("How it is tested and judged."),
        "status": text("healthy, unhealthy or unknown."),
        "since": moment("Since when it has that status.", null=True),
        "last_test_time": moment(null=True),
        "performance": one(
            shape(
                "ProxyPerformance",
                "What its last tests say.",
                {
                    "tests": whole(),
                    "success_rate": real("Percent.", null=True),
                    "p50_ms": real(null=True),
                    "p95_ms": real(null=True),
                    "streak": whole("Successes in a row; failures are negative."),
                    "exit_address": text(null=True),
                    "last_failure": text(null=True),
                    "changes": rows("When it last changed its status."),
                },
            )
        ),
        "users": many(
            shape(
                "ProxyUser",
                "A strategy or a channel that goes through it.",
                {
                    "kind": text("strategy or channel."),
                    "id": whole(),
                    "name": text(),
                    "via": flag("Only for now, because its own proxy is out."),
                },
            )
        ),
        "created_at": moment(),
        "updated_at": moment(),
    },
)
_TEST: Final = {
    "time": moment(),
    "success": flag(),
    "latency_ms": whole(null=True),
    "failure": text("The class of the failure.", null=True),
    "error": text(null=True),
    "status": whole("What the test address answered.", null=True),
    "exit_address": text(null=True),
    "target": text(null=True),
    "why": text("scheduled, on_demand, assigned or retry.", null=True),
}
TEST = shape("ProxyTest", "A test.", _TEST)
TESTED = shape(
    "ProxyTested",
    "What a test has found, and what the proxy's status is after it.",
    {**_TEST, "proxy_status": text(null=True)},
)
TESTING = shape(
    "ProxiesTesting",
    "The proxies that workers were asked to test.",
    {"asked": rows("Their numbers.")},
)
HISTORY = shape(
    "ProxyHistory",
    "The tests of a period, newest first, and their figures in equal spans.",
    {
        "results": many(TEST),
        "next": text("Where earlier tests begin; null when there are none.", null=True),
        "buckets": many(
            shape(
                "ProxySpan",
                "The tests of one span.",
                {
                    "at": moment(),
                    "tests": whole(),
                    "failures": whole(),
                    "p50_ms": real(null=True),
                    "p95_ms": real(null=True),
                },
            )
        ),
        "failures": anything("How many failures there were of each class."),
        "window": one(WINDOW),
    },
)
