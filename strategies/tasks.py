"""Work of the app that happens by itself."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from strategies.services import drafts_expire, drafts_warn


@shared_task
def expire_drafts() -> int:
    """Remove drafts that have expired; return how many."""
    return drafts_expire(timezone.now())


@shared_task
def warn_drafts() -> int:
    """Tell of drafts that expire within a day; return how many."""
    return drafts_warn(timezone.now())
