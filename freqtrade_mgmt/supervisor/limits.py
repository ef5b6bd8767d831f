"""What one bot may use, and what all of them may."""

from __future__ import annotations

import resource
import shutil
from functools import cache
from typing import TYPE_CHECKING, Final

import psutil

from freqtrade_mgmt.here import NotHereError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from freqtrade_mgmt.supervisor.unprivileged import Identity

MEGABYTE: Final = 1_000_000
# Measured: one bot holds 320 to 350 MB, hardly more with twenty pairs.
BOT_MB: Final = 350
# Where most strategies share processes: some need a bot all the same.
SHARED_MB: Final = 50
# Of the machine's memory; the rest is for the database, the pages and the kernel.
SHARE: Final = 0.8
NICENESS: Final = 5
# Reserved beyond what is used, some 1.7 GB before a strategy does anything. A wall so
# far behind what a bot may hold that the supervisor sees it first, and can say so.
ADDRESS_SPACE_MB: Final = 2_000
FILE_MB: Final = 500
FILES: Final = 1_024
# Counted over all bots of one user: each has some ten threads.
THREADS: Final = 8_192
# As prlimit calls them.
NAMES: Final = {
    resource.RLIMIT_AS: "as",
    resource.RLIMIT_CORE: "core",
    resource.RLIMIT_CPU: "cpu",
    resource.RLIMIT_FSIZE: "fsize",
    resource.RLIMIT_NOFILE: "nofile",
    resource.RLIMIT_NPROC: "nproc",
}


def limits_of(memory_mb: int, *, own_user: bool) -> Mapping[int, int]:
    """Return the kernel's limits of a bot that may hold ``memory_mb``.

    ``own_user``: the bots run as a user of their own; only then can threads be counted.
    """
    limits = {
        resource.RLIMIT_AS: (ADDRESS_SPACE_MB + 2 * memory_mb) * MEGABYTE,
        resource.RLIMIT_FSIZE: FILE_MB * MEGABYTE,
        resource.RLIMIT_NOFILE: FILES,
        resource.RLIMIT_CORE: 0,
    }
    return {**limits, resource.RLIMIT_NPROC: THREADS} if own_user else limits


def confined(
    command: Sequence[str], limits: Mapping[int, int], user: Identity | None
) -> list[str]:
    """Return ``command`` so that it runs with these limits, politely, as ``user``.

    Each step replaces the one before, so the process is the command itself. Set from
    outside, limits would need rights that root lacks in some containers.
    """
    wrapped = [_tool("nice"), f"--adjustment={NICENESS}", _tool("prlimit")]
    wrapped += [f"--{NAMES[key]}={value}:{value}" for key, value in limits.items()]
    wrapped += [_tool("setpriv"), "--no-new-privs"]
    if user is not None:
        wrapped += [f"--reuid={user.uid}", f"--regid={user.gid}"]
        wrapped += ["--clear-groups", "--inh-caps=-all"]
    return [*wrapped, *command]


@cache
def _tool(name: str) -> str:
    found = shutil.which(name, path="/usr/bin:/bin:/usr/local/bin")
    if found is None:
        raise NotHereError(
            f"The program {name} was not found; bots are started with it. Install the"
            " packages util-linux and coreutils."
        )
    return found


def budget_mb(configured: int) -> float:
    """Return what all bots together may hold, in MB; 0 asks for a share of the machine."""
    return configured or SHARE * psutil.virtual_memory().total / MEGABYTE


def refusal(
    name: str, held: Sequence[float], budget: float, needs: float = BOT_MB
) -> str:
    """Return why one more bot may not start, or nothing. Pure.

    ``held`` is what each bot, or process that some share, holds now, in MB; one that is
    starting counts in full. ``needs`` is what the new one adds.
    """
    used = sum(max(mb, BOT_MB) if mb < BOT_MB / 2 else mb for mb in held)
    if used + needs <= budget:
        return ""
    return (
        f"{name} was not started: a bot needs about {needs:.0f} MB, the {len(held)} bots that"
        f" run hold {used:.0f} MB, and all bots together may hold {budget:.0f} MB. Stop"
        " another strategy, or raise BTCW_BOTS_MEMORY_MB."
    )
