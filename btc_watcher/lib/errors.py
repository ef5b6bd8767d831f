"""Errors that a person can act on."""

from __future__ import annotations

from typing import TypedDict, Unpack

from django.core.exceptions import PermissionDenied


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


class RefusedError(PermissionDenied):
    """Somebody may not do this; the message is a full sentence for them.

    Of any other PermissionDenied the words are not shown: they are not ours.
    """


class EncryptionError(BtcWatcherError):
    """A secret cannot be encrypted or decrypted with the keys at hand."""


class TransportFacts(TypedDict, total=False):
    """What is known of a message that was not accepted, beside the sentence.

    ``permanent``: trying again is no use. ``disables``: nothing can go this way before
    somebody mends it, so the channel is to be switched off. ``unknown``: the request
    was on its way when the connection ended or time was up, so it may have been
    accepted. ``code`` is the provider's own code or the HTTP status, ``retry_after``
    the seconds that it asked us to wait, ``body`` its answer word for word. ``cause``
    is a word of btc_watcher.lib.causes where there was no answer.
    """

    permanent: bool
    disables: bool
    unknown: bool
    code: int | None
    retry_after: float | None
    body: str
    cause: str


class TransportError(BtcWatcherError):
    """A provider did not accept a message; the attributes are TransportFacts."""

    def __init__(self, message: str, **facts: Unpack[TransportFacts]) -> None:
        super().__init__(message)
        self.permanent = facts.get("permanent", False)
        self.disables = facts.get("disables", False)
        self.unknown = facts.get("unknown", False)
        self.code = facts.get("code")
        self.retry_after = facts.get("retry_after")
        self.body = facts.get("body", "")
        self.cause = facts.get("cause", "")

    @property
    def facts(self) -> TransportFacts:
        """Everything but the sentence, to raise the same with other words."""
        return {
            "permanent": self.permanent,
            "disables": self.disables,
            "unknown": self.unknown,
            "code": self.code,
            "retry_after": self.retry_after,
            "body": self.body,
            "cause": self.cause,
        }
