"""Work of the app that happens by itself."""

from __future__ import annotations

from celery import shared_task

from accounts.audit.services import audit_forget
from accounts.services import sessions_expire


@shared_task
def expire_sessions() -> None:
    """Remove sessions and tokens that have expired."""
    sessions_expire()


@shared_task
def forget_audit() -> None:
    """Remove what the audit keeps no longer."""
    audit_forget()
