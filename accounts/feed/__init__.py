"""What open WebSockets are told about logins: that one has just ended."""

from __future__ import annotations

from accounts.feed.endings import Endings, endings_of_this_loop

__all__ = ["Endings", "endings_of_this_loop"]
