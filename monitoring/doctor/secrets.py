"""Secrets: nobody else can read them, and we still can."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.models import SecondFactor
from accounts.second_factor.services import identity as factor_identity
from btc_watcher.env import BASE_DIR
from btc_watcher.lib.encryption import is_token, key_ring
from btc_watcher.lib.errors import EncryptionError
from monitoring.doctor.keys import keys_are_noted
from monitoring.doctor.shapes import Facts, Finding, check, failed, ok, warning
from notifications.models import NotificationChannel
from notifications.transports import SECRET_FIELDS
from notifications.transports.secrets import secret_identity
from proxies.models import Proxy
from proxies.selectors import proxy_identity
from strategies.models import Strategy
from strategies.services.trading import live_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
NAMED: Final = 5
# Below BTCW_HOME, besides the files in secrets.
PRIVATE: Final = (
    "local.env",
    "secrets",
    "postgres/server.json",
    "valkey/server.json",
    "valkey/valkey.conf",
)


@dataclass(frozen=True, slots=True)
class Stored:
    """An encrypted secret: where it is, and whether a key at hand opens it."""

    where: str
    token: str
    opens: bool


@check("secrets.files", gettext_lazy("Files with secrets"))
def files(_facts: Facts) -> Finding:
    """Only we may read them."""
    seen = list(_private())
    loose = [path for path in seen if path.lstat().st_mode & OTHERS]
    if not loose:
        return ok(_("Only their owner can read them."), len(seen))
    names = " ".join(str(path) for path in loose[:NAMED])
    return failed(
        _("Others on this machine can read: %(names)s") % {"names": names},
        _("Run: chmod go-rwx %(names)s") % {"names": names},
        len(loose),
    )


@check("secrets.keys", gettext_lazy("Encryption keys"), needs="database.migrations")
def keys(_facts: Facts) -> Finding:
    """Every secret that is stored can be read with the keys at hand."""
    stored = [*_stored(), *_credentials()]
    lost = [each.where for each in stored if not each.opens]
    old = sum(each.opens and key_ring().needs_rotation(each.token) for each in stored)
    if lost:
        return failed(
            _("These secrets cannot be read: %(names)s")
            % {"names": ", ".join(list(dict.fromkeys(lost))[:NAMED])},
            _(
                "Add the key they were made with to BTCW_ENCRYPTION_KEYS, or enter them again."
            ),
            len(lost),
        )
    if old:
        return warning(
            ngettext(
                "%(count)d secret was encrypted with an older key.",
                "%(count)d secrets were encrypted with an older key.",
                old,
            )
            % {"count": old},
            _("Enter them again before you remove that key."),
            old,
        )
    return ok(_readable(len(stored)), len(stored))


@check("secrets.copies", gettext_lazy("Copy of the keys"))
def copies(_facts: Facts) -> Finding:
    """The keys lie somewhere else too: no backup has them."""
    if keys_are_noted():
        return ok(_("A copy of the encryption keys was noted as kept elsewhere."))
    return warning(
        _(
            "Backups do not hold the encryption keys; without them no secret in a backup"
            " can be read."
        ),
        _(
            "Keep a copy of BTCW_ENCRYPTION_KEYS away from this machine, then run"
            " manage.py doctor --keys-saved."
        ),
    )


@check("secrets.debug", gettext_lazy("Debug pages"))
def debug(_facts: Facts) -> Finding:
    """Error pages show no settings to strangers."""
    if not settings.DEBUG:
        return ok(_("They are off."))
    return failed(
        _("Error pages show the code and the settings to everybody."),
        _("Remove BTCW_DEBUG and start again."),
    )


def _private() -> Iterator[Path]:
    home: Path = settings.BTCW_HOME
    for path in (BASE_DIR / ".env", *(home / name for name in PRIVATE)):
        if path.exists():
            yield path
    if (home / "secrets").is_dir():
        yield from (each for each in (home / "secrets").iterdir() if each.is_file())


def _readable(count: int) -> str:
    if not count:
        return _("No secret is stored yet.")
    words = ngettext(
        "%(count)d secret is stored, and it can be read.",
        "%(count)d secrets are stored, and all of them can be read.",
        count,
    )
    return words % {"count": count}


def _stored() -> Iterator[Stored]:
    """Yield the secrets of channels and proxies."""
    for channel in NotificationChannel.objects.order_by("id"):
        for field in SECRET_FIELDS:
            token = channel.config.get(field)
            if is_token(token):
                where = _("channel %(name)s") % {"name": channel.name}
                yield _tried(where, token, secret_identity(channel.id, field))
    for proxy in Proxy.objects.exclude(password_encrypted=None).order_by("id"):
        if proxy.password_encrypted:
            where = _("proxy %(name)s") % {"name": proxy.name}
            yield _tried(where, proxy.password_encrypted, proxy_identity(proxy.pk))
    for factor in SecondFactor.objects.select_related("user").order_by("pk"):
        where = _("second factor of %(name)s") % {"name": factor.user.get_username()}
        yield _tried(where, factor.secret, factor_identity(factor.pk))


def _credentials() -> Iterator[Stored]:
    """Yield what strategies trade with for real."""
    for strategy in Strategy.objects.filter(freqtrade_config__has_key="live"):
        where = _("strategy %(name)s") % {"name": strategy.name}
        try:
            opens = live_credentials(strategy) is not None
        except EncryptionError:
            yield Stored(where, "", opens=False)
            continue
        tokens = strategy.freqtrade_config["live"].values() if opens else ()
        for token in filter(is_token, tokens):
            yield Stored(where, token, opens=True)


def _tried(where: str, token: str, identity: str) -> Stored:
    try:
        key_ring().decrypt(token, identity)
    except EncryptionError:
        return Stored(where, token, opens=False)
    return Stored(where, token, opens=True)
