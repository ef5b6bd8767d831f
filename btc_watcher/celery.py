"""The Celery application: its queues are the Redis lists of the specification."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "btc_watcher.settings")  # noqa: TID251 - before settings exist

app = Celery("btc_watcher")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
