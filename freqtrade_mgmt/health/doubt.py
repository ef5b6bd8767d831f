"""Proxies through which bots do not reach their exchange are tested without delay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freqtrade_mgmt.health.groups import behind
from proxies.dispatch import proxy_test_soon

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from freqtrade_mgmt.health.shapes import Facts, Subject


def proxies_doubt(subjects: Sequence[Subject], facts: Mapping[int, Facts]) -> set[int]:
    """Have the proxies of bots in trouble tested, and return their numbers.

    The regular test may be an hour away. Whether the proxy is to blame is for the test
    to say; those that are known to be out are tried again by themselves.
    """
    found = {
        int(subject.proxy)
        for subject in subjects
        if subject.proxy.isdecimal()
        and not subject.proxy_out
        and (known := facts.get(subject.strategy_id)) is not None
        and _in_trouble(subject, known)
    }
    for number in sorted(found):
        proxy_test_soon(number, "retry")
    return found


def _in_trouble(subject: Subject, facts: Facts) -> bool:
    seen = behind(subject, facts)
    return seen.ailing or seen.sign
