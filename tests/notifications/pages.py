"""What tests of the pages share."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from signals_app.examples import SignalExamples
from signals_app.services import signals_record
from tests.signals_app.factories import candidate

if TYPE_CHECKING:
    from uuid import UUID

    from django.test import Client


def shown(browser: Client, address: str, status: int = 200) -> str:
    """Return the page at ``address``."""
    response = browser.get(address)
    assert response.status_code == status, response.content[:2000]
    return response.content.decode()


def plain(html: str) -> str:
    """Return the text of a page, its tags removed."""
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html)))


def queries(browser: Client, address: str) -> int:
    """Return how many queries a page makes; a first visit warms what is cached."""
    shown(browser, address)
    with CaptureQueriesContext(connection) as made:
        shown(browser, address)
    return len(made)


def signal(**changes: Any) -> UUID:
    """Record a signal on a candle that has just closed; return its id."""
    closed = timezone.now().replace(second=0, microsecond=0)
    intake = signals_record([candidate(timestamp=closed, **changes)])
    identifier, why = intake.answers[0]
    assert identifier is not None, why
    assert SignalExamples().one(identifier) is not None
    return identifier
