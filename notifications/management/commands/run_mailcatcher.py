"""Runs the demonstration's mail server until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import TYPE_CHECKING, Any

from aiosmtpd.smtp import SMTP
from django.conf import settings
from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from btc_watcher.lib.commands.base import PlainCommand
from btc_watcher.lib.commands.helping import SERVER, Example
from notifications.mailcatcher import Catcher, folder

if TYPE_CHECKING:
    from django.core.management.base import CommandParser

HOST = "127.0.0.1"


class Command(PlainCommand):
    """``manage.py run_mailcatcher [--port N]``; SIGTERM and Ctrl-C end it cleanly."""

    help = gettext_lazy(
        "Take every mail on 127.0.0.1 and keep it for the demonstration's inbox."
    )
    examples = (
        Example(gettext_lazy("On a port of yours"), "run_mailcatcher --port 2525"),
    )
    is_lasting = True
    endings = SERVER

    def add_arguments(self, parser: CommandParser) -> None:
        """Add --port."""
        parser.add_argument(
            "--port",
            type=int,
            default=settings.DEMO_SMTP_PORT,
            help=_("port to listen on; 0 takes a free one (default: %(default)s)"),
        )

    def handle(self, *, port: int, **options: Any) -> None:
        """Serve until a signal comes."""
        try:
            asyncio.run(self.serve(port))
        except OSError as error:
            raise CommandError(
                _(
                    "The mail catcher cannot listen on %(host)s:%(port)s: %(reason)s."
                    " Choose another port with --port or BTCW_DEMO_SMTP_PORT."
                )
                % {"host": HOST, "port": port, "reason": error.strerror}
            ) from error

    async def serve(self, port: int) -> None:
        """Listen, say so on a line of its own, and wait for the end."""
        # Otherwise every line of every dialogue is told.
        logging.getLogger("mail.log").setLevel(logging.WARNING)
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ended.set)
        catcher = Catcher(folder())
        server = await loop.create_server(
            lambda: SMTP(catcher, hostname="mailcatcher", enable_SMTPUTF8=True),
            host=HOST,
            port=port,
        )
        async with server:
            bound = server.sockets[0].getsockname()[1]
            words = _("The mail catcher listens on %(host)s:%(port)s.")
            self.tell(words % {"host": HOST, "port": bound})
            self.stdout.flush()
            await ended.wait()
        self.tell(_("The mail catcher has stopped."))
