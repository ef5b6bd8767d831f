"""Tests proxies from a shell and prints what was found."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q

from proxies.dispatch import proxy_test_follow
from proxies.models import Proxy
from proxies.selectors import proxies_enabled
from proxies.services import proxy_test_many

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.core.management.base import CommandParser

    from proxies.models import ProxyTest

COLUMNS: Final = ("NAME", "TYPE", "ADDRESS", "RESULT", "LATENCY", "STATUS", "DETAIL")
RESULT: Final = COLUMNS.index("RESULT")


class Command(BaseCommand):
    """``manage.py test_proxies [NAME] [--json]``; exits with 1 when one failed."""

    help = (
        "Test every proxy that is switched on, or the one named by its name or number"
        " even if it is switched off. Each test is recorded. Ends with an error when"
        " one failed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the name and --json."""
        parser.add_argument("name", nargs="?", help="name or number of one proxy")
        parser.add_argument(
            "--json", action="store_true", help="print an array of results"
        )

    def handle(self, *, name: str | None, **options: Any) -> None:
        """Test and print; raises CommandError when a proxy failed or is unknown."""
        proxies = [_found(name)] if name else proxies_enabled()
        as_json: bool = options["json"]
        rows: list[tuple[str, ...]] = [
            (row.name, row.type, _address(row)) for row in proxies
        ]
        widths = [*_widths([COLUMNS[:3], *rows]), 6, 9, 9]
        if proxies and not as_json:
            self._line(COLUMNS, widths)

        def told(proxy: Proxy, test: ProxyTest) -> None:
            if not as_json:
                self._line(_cells(proxy, test), widths)

        found = proxy_test_many(proxies, "on_demand", told=told)
        for proxy, _test in found:
            proxy_test_follow(proxy.pk)
        failed = sum(not test.success for _proxy, test in found)
        if as_json:
            self.stdout.write(json.dumps([_object(*each) for each in found], indent=2))
        else:
            self.stdout.write(_summary(len(found), failed))
        if failed:
            raise CommandError(f"{failed} of {len(found)} proxies failed.")

    def _line(self, cells: Sequence[str], widths: Sequence[int]) -> None:
        padded = [text.ljust(width) for text, width in zip(cells, widths, strict=False)]
        styles = {"ok": self.style.SUCCESS, "FAILED": self.style.ERROR}
        if style := styles.get(cells[RESULT]):
            padded[RESULT] = style(padded[RESULT])
        self.stdout.write("  ".join([*padded, *cells[len(widths) :]]).rstrip())
        # One after another as they end, also into a pipe.
        self.stdout.flush()


def _summary(tested: int, failed: int) -> str:
    if not tested:
        return "No proxy is switched on."
    return f"{tested} tested, {tested - failed} ok, {failed} failed."


def _cells(proxy: Proxy, test: ProxyTest) -> tuple[str, ...]:
    details = test.test_details
    latency = "-" if test.latency_ms is None else f"{test.latency_ms} ms"
    detail = test.error_message or details["exit_address"]
    if details["failure"]:
        detail = f"{details['failure']}: {detail}"
    elif detail:
        detail = f"exit address {detail}"
    return (
        proxy.name,
        proxy.type,
        _address(proxy),
        "ok" if test.success else "FAILED",
        latency.rjust(9),
        test.proxy.status if test.proxy else "",
        detail,
    )


def _object(proxy: Proxy, test: ProxyTest) -> dict[str, Any]:
    return {
        "id": proxy.pk,
        "name": proxy.name,
        "type": proxy.type,
        "host": proxy.host,
        "port": proxy.port,
        "enabled": proxy.enabled,
        "status": test.proxy.status if test.proxy else None,
        "success": test.success,
        "latency_ms": test.latency_ms,
        "error": test.error_message,
        "test_time": test.test_time.isoformat(),
        **{
            key: test.test_details[key] for key in ("failure", "exit_address", "target")
        },
        "answer": test.test_details["status"],
    }


def _address(proxy: Proxy) -> str:
    host = f"[{proxy.host}]" if ":" in proxy.host else proxy.host
    return f"{host}:{proxy.port}"


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _found(text: str) -> Proxy:
    wanted = Q(name__iexact=text)
    if text.isdecimal() and len(text) < 10:
        wanted |= Q(pk=int(text))
    found = list(Proxy.objects.filter(wanted)[:2])
    if len(found) == 1:
        return found[0]
    known = ", ".join(map(repr, Proxy.objects.values_list("name", flat=True)[:20]))
    many = "More than one proxy is" if found else "No proxy is"
    raise CommandError(f"{many} called {text!r}. Proxies: {known or 'none yet'}.")
