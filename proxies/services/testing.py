"""Proxies tested: asked without any transaction, recorded with the row locked."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from btc_watcher.lib.errors import ConfigurationError, EncryptionError
from btc_watcher.lib.outgoing import address_shown
from proxies.models import Proxy, ProxyTest
from proxies.probe import ProbeResult, probe
from proxies.selectors import proxy_address, rules_of
from proxies.services.verdicts import apply_test, follow_up_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from btc_watcher.lib.sockets import ProxyAddress
    from proxies.rules import HealthRules

logger = logging.getLogger(__name__)

Why = Literal["scheduled", "on_demand", "assigned", "retry"]
AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Question:
    """A test that is to be made: all that it takes, read from the database before."""

    proxy: Proxy
    address: ProxyAddress | None
    rules: HealthRules
    began: datetime
    problem: str = ""


def proxy_test(proxy_id: int, why: Why) -> ProxyTest:
    """Test one proxy, also one that is switched off, and record what was found.

    Takes its time-out at most. Raises ConfigurationError when the proxy is gone.
    """
    proxy = Proxy.objects.filter(pk=proxy_id).first()
    if proxy is None:
        raise _gone(proxy_id)
    question = _question(proxy)
    return _record(question, _answer(question), why)


def proxy_test_many(
    proxies: Iterable[Proxy],
    why: Why,
    *,
    told: Callable[[Proxy, ProxyTest], None] | None = None,
) -> list[tuple[Proxy, ProxyTest]]:
    """Test several at a time; return each with its test, in the order of the end.

    ``told`` is called for each as it ends. One that was removed meanwhile is left out.
    """
    found: list[tuple[Proxy, ProxyTest]] = []
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="proxy test") as pool:
        # Only the asking is done by threads: the database belongs to this one.
        asked = {
            pool.submit(_answer, question): question
            for question in map(_question, proxies)
        }
        for answer in as_completed(asked):
            question = asked[answer]
            try:
                test = _record(question, answer.result(), why)
            except ConfigurationError as error:
                logger.info("%s", error.message)
                continue
            found.append((question.proxy, test))
            if told:
                told(question.proxy, test)
    return found


def proxy_follow_up(proxy_id: int) -> float | None:
    """Return in how many seconds another test is wanted to be sure; None when it is.

    Nothing is wanted of a proxy that is switched off or gone.
    """
    proxy = Proxy.objects.filter(pk=proxy_id, enabled=True).first()
    return follow_up_seconds(proxy, timezone.now()) if proxy else None


def _question(proxy: Proxy) -> Question:
    began = timezone.now()
    rules = rules_of(proxy)
    try:
        return Question(proxy, proxy_address(proxy), rules, began)
    except EncryptionError as error:
        return Question(proxy, None, rules, began, error.message)


def _answer(question: Question) -> ProbeResult:
    """Ask; without the database, because it runs in threads."""
    url = question.proxy.test_url
    if question.address is None:
        return ProbeResult(
            success=False,
            target=address_shown(url),
            failure="authentication",
            message=question.problem,
        )
    return probe(question.address, url, question.rules)


def _record(question: Question, result: ProbeResult, why: Why) -> ProxyTest:
    details = {
        "failure": result.failure,
        "status": result.status,
        "exit_address": result.exit_address,
        "why": why,
        "target": result.target,
    }
    with transaction.atomic():
        # Of two tests that end together the second one sees the first one's row.
        proxy = Proxy.objects.select_for_update().filter(pk=question.proxy.pk).first()
        if proxy is None:
            raise _gone(question.proxy.pk)
        test = ProxyTest.objects.create(
            proxy=proxy,
            test_time=question.began,
            success=result.success,
            latency_ms=result.latency_ms,
            error_message=result.message or None,
            test_details=details,
        )
        apply_test(proxy, test, timezone.now())
    return test


def _gone(proxy_id: int) -> ConfigurationError:
    return ConfigurationError(
        _("Proxy number %(number)s does not exist any more.") % {"number": proxy_id}
    )
