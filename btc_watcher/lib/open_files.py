"""How many files a process may have open; each open page of a browser is one."""

from __future__ import annotations

import resource
from typing import Final

# Far more than pages that one process could serve.
ENOUGH: Final = 65_536


def open_files_allow() -> int:
    """Raise this process's own limit as far as the system lets it; return the limit.

    Most systems begin with 1,024, though a process may ask for more.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= ENOUGH:
        return soft
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted
