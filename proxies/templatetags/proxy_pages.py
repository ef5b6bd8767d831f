"""Times and amounts as the pages of proxies write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template
from django.utils.translation import gettext as _

from btc_watcher.lib.shown_times import moment_html

if TYPE_CHECKING:
    from datetime import datetime

    from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def moment(value: datetime | str | None) -> SafeString | str:
    """Return a time of today as time of day, another with its date, in the person's zone.

    Pointing at it shows all of it, with the zone.
    """
    return moment_html(value, this_year="m-d H:i")


@register.simple_tag
def lasting(since: datetime | None, now: datetime) -> str:
    """Return for how long something has been so, in its largest fitting unit."""
    if since is None:
        return ""
    seconds = max(0, int((now - since).total_seconds()))
    if seconds < 120:
        return _("%(count)d s") % {"count": seconds}
    if seconds < 7200:
        return _("%(count)d min") % {"count": seconds // 60}
    if seconds < 172_800:
        return _("%(count)d h") % {"count": seconds // 3600}
    return _("%(count)d d") % {"count": seconds // 86_400}
