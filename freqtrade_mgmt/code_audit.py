"""A record of which code came from whom, and who may bring any."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from strategies.drafts import is_edit
from strategies.models import Strategy
from strategies.services.storing import audit

if TYPE_CHECKING:
    from accounts.models import User

UPLOAD_CODE: Final = "strategies.upload_code"
# What the history of the admin says of code that came by typing; see code_recorded.
TYPED_IN: Final = "typed in the editor"


def code_recorded(draft: Strategy, user: User, origin: str) -> None:
    """Note in the history who brought which code, and from where.

    Somebody who types saves every few seconds: one entry stands for the whole stretch,
    and its hash and time move on until anybody does something else.
    """
    code = str(draft.config.get("code", ""))
    parent = draft.parent_strategy if is_edit(draft) else None
    subject = parent or draft
    digest = hashlib.sha256(code.encode()).hexdigest()
    head = f"Code of draft {draft.pk}, {origin}: "
    message = f"{head}class {draft.config.get('class_name')}, sha256 {digest}"
    kind = ContentType.objects.get_for_model(Strategy)
    entries = LogEntry.objects.filter(content_type=kind, object_id=str(subject.pk))
    last = entries.order_by("-pk").first()
    if (
        last is not None
        and origin == TYPED_IN
        and last.user_id == user.pk
        and last.change_message.startswith(head)
    ):
        last.change_message, last.action_time = message, timezone.now()
        last.save(update_fields=["change_message", "action_time"])
        return
    audit(subject, user.pk, message)
