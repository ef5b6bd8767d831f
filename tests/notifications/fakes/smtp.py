"""A mail server on loopback that can behave badly."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

from aiosmtpd.smtp import SMTP, AuthResult

if TYPE_CHECKING:
    import ssl

    from aiosmtpd.smtp import Envelope, Session


@dataclass
class SmtpFake:
    """A mail server with moods, to be set between ``start`` and ``stop``.

    ``refuse`` maps a recipient to its answer ("550 no"); ``greylist`` recipients
    get 451 once; ``data_answer`` replaces the answer to DATA; ``drop`` closes the
    connection instead of answering; ``hold`` waits until it is released; ``delay``
    is waited before each mail is accepted, in seconds; ``password`` is
    what a login needs.
    """

    refuse: dict[str, str] = field(default_factory=dict)
    greylist: set[str] = field(default_factory=set)
    data_answer: str = ""
    drop: bool = False
    hold: bool = False
    delay: float = 0.0
    password: str = ""
    tls: ssl.SSLContext | None = None
    starttls: bool = False
    received: list[EmailMessage] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    envelopes: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    port: int = 0

    def start(self) -> None:
        """Listen on a free port, in a thread of its own."""
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        assert started.wait(10)

    def stop(self) -> None:
        """Close every connection and end the thread."""
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    def subjects(self) -> list[str]:
        """Return the subjects of the mails in the order in which they came."""
        return [str(mail["Subject"]) for mail in self.received]

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve(started))
        finally:
            self._loop.close()

    async def _serve(self, started: threading.Event) -> None:
        self._ended = asyncio.Event()
        server = await self._loop.create_server(
            self._session, "127.0.0.1", 0, ssl=None if self.starttls else self.tls
        )
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await self._ended.wait()
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _session(self) -> SMTP:
        return SMTP(
            self,
            hostname="fake",
            loop=self._loop,
            tls_context=self.tls if self.starttls else None,
            auth_require_tls=False,
            authenticator=self._authenticate,
        )

    def _authenticate(
        self,
        _server: SMTP,
        _session: Session,
        _envelope: Envelope,
        _kind: str,
        data: Any,
    ) -> AuthResult:
        self.logins.append(data.login.decode())
        right = data.password.decode() == self.password
        return AuthResult(success=right, handled=False)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        """Refuse, ask to come back, or accept."""
        if answer := self.refuse.get(address):
            return answer
        if address in self.greylist:
            self.greylist.discard(address)
            return "451 4.7.1 greylisted, try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Take the mail in the mood of the day."""
        if self.drop:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
            return "421 gone"
        if self.hold:
            await asyncio.sleep(3600)
        await asyncio.sleep(self.delay)
        if self.data_answer:
            return self.data_answer
        content = bytes(envelope.original_content or b"")
        self.received.append(
            message_from_bytes(content, EmailMessage, policy=policy.default)
        )
        self.envelopes.append((str(envelope.mail_from), tuple(envelope.rcpt_tos)))
        return f"250 2.0.0 Ok: queued as {len(self.received)}"
