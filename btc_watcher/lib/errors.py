"""Errors that a person can act on."""

from __future__ import annotations


class BtcWatcherError(Exception):
    """Base of all errors of ours: the message is a full sentence for a person.

    It says what is wrong, names the value, and says what to do. It never holds
    a secret, because it may be logged, stored and shown.
    """

    @property
    def message(self) -> str:
        """The sentence."""
        return str(self)


class ConfigurationError(BtcWatcherError):
    """Something was configured in a way that cannot work; trying again is no use."""


class EncryptionError(BtcWatcherError):
    """A secret cannot be encrypted or decrypted with the keys at hand."""


class TransportError(BtcWatcherError):
    """A provider did not accept a message.

    ``permanent`` tells whether trying again can help, ``code`` is the provider's
    status and ``retry_after`` the seconds that it asked us to wait.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        code: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.code = code
        self.retry_after = retry_after
