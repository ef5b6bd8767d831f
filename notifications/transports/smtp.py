"""Django's SMTP backend, extended to keep the server's answers and one deadline."""

from __future__ import annotations

import contextlib
import functools
import smtplib
import socket
import threading
from typing import TYPE_CHECKING, Any

from django.core.mail.backends.smtp import EmailBackend

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.core.mail import EmailMessage

Answer = tuple[int, bytes]


class _Keeping:
    """Mixed into smtplib's classes: keeps what the server said and can be cut off."""

    def __init__(self, *args: Any, watch: list[_Keeping], **kwargs: Any) -> None:
        # Before the base class, which connects and waits for the greeting.
        self.answer: Answer = (0, b"")
        self.refused: dict[str, Answer] = {}
        self.sock: socket.socket | None = None
        watch.append(self)
        super().__init__(*args, **kwargs)

    def data(self, msg: Any) -> Answer:
        self.answer = super().data(msg)  # type: ignore[misc]  # smtplib's, beside us
        return self.answer

    def sendmail(self, *args: Any, **kwargs: Any) -> dict[str, Answer]:
        self.refused = super().sendmail(*args, **kwargs)  # type: ignore[misc]
        return self.refused

    def cut(self) -> None:
        """End the connection under a read that blocks."""
        with contextlib.suppress(OSError):
            if self.sock is not None:
                self.sock.shutdown(socket.SHUT_RDWR)


class KeepingSMTP(_Keeping, smtplib.SMTP):
    """SMTP, in clear or with STARTTLS."""


class KeepingSMTPS(_Keeping, smtplib.SMTP_SSL):
    """SMTP inside TLS from the first byte."""


class Backend(EmailBackend):
    """Sends one mail, and ends after ``deadline`` seconds whatever the server does.

    smtplib's own time-out is for one read: a server that says a little now and
    then would hold a delivery for hours.
    """

    def __init__(self, *, deadline: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.deadline = deadline
        self.overdue = False
        self._watch: list[_Keeping] = []

    @property
    def connection_class(self) -> Callable[..., smtplib.SMTP]:  # type: ignore[override]  # Django only calls it
        kind = KeepingSMTPS if self.use_ssl else KeepingSMTP
        return functools.partial(kind, watch=self._watch)

    def deliver(self, mail: EmailMessage) -> tuple[Answer, dict[str, Answer]]:
        """Return the answer to DATA and the recipients that were refused.

        Raises SMTPException and OSError as smtplib does.
        """
        timer = threading.Timer(self.deadline, self._give_up)
        timer.daemon = True
        timer.start()
        try:
            self.open()
            self.send_messages([mail])
            kept = self._watch[-1]
            return kept.answer, kept.refused
        finally:
            timer.cancel()
            # The answer to DATA decides; a quarrel while leaving changes nothing.
            with contextlib.suppress(smtplib.SMTPException, OSError):
                self.close()

    def _give_up(self) -> None:
        self.overdue = True
        for kept in self._watch:
            kept.cut()
