"""What the lines of uv and pip mean. Pure."""

from __future__ import annotations

import re
from typing import Final

# In the order in which they come; a line of an earlier stage takes none back.
ORDER: Final = ("look_up", "environment", "download", "build", "compile")
_STAGES: Final = (
    (re.compile(r"^Resolved \d+ packages?"), "download"),
    (re.compile(r"^(Collecting|\s*Downloading) "), "download"),
    (re.compile(r"^Prepared \d+ packages?"), "build"),
    (re.compile(r"^Installing collected packages"), "build"),
    (re.compile(r"^Installed \d+ packages?"), "compile"),
)
# A mirror without upload dates gets this from uv for each package, with every cut-off.
_NOISE: Final = re.compile(r"^warning: .+ is missing an upload date, but user provided")
# The first that is found says what is wrong; the words of uv, pip and their libraries.
_FAILURES: Final = (
    (
        r"No space left on device|os error 28\b|Errno 28\b|Disk quota exceeded"
        r"|os error 122\b|File too large|os error 27\b",
        "disk_full",
        "The disk is full. Free some space and install again.",
    ),
    (
        r"\b407\b|[Pp]roxy [Aa]uthentication|[Cc]redentials (?:not accepted|rejected)"
        r"|[Aa]uthentication failed|[Pp]assword.{0,20}(?:incorrect|wrong|rejected)",
        "proxy_password",
        "The proxy did not accept the user name or the password. Correct them and install"
        " again.",
    ),
    (
        r"[Ss][Oo][Cc][Kk][Ss] (?:proxy|error)|ProxyError|tunnel error"
        r"|Cannot connect to proxy",
        "proxy",
        "The package index was not reached through the proxy. Test the proxy, or choose"
        " another one.",
    ),
    (
        r"Failed to build|failed to build|subprocess-exited-with-error"
        r"|metadata-generation-failed|Build backend failed|Failed to download and build",
        "build",
        "A package could not be built. Another release may do; or install what the last"
        " lines ask for.",
    ),
    (
        r"error sending request|Connection refused|dns error|[Tt]imed? ?out|time-out"
        r"|NewConnectionError|Name or service not known|Failed to fetch"
        r"|unexpected JSON|JSONDecodeError|connection error|Could not fetch"
        r"|HTTP status server error|\b50[0234]\b",
        "unreachable",
        "The package index did not give what was asked for. Check the network and pip's"
        " index settings (pip config list), and install again.",
    ),
    (
        r"No solution found|No matching distribution|no versions? of",
        "no_version",
        "The package index has no packages that fit.",
    ),
)


def is_noise(line: str) -> bool:
    """Tell whether a line says nothing to anybody, and would only push others out."""
    return _NOISE.search(line) is not None


def stage_of(line: str) -> str | None:
    """Return the stage that begins with a line of output, None when none does."""
    return next((stage for words, stage in _STAGES if words.search(line)), None)


def failure_of(output: str) -> tuple[str, str]:
    """Return a code and a sentence for the last lines of a tool that failed."""
    for words, code, sentence in _FAILURES:
        if re.search(words, output):
            return code, sentence
    return "other", ""
