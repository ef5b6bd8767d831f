"""``manage.py freqtrade install``: by the supervisor that runs, else by the command itself."""

from __future__ import annotations

import signal
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from btc_watcher.lib.commands.helping import Example
from btc_watcher.lib.errors import ConfigurationError
from freqtrade_mgmt.installer import freqtrade_installed
from freqtrade_mgmt.models import FreqtradeVersion
from freqtrade_mgmt.releases import version_checked
from freqtrade_mgmt.services import (
    freqtrade_root,
    install_open,
    install_request,
    newest_release,
    releases_refresh,
    version_installed,
)
from freqtrade_mgmt.supervisor.carrying import install_carry_out, owner_lives
from freqtrade_mgmt.supervisor.installs import supervisor_lives
from freqtrade_mgmt.versions.journal import OPEN, Status
from freqtrade_mgmt.versions.listing import operation
from proxies.models import Proxy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

    from django.core.management.base import CommandParser

    from freqtrade_mgmt.installer import InstalledFreqtrade
    from freqtrade_mgmt.management.terminal import Output

HELP = gettext_lazy(
    "Install a release of freqtrade into an environment of its own, the newest one when"
    " no version is named. Does nothing when it is there already."
)
EXAMPLES = (
    Example(gettext_lazy("The newest release"), "freqtrade install"),
    Example(
        gettext_lazy("A release, through a proxy"),
        "freqtrade install 2026.9 --proxy Tokyo",
    ),
)
ENDINGS = {
    0: gettext_lazy("it is installed, now or before"),
    1: gettext_lazy("it is not installed"),
}
FOLLOW_SECONDS: Final = 0.3


def arguments(parser: CommandParser) -> None:
    """Add VERSION and --proxy."""
    parser.add_argument(
        "version",
        nargs="?",
        metavar="VERSION",
        help=_("such as 2026.9 (default: the newest stable release)"),
    )
    parser.add_argument(
        "--proxy",
        metavar="NAME",
        help=_("name of the proxy to reach the package index through"),
    )


def run(options: Mapping[str, Any], output: Output) -> None:
    """Install, and say where it is."""
    # As an exception, so that the installer's child ends and no half is left.
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        proxy = _proxy(options["proxy"])
        version = options["version"] or _newest(proxy, output)
        done = _there(version_checked(version))
        if done is None:
            _install(version, proxy, output)
            done = _there(version)
        else:
            output.line(
                _("freqtrade %(version)s is already installed.") % {"version": version}
            )
    finally:
        signal.signal(signal.SIGTERM, before)
    if done is None:
        raise CommandError(
            _("freqtrade %(version)s was removed while it was installed.")
            % {"version": version}
        )
    row = version_installed(done)
    output.line(
        _("freqtrade %(version)s is ready in %(path)s.")
        % {"version": row.version, "path": row.install_path}
    )
    if options["json"]:
        output.json({"version": row.version, "path": row.install_path})


def _there(version: str) -> InstalledFreqtrade | None:
    found = freqtrade_installed(freqtrade_root())
    return next((item for item in found if item.version == version), None)


def _newest(proxy: int | None, output: Output) -> str:
    """Return the newest release, or the newest installed where no index can be asked."""
    output.line(_("Looking up the newest release of freqtrade."))
    asked = releases_refresh(proxy=proxy)
    newest = newest_release()
    if newest is not None and not asked.problem:
        return newest
    installed = freqtrade_installed(freqtrade_root())
    if not installed:
        problem = asked.problem or _("No known release fits the Python here.")
        raise ConfigurationError(
            _("The newest release of freqtrade could not be looked up. %(problem)s")
            % {"problem": problem}
        )
    output.line(
        _(
            "The package index could not be asked for newer releases; using freqtrade"
            " %(version)s, which is installed."
        )
        % {"version": installed[0].version}
    )
    return installed[0].version


def _install(version: str, proxy: int | None, output: Output) -> None:
    if not FreqtradeVersion.objects.filter(version=version).exists():
        asked = releases_refresh(proxy=proxy)
        if asked.problem:
            output.line(asked.problem)
    row = install_open(version) or install_request(version, proxy=proxy)
    told = 0
    while row.status in OPEN:
        owner = row.migration_log.get("owner")
        if supervisor_lives() or (owner and owner_lives(owner)):
            told = _follow(row.pk, told, output)
            time.sleep(FOLLOW_SECONDS)
        else:
            install_carry_out(
                row.pk,
                seen=owner,
                stop=lambda: False,
                say=output.line,
                told=output.progress,
            )
        row.refresh_from_db()
    if row.status != Status.COMPLETED:
        raise CommandError(row.error_message or _("The installation did not succeed."))


def _follow(operation_id: int, told: int, output: Output) -> int:
    """Print the steps that are new; return how many were printed by now."""
    found = operation(operation_id)
    if found is None:
        raise CommandError(
            _("Operation %(number)s was removed.") % {"number": operation_id}
        )
    for step in found.steps[told:]:
        output.line(str(step["words"]))
    output.progress(found.progress)
    return len(found.steps)


def _proxy(name: str | None) -> int | None:
    if name is None:
        return None
    found = Proxy.objects.filter(name=name).first()
    if found is None:
        names = ", ".join(Proxy.objects.values_list("name", flat=True))
        raise ConfigurationError(
            _("There is no proxy %(name)r. Known are: %(known)s.")
            % {"name": name, "known": names or pgettext("names", "none")}
        )
    return found.pk


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)
