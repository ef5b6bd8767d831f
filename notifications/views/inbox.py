"""The demonstration's inbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.http import Http404
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.permissions import reads
from notifications import mailcatcher

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_GET
@reads
def inbox(request: HttpRequest) -> HttpResponse:
    """Show the mails that the demonstration's mail server caught."""
    if not settings.DEMO:
        raise Http404("The inbox belongs to the demonstration.")
    mails = mailcatcher.mails_newest(mailcatcher.folder())
    return render(
        request,
        "notifications/inbox.html",
        {"mails": mails, "chosen": _chosen(mails, request.GET.get("mail", ""))},
    )


def _chosen(
    mails: list[mailcatcher.CaughtMail], name: str
) -> mailcatcher.CaughtMail | None:
    for mail in mails:
        if mail.name == name:
            return mail
    return mails[0] if mails and not name else None
