"""What every transport is: checks a configuration, sends, and never tells a secret."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from django.utils.translation import gettext_lazy as _

from btc_watcher.lib.errors import ConfigurationError, EncryptionError, TransportError
from btc_watcher.lib.redis_keys import PRIORITIES
from notifications.transports.reading import bounded_number, required_text
from notifications.transports.routes import Way, way_of
from notifications.transports.secrets import masked, secret_identity, secrets_read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from django.utils.functional import _StrPromise

    from btc_watcher.lib.sockets import ProxyAddress
    from notifications.models import NotificationChannel

    Words = str | _StrPromise

__all__ = [
    "PICTURE",
    "Field",
    "Outgoing",
    "Receipt",
    "Transport",
    "bounded_number",
    "masked",
    "required_text",
    "secret_identity",
    "secrets_read",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A notification on its way: the row of the history as transports see it.

    ``left`` are the recipients to try again when a provider took the message for
    only some of them; empty means everybody whom the channel names. ``context`` is
    the message's own (see notifications.messages), ``language`` a language code, or
    empty for the installation's. ``picture`` is a PNG, for transports with
    ``pictures``.
    """

    id: int
    title: str
    body: str
    priority: str
    message_type: str
    queued_at: datetime
    left: tuple[str, ...] = ()
    context: Mapping[str, Any] = field(default_factory=dict)
    language: str = ""
    picture: bytes | None = field(default=None, repr=False)

    @property
    def head(self) -> str:
        """The title with the priority before it."""
        return f"[{self.priority}] {self.title}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The provider took the message: its code, our words and its message id.

    ``body`` is its answer word for word. ``refused`` are recipients it did not take,
    with the reason; ``left`` those among them for whom it wants to be asked again.
    ``config_update`` are keys of the channel's configuration that the provider has
    changed: store them, or the next message goes the long way round.
    """

    code: int | None
    detail: str
    message_id: str = ""
    body: str = ""
    refused: Mapping[str, str] | None = None
    left: tuple[str, ...] = ()
    config_update: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One key of a transport's configuration, for forms and the API.

    ``kind`` says what JSON holds there: text, number, boolean, list (of texts) or
    object. ``only`` limits it to some choices of another key: ("mode", ("app",)).
    ``address`` is a text that requests are sent to; it and what is ``destination`` say
    where the secrets go, which are asked for again when it is another.
    """

    name: str
    label: Words
    help: Words = ""
    kind: Literal["text", "number", "boolean", "list", "object"] = "text"
    secret: bool = False
    address: bool = False
    destination: bool = False
    required: bool = False
    default: object = None
    choices: tuple[tuple[str, Words], ...] = ()
    only: tuple[str, tuple[str, ...]] | None = None


PICTURE: Final = Field(
    name="picture",
    label=_("Chart picture"),
    help=_("Signals come with a picture of their candles."),
    kind="boolean",
    default=False,
)


class Transport(ABC):
    """Talks to one kind of provider.

    ``default_limits`` (messages by second, minute, hour, day) stay below what the
    vendor documents, because most of them punish or drop in silence. With
    ``idempotent`` a message whose outcome is unknown can be sent again without
    arriving twice; ask ``is_idempotent``, which knows the configuration. With
    ``pictures`` it shows one beside the text.
    """

    type: ClassVar[str]
    fields: ClassVar[tuple[Field, ...]] = ()
    secret_fields: ClassVar[tuple[str, ...]] = ()
    default_limits: ClassVar[Mapping[str, int]] = {}
    default_priorities: ClassVar[tuple[str, ...]] = PRIORITIES
    idempotent: ClassVar[bool] = False
    pictures: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        """Know the secrets by the fields."""
        super().__init_subclass__()
        cls.secret_fields = tuple(each.name for each in cls.fields if each.secret)

    @abstractmethod
    def check(self, config: Mapping[str, Any]) -> None:
        """Raise ConfigurationError that names the wrong or missing key.

        Secrets are looked at for presence only: they may be encrypted.
        """

    @abstractmethod
    def deliver(
        self,
        config: Mapping[str, Any],
        secrets: Mapping[str, str],
        message: Outgoing,
        proxy: ProxyAddress | None = None,
    ) -> Receipt:
        """Send ``message`` within ``policy.SEND_SECONDS``, or raise TransportError.

        ``proxy`` is the channel's; without one the connection is direct.
        """

    def destination(self, config: Mapping[str, Any]) -> dict[str, str]:
        """Return where secrets are sent, by key; what is not said is its default."""
        return {
            each.name: str(config.get(each.name) or each.default or "").strip("/ ")
            for each in self.fields
            if each.address or each.destination
        }

    def is_idempotent(self, config: Mapping[str, Any]) -> bool:
        """Tell whether a message can be repeated to this channel without doubling."""
        del config
        return self.idempotent

    def way(self, channel: NotificationChannel) -> Way:
        """Return the way that ``channel`` takes now, or raise TransportError as send."""
        with _unusable(channel):
            return way_of(channel.config)

    def send(
        self, channel: NotificationChannel, message: Outgoing, way: Way | None = None
    ) -> Receipt:
        """Send through ``channel``; TransportError says what is wrong, without secrets.

        A configuration that cannot work is a permanent error. ``way`` is the one to
        take, if it was asked for before.
        """
        with _unusable(channel):
            self.check(channel.config)
            secrets = secrets_read(channel, self.secret_fields)
            proxy = (way or way_of(channel.config)).address
        hidden = secrets | ({"proxy": proxy.password} if proxy else {})
        try:
            receipt = self.deliver(channel.config, secrets, message, proxy)
        # "from None": a provider's own error may repeat what we sent.
        except TransportError as error:
            facts = error.facts
            facts["body"] = masked(error.body, hidden)
            raise TransportError(masked(error.message, hidden), **facts) from None
        refused = {
            who: masked(why, hidden) for who, why in (receipt.refused or {}).items()
        }
        return replace(
            receipt,
            detail=masked(receipt.detail, hidden),
            message_id=masked(receipt.message_id, hidden),
            body=masked(receipt.body, hidden),
            refused=refused,
        )


@contextmanager
def _unusable(channel: NotificationChannel) -> Iterator[None]:
    try:
        yield
    except (ConfigurationError, EncryptionError) as error:
        raise TransportError(
            f"Channel {channel.name!r} cannot send. {error.message}",
            permanent=True,
            # A key that is missing would switch off every channel there is.
            disables=isinstance(error, ConfigurationError),
        ) from None
