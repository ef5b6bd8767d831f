"""Who goes through a proxy, in words that every app above can give. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ProxyUse:
    """A strategy or a channel that goes through a proxy, with the address of its page.

    ``via`` tells that it is there only for now, because the proxy that it names is not
    well; otherwise it names this one.
    """

    proxy_id: int
    kind: Literal["strategy", "channel"]
    id: int
    name: str
    url: str
    via: bool = False
