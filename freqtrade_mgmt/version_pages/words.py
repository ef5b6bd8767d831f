"""Names of what happens to releases, and stored sentences in the reader's language. Pure."""

from __future__ import annotations

import re
from functools import partial
from typing import Final

from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

CHECK: Final = "check"
KINDS: Final = {
    "install": _("Installation"),
    "upgrade": _("Upgrade"),
    "downgrade": _("Downgrade"),
    CHECK: _("Check"),
}
STATES: Final = {
    "pending": _("pending"),
    "in_progress": _("in progress"),
    "completed": _("completed"),
    "failed": _("failed"),
    "rolled_back": _("rolled back"),
}
# Names of the kinds in the plural, to choose from.
GROUPS: Final = {
    "install": _("Installations"),
    "upgrade": _("Upgrades"),
    "downgrade": _("Downgrades"),
    CHECK: _("Checks"),
}
# In the order in which they come.
INSTALL_STAGES: Final = {
    "look_up": _("Look up the packages"),
    "environment": _("Make an environment"),
    "download": _("Download"),
    "build": _("Put in place"),
    "compile": _("Compile"),
    "verify": _("Check that it runs"),
    "trial": _("Try a strategy"),
    "run": _("Run a bot and measure"),
}
UPGRADE_STAGES: Final = {
    "check": _("Load every strategy in it"),
    "backup": _("Copy configurations and trades"),
    "canary": _("Move the first one"),
    "watch": _("Watch the first one"),
    "move": _("Move the others, one by one"),
    "return": _("Everything goes back"),
}
CHECKS: Final = {
    "waiting": pgettext_lazy("result of a trial", "waiting"),
    "loads": pgettext_lazy("result of a trial", "loads"),
    "fails": pgettext_lazy("result of a trial", "does not load"),
    "left": pgettext_lazy("result of a trial", "left out"),
}
MOVES: Final = {
    "waiting": pgettext_lazy("strategy in an upgrade", "not moved yet"),
    "moving": pgettext_lazy("strategy in an upgrade", "moving"),
    "watched": pgettext_lazy("strategy in an upgrade", "being watched"),
    "proven": pgettext_lazy("strategy in an upgrade", "runs on the new one"),
    "going_back": pgettext_lazy("strategy in an upgrade", "going back"),
    "returned": pgettext_lazy("strategy in an upgrade", "back on the old one"),
    "left": pgettext_lazy("strategy in an upgrade", "stays on the old one"),
    "stopped": pgettext_lazy("strategy in an upgrade", "stopped"),
    "missing": pgettext_lazy("strategy in an upgrade", "pinned or deleted meanwhile"),
}
# Sentences that are raised or stored in English, with what they hold.
SENTENCES: Final = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        # First, because it stands inside of others.
        (r"(?<=\S) and (?P<count>\d+) more(?=;)", _(" and %(count)s more")),
        (
            r"freqtrade (?P<version>\S+) cannot be uninstalled:",
            _("freqtrade %(version)s cannot be uninstalled:"),
        ),
        (
            r"It is pinned by (?P<names>.+?); choose another version there\.",
            _("It is pinned by %(names)s; choose another version there."),
        ),
        (
            r"Bots run on it: (?P<names>.+?); move or stop them\.",
            _("Bots run on it: %(names)s; move or stop them."),
        ),
        (
            r"It is the current version; upgrade or downgrade to another one first\.",
            _("It is the current version; upgrade or downgrade to another one first."),
        ),
        (
            r"It is being installed \(operation (?P<id>\d+)\); cancel that first\.",
            _("It is being installed (operation %(id)s); cancel that first."),
        ),
        (
            r"Operation (?P<id>\d+) \((?P<move>.+?)\) is under way; wait for its end\.",
            _("Operation %(id)s (%(move)s) is under way; wait for its end."),
        ),
        (
            r"Operation (?P<id>\d+) \((?P<move>.+?)\) can be rolled back to it until"
            r" (?P<day>\S+); wait until then, or say that the way back is given up\.",
            _(
                "Operation %(id)s (%(move)s) can be rolled back to it until %(day)s; wait"
                " until then, or say that the way back is given up."
            ),
        ),
        (
            r"freqtrade (?P<version>\S+) is installed already\. Uninstall it first to have"
            r" it made again\.",
            _(
                "freqtrade %(version)s is installed already. Uninstall it first to have it"
                " made again."
            ),
        ),
        (
            r"freqtrade (?P<version>\S+) is being installed \(operation (?P<id>\d+)\)\."
            r" Wait for its end, or cancel it\.",
            _(
                "freqtrade %(version)s is being installed (operation %(id)s). Wait for its"
                " end, or cancel it."
            ),
        ),
        (
            r"Installation (?P<id>\d+) does not run, so it cannot be cancelled\.",
            _("Installation %(id)s does not run, so it cannot be cancelled."),
        ),
        (
            r"freqtrade (?P<version>\S+) asks for Python (?P<demand>\S+), but environments"
            r" are made with Python (?P<python>\S+) here\.",
            _(
                "freqtrade %(version)s asks for Python %(demand)s, but environments are made"
                " with Python %(python)s here."
            ),
        ),
        (
            r"Choose another release, such as (?P<version>\S+)\.",
            _("Choose another release, such as %(version)s."),
        ),
        (
            r"An installation of freqtrade runs\. Try again when it has ended\.",
            _("An installation of freqtrade runs. Try again when it has ended."),
        ),
        (
            r"Proxy (?P<id>\d+) cannot be used, and no other one is healthy\. Switch it"
            r" on, add another one, or install without a proxy\.",
            _(
                "Proxy %(id)s cannot be used, and no other one is healthy. Switch it on,"
                " add another one, or install without a proxy."
            ),
        ),
        (
            r"The package index (?P<address>\S+) answered (?P<status>\d+)\.",
            _("The package index %(address)s answered %(status)s."),
        ),
        (
            r"The package index (?P<address>\S+) does not accept our login"
            r" \((?P<status>\d+)\)\. Correct the user name and password in pip's index"
            r" settings \(pip config list\)\.",
            _(
                "The package index %(address)s does not accept our login (%(status)s)."
                " Correct the user name and password in pip's index settings (pip config"
                " list)."
            ),
        ),
        (
            r"Check the network and pip's index settings \(pip config list\)\.",
            _("Check the network and pip's index settings (pip config list)."),
        ),
        (
            r"The package index names no release of freqtrade\.",
            _("The package index names no release of freqtrade."),
        ),
        (
            r"The package index did not give what was asked for\. Check the network and"
            r" pip's index settings \(pip config list\), and install again\.",
            _(
                "The package index did not give what was asked for. Check the network and"
                " pip's index settings (pip config list), and install again."
            ),
        ),
        (
            r"The package index has no packages that fit\.",
            _("The package index has no packages that fit."),
        ),
        (
            r"A package could not be built\. Another release may do; or install what the"
            r" last lines ask for\.",
            _(
                "A package could not be built. Another release may do; or install what the"
                " last lines ask for."
            ),
        ),
        (
            r"The disk is full(?: at (?P<path>\S+))?\. Free some space and install again\.",
            _("The disk is full. Free some space and install again."),
        ),
        (
            r"Installing freqtrade needs (?P<needed>\d+) MB, but only (?P<free>\d+) MB are"
            r" free at (?P<path>\S+)\. Free some space and try again\.",
            _(
                "Installing freqtrade needs %(needed)s MB, but only %(free)s MB are free at"
                " %(path)s. Free some space and try again."
            ),
        ),
        (
            r"The proxy did not accept the user name or the password\. Correct them and"
            r" install again\.",
            _(
                "The proxy did not accept the user name or the password. Correct them and"
                " install again."
            ),
        ),
        (
            r"The package index was not reached through the proxy\. Test the proxy, or"
            r" choose another one\.",
            _(
                "The package index was not reached through the proxy. Test the proxy, or"
                " choose another one."
            ),
        ),
        (
            r"(?P<tool>\S+) ended with code (?P<code>-?\d+) while freqtrade was installed\."
            r" The last lines were:",
            _(
                "%(tool)s ended with code %(code)s while freqtrade was installed. The last"
                " lines were:"
            ),
        ),
        (
            r"freqtrade (?P<version>\S+) was installed, but a strategy does not load in it,"
            r" so it was removed:",
            _(
                "freqtrade %(version)s was installed, but a strategy does not load in it, so"
                " it was removed:"
            ),
        ),
        (
            r"freqtrade (?P<version>\S+) was installed, but a bot of it did not start, so it"
            r" was removed:",
            _(
                "freqtrade %(version)s was installed, but a bot of it did not start, so it"
                " was removed:"
            ),
        ),
        (
            r"freqtrade (?P<version>\S+) was installed, but a bot of it ended by itself, so"
            r" it was removed:",
            _(
                "freqtrade %(version)s was installed, but a bot of it ended by itself, so it"
                " was removed:"
            ),
        ),
        (
            r"It was ended in the middle (?P<count>\d+) times, so it is given up\. Look at"
            r" the supervisor's log, then install again\.",
            _(
                "It was ended in the middle %(count)s times, so it is given up. Look at the"
                " supervisor's log, then install again."
            ),
        ),
        (r"It was cancelled\.", _("It was cancelled.")),
    )
)


def said(text: str) -> str:
    """Return a stored sentence in the active language; what is not ours stays."""
    if (get_language() or "en").startswith("en"):
        return text
    for pattern, words in SENTENCES:
        text = pattern.sub(partial(_translated, words), text)
    return text


def _translated(words: object, found: re.Match[str]) -> str:
    return str(words) % found.groupdict()
