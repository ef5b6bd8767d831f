"""Runs the simulated exchange until it is told to stop."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from btc_watcher.lib.commands.base import PlainCommand
from btc_watcher.lib.commands.helping import SERVER, Example
from btc_watcher.lib.errors import BtcWatcherError
from freqtrade_mgmt.simulator import DEFAULT_PAIRS, SimulatedExchange

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(PlainCommand):
    """``manage.py run_simulator``; SIGTERM and Ctrl-C end it cleanly."""

    help = gettext_lazy(
        "Run the simulated exchange on 127.0.0.1: invented prices for the demonstration,"
        " spoken in Binance's words. Nobody can trade there."
    )
    examples = (
        Example(
            gettext_lazy("Two pairs on a free port"),
            "run_simulator --port 0 --pairs BTC/USDT,ETH/USDT",
        ),
        Example(gettext_lazy("Another history of prices"), "run_simulator --seed 7"),
    )
    is_lasting = True
    endings = SERVER
    # It needs nothing of the rest of the system, whatever state that is in.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Add --port, --seed and --pairs."""
        parser.add_argument(
            "--port",
            type=int,
            default=urlsplit(settings.SIMULATOR_URL).port or 0,
            help=_("port to listen on; 0 takes a free one (default: %(default)s)"),
        )
        parser.add_argument(
            "--seed",
            type=int,
            default=1,
            help=_(
                "which history of prices; the same for the same number (default: 1)"
            ),
        )
        parser.add_argument(
            "--pairs",
            default=",".join(DEFAULT_PAIRS),
            help=_("pairs, separated by commas (default: %(default)s)"),
        )

    def handle(self, *, port: int, seed: int, pairs: str, **options: Any) -> None:
        """Serve until a signal comes."""
        names = [name.strip() for name in pairs.split(",") if name.strip()]
        ended = threading.Event()
        before = {
            number: signal.signal(number, lambda *_: ended.set())
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            with SimulatedExchange(names, seed=seed, port=port) as exchange:
                self._line(_listening(exchange.url, len(names), seed))
                ended.wait()
        except BtcWatcherError as error:
            raise CommandError(error.message) from error
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        self._line(_("The simulated exchange has stopped."))

    def _line(self, text: str) -> None:
        self.tell(text)
        self.stdout.flush()


def _listening(url: str, pairs: int, seed: int) -> str:
    words = ngettext(
        "The simulated exchange listens at %(url)s (%(pairs)d pair, seed %(seed)d).",
        "The simulated exchange listens at %(url)s (%(pairs)d pairs, seed %(seed)d).",
        pairs,
    )
    return words % {"url": url, "pairs": pairs, "seed": seed}
