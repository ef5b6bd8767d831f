"""Tests proxies from a shell and prints what was found."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from django.core.management.base import CommandError
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from rich.cells import cell_len, set_cell_size

from btc_watcher.lib.commands.base import PlainCommand
from btc_watcher.lib.commands.helping import Example
from proxies.dispatch import proxy_test_follow
from proxies.models import Proxy
from proxies.selectors import proxies_enabled
from proxies.services import proxy_test_many

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.core.management.base import CommandParser

    from proxies.models import ProxyTest

COLUMNS: Final = (
    pgettext_lazy("table", "NAME"),
    pgettext_lazy("table", "TYPE"),
    pgettext_lazy("table", "ADDRESS"),
    pgettext_lazy("table", "RESULT"),
    pgettext_lazy("table", "LATENCY"),
    pgettext_lazy("table", "STATUS"),
    pgettext_lazy("table", "DETAIL"),
)
RESULT: Final = 3
GOOD: Final = pgettext_lazy("proxy test", "ok")
FAILED: Final = pgettext_lazy("proxy test", "FAILED")


class Command(PlainCommand):
    """``manage.py test_proxies [NAME] [--json]``; exits with 1 when one failed."""

    help = gettext_lazy(
        "Test every proxy that is switched on, or the one named by its name or number"
        " even if it is switched off. Each test is recorded."
    )
    examples = (
        Example(gettext_lazy("All that are switched on"), "test_proxies"),
        Example(gettext_lazy("One, by its name"), "test_proxies Tokyo"),
        Example(gettext_lazy("For a program"), "test_proxies --json"),
    )
    endings = {
        0: gettext_lazy("all that were tested work; also when there was none"),
        1: gettext_lazy("one failed, or no proxy has this name"),
    }

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the name and --json."""
        parser.add_argument(
            "name", nargs="?", metavar="NAME", help=_("name or number of one proxy")
        )
        parser.add_argument(
            "--json", action="store_true", help=_("print a JSON array of results")
        )

    def handle(self, *, name: str | None, **options: Any) -> None:
        """Test and print; raises CommandError when a proxy failed or is unknown."""
        proxies = [_found(name)] if name else proxies_enabled()
        line = None if options["json"] else self._table(proxies)
        found: list[tuple[Proxy, ProxyTest]] = []
        with self.bar(_("Proxies"), options, total=len(proxies)) as bar:

            def told(proxy: Proxy, test: ProxyTest) -> None:
                found.append((proxy, test))
                if line:
                    with bar.aside():
                        line(_cells(proxy, test))
                bar(len(found))

            proxy_test_many(proxies, "on_demand", told=told)
        for proxy, _test in found:
            proxy_test_follow(proxy.pk)
        failed = sum(not test.success for _proxy, test in found)
        if options["json"]:
            self.tell_json([_object(*each) for each in found])
        else:
            self.tell(_summary(len(found), failed))
        if failed:
            words = _("%(failed)d of %(count)d proxies failed.")
            raise CommandError(words % {"failed": failed, "count": len(found)})

    def _table(self, proxies: Sequence[Proxy]) -> Callable[[Sequence[str]], None]:
        """Print the head of the table; return what prints one line of it."""
        rows = [(row.name, row.type, _address(row)) for row in proxies]
        head = tuple(map(str, COLUMNS))
        widths = [*_widths([head[:RESULT], *rows]), 6, 9, 9]
        if proxies:
            self._line(widths, head)
        return partial(self._line, widths)

    def _line(self, widths: Sequence[int], cells: Sequence[str]) -> None:
        padded = [
            set_cell_size(text, width)
            for text, width in zip(cells, widths, strict=False)
        ]
        styles = {str(GOOD): self.style.SUCCESS, str(FAILED): self.style.ERROR}
        if style := styles.get(cells[RESULT]):
            padded[RESULT] = style(padded[RESULT])
        self.tell("  ".join([*padded, *cells[len(widths) :]]).rstrip())
        # One after another as they end, also into a pipe.
        self.stdout.flush()


def _summary(tested: int, failed: int) -> str:
    if not tested:
        return _("No proxy is switched on.")
    words = _("%(tested)d tested, %(good)d ok, %(failed)d failed.")
    return words % {"tested": tested, "good": tested - failed, "failed": failed}


def _cells(proxy: Proxy, test: ProxyTest) -> tuple[str, ...]:
    details = test.test_details
    latency = "-" if test.latency_ms is None else f"{test.latency_ms} ms"
    detail = test.error_message or details["exit_address"]
    if details["failure"]:
        detail = f"{details['failure']}: {detail}"
    elif detail:
        detail = _("exit address %(address)s") % {"address": detail}
    return (
        proxy.name,
        proxy.type,
        _address(proxy),
        str(GOOD if test.success else FAILED),
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
    return [max(map(cell_len, column)) for column in zip(*rows, strict=True)]


def _found(text: str) -> Proxy:
    wanted = Q(name__iexact=text)
    if text.isdecimal() and len(text) < 10:
        wanted |= Q(pk=int(text))
    found = list(Proxy.objects.filter(wanted)[:2])
    if len(found) == 1:
        return found[0]
    known = ", ".join(map(repr, Proxy.objects.values_list("name", flat=True)[:20]))
    words = (
        _("More than one proxy is called %(name)r. Proxies: %(known)s.")
        if found
        else _("No proxy is called %(name)r. Proxies: %(known)s.")
    )
    raise CommandError(words % {"name": text, "known": known or _("none yet")})
