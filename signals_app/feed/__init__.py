"""The live feed: what was committed, in order, for every open page.

The stream ``queue:signals`` carries the events; its ids are the cursors from
which a page resumes. ``signals:realtime`` holds the newest signals ready to
serve. Both may vanish at any moment: PostgreSQL is the truth, and a page whose
cursor is gone is told to reload.
"""

from __future__ import annotations

from signals_app.feed.hub import Hub, hub_of_this_loop
from signals_app.feed.publisher import cursor_now, publish, publish_reload

__all__ = ["Hub", "cursor_now", "hub_of_this_loop", "publish", "publish_reload"]
