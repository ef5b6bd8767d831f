"""What is done again and again, and how often at first."""

from __future__ import annotations

from celery.schedules import schedule

CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "monitoring.schedules.scheduler:Scheduler"
# First values only: the scheduler copies them into the database, where an operator
# changes them within monitoring.schedules.bounds. An entry expires before its next run.
CELERY_BEAT_SCHEDULE = {
    "sweep notifications": {
        "task": "notifications.tasks.sweep",
        "schedule": schedule(10),
        "options": {"expires": 9},
    },
    "strategy health": {
        "task": "freqtrade_mgmt.tasks.strategy_health",
        "schedule": schedule(30),
        "options": {"expires": 25},
    },
    "proxy failover": {
        "task": "freqtrade_mgmt.tasks.proxy_failover",
        "schedule": schedule(30),
        "options": {"expires": 25},
    },
    "fill outcomes": {
        "task": "freqtrade_mgmt.tasks.fill_outcomes",
        "schedule": schedule(30),
        "options": {"expires": 25},
    },
    "refresh releases": {
        "task": "freqtrade_mgmt.tasks.refresh_releases",
        "schedule": schedule(3600),
        "options": {"expires": 3500},
    },
    "tell what was held": {
        "task": "notifications.tasks.flush",
        "schedule": schedule(10),
        "options": {"expires": 9},
    },
    "repeat alerts": {
        "task": "notifications.tasks.repeat_alerts",
        "schedule": schedule(60),
        "options": {"expires": 55},
    },
    "expire sessions": {
        "task": "accounts.tasks.expire_sessions",
        "schedule": schedule(3600),
        "options": {"expires": 3500},
    },
    "forget old audit entries": {
        "task": "accounts.tasks.forget_audit",
        "schedule": schedule(24 * 3600),
        "options": {"expires": 23 * 3600},
    },
    "warn of expiring drafts": {
        "task": "strategies.tasks.warn_drafts",
        "schedule": schedule(3600),
        "options": {"expires": 3500},
    },
    "expire drafts": {
        "task": "strategies.tasks.expire_drafts",
        "schedule": schedule(24 * 3600),
        "options": {"expires": 23 * 3600},
    },
    "test proxies": {
        "task": "proxies.tasks.check_all",
        "schedule": schedule(3600),
        "options": {"expires": 3500},
    },
    # It looks every minute; each proxy says after how many minutes it is tried again.
    "retry failing proxies": {
        "task": "proxies.tasks.retry_failing",
        "schedule": schedule(60),
        "options": {"expires": 55},
    },
    "tell new errors": {
        "task": "monitoring.tasks.tell_errors",
        "schedule": schedule(60),
        "options": {"expires": 55},
    },
    "sample the database": {
        "task": "monitoring.tasks.sample_database",
        "schedule": schedule(60),
        "options": {"expires": 55},
    },
    "watch the servers": {
        "task": "monitoring.tasks.watch_servers",
        "schedule": schedule(60),
        "options": {"expires": 55},
    },
    "collect metrics": {
        "task": "monitoring.tasks.collect_metrics",
        "schedule": schedule(30),
        "options": {"expires": 25},
    },
    "average metrics": {
        "task": "monitoring.tasks.average_metrics",
        "schedule": schedule(900),
        "options": {"expires": 850},
    },
    "ping outside": {
        "task": "monitoring.tasks.ping_outside",
        "schedule": schedule(60),
        "options": {"expires": 55},
    },
    "backup": {
        "task": "monitoring.tasks.backup",
        "schedule": schedule(24 * 3600),
        "options": {"expires": 23 * 3600},
    },
    # Also makes the backup that was missed while the machine was off.
    "watch backups": {
        "task": "monitoring.tasks.watch_backups",
        "schedule": schedule(3600),
        "options": {"expires": 3500},
    },
    "rotate partitions": {
        "task": "monitoring.tasks.rotate_partitions",
        "schedule": schedule(24 * 3600),
        "options": {"expires": 23 * 3600},
    },
}
