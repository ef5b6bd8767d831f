"""Django's SMTP backend, extended to keep the server's answers and one deadline."""

from __future__ import annotations

import contextlib
import functools
import smtplib
from typing import TYPE_CHECKING, Any

from django.core.mail.backends.smtp import EmailBackend

from btc_watcher.lib.sockets import Exchange, ProxyAddress, proxied_socket

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from django.core.mail import EmailMessage

Answer = tuple[int, bytes]


class _Routed(smtplib.SMTP):
    """Connects through the channel's proxy, by a socket that can be cut off."""

    exchange: Exchange
    proxy: ProxyAddress | None = None

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        if self.proxy:
            return proxied_socket(
                (host, port), self.proxy, timeout=timeout, exchange=self.exchange
            )
        sock: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        self.exchange.watch(sock)
        return sock


class _Keeping:
    """Mixed into smtplib's classes: keeps what the server said."""

    def __init__(
        self,
        *args: Any,
        exchange: Exchange,
        proxy: ProxyAddress | None,
        kept: list[_Keeping],
        **kwargs: Any,
    ) -> None:
        # Before the base class, which connects and waits for the greeting.
        self.answer: Answer = (0, b"")
        self.refused: dict[str, Answer] = {}
        # While it is true, nobody knows whether the server has the mail.
        self.sending = False
        self.exchange = exchange
        self.proxy = proxy
        kept.append(self)
        super().__init__(*args, **kwargs)

    def data(self, msg: Any) -> Answer:
        self.sending = True
        self.answer = super().data(msg)  # type: ignore[misc]  # smtplib's, beside us
        self.sending = False
        return self.answer

    def sendmail(self, *args: Any, **kwargs: Any) -> dict[str, Answer]:
        self.refused = super().sendmail(*args, **kwargs)  # type: ignore[misc]
        return self.refused


class KeepingSMTP(_Keeping, _Routed):
    """SMTP, in clear or with STARTTLS."""


class KeepingSMTPS(_Keeping, smtplib.SMTP_SSL, _Routed):
    """SMTP inside TLS from the first byte."""


class Backend(EmailBackend):
    """Sends one mail, and ends after ``deadline`` seconds whatever the server does.

    smtplib's own time-out is for one read: a server that says a little now and
    then would hold a delivery for hours.
    """

    def __init__(
        self, *, deadline: float, proxy: ProxyAddress | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.deadline = deadline
        self.exchange = Exchange()
        self._proxy = proxy
        self._kept: list[_Keeping] = []

    @property
    def overdue(self) -> bool:
        """Tell whether the deadline has ended the delivery."""
        return self.exchange.overdue

    @property
    def unknown(self) -> bool:
        """Tell whether the mail was out when the connection ended."""
        return any(kept.sending for kept in self._kept)

    @property
    def connection_class(self) -> Callable[..., smtplib.SMTP]:  # type: ignore[override]  # Django only calls it
        kind = KeepingSMTPS if self.use_ssl else KeepingSMTP
        return functools.partial(
            kind, exchange=self.exchange, proxy=self._proxy, kept=self._kept
        )

    def deliver(self, mail: EmailMessage) -> tuple[Answer, dict[str, Answer]]:
        """Return the answer to DATA and the recipients that were refused.

        Raises SMTPException and OSError as smtplib does.
        """
        with self.exchange.bounded(self.deadline):
            try:
                self.open()
                self.send_messages([mail])
                kept = self._kept[-1]
                return kept.answer, kept.refused
            finally:
                # The answer to DATA decides; a quarrel while leaving changes nothing.
                with contextlib.suppress(smtplib.SMTPException, OSError):
                    self.close()
