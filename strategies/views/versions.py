"""The versions of a strategy: all of them, two compared, back to an earlier one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.permissions import needs, reads
from btc_watcher.lib.errors import BtcWatcherError
from strategies.described import (
    differences_shown,
    side_by_side,
    version_shown,
)
from strategies.errors import StrategyMissingError
from strategies.selectors import version_of, versions_of
from strategies.services import version_roll_back
from strategies.versions import code_diff
from strategies.views.common import CHANGE, person, strategy_or_404

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from strategies.models import StrategyVersion

PAGE: Final = 50


@require_GET
@never_cache
@reads
def versions(request: HttpRequest, pk: int) -> HttpResponse:
    """List the versions, newest first."""
    strategy = strategy_or_404(pk)
    page = Paginator(versions_of(pk), PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "strategies/versions.html",
        {
            "strategy": strategy,
            "page_of": page,
            "versions": [version_shown(version) for version in page],
            "may_change": request.user.has_perm(CHANGE),
        },
    )


@require_GET
@never_cache
@reads
def compare(request: HttpRequest, pk: int) -> HttpResponse:
    """Compare two versions, ``old`` and ``new``: settings, then code."""
    strategy = strategy_or_404(pk)
    old = _version_or_404(pk, request.GET.get("old", ""))
    new = _version_or_404(pk, request.GET.get("new", ""))
    lines = code_diff(_code(old), _code(new))
    shown = version_shown(old), version_shown(new)
    return render(
        request,
        "strategies/compare.html",
        {
            "strategy": strategy,
            "old": shown[0],
            "new": shown[1],
            "both": shown,
            "differences": differences_shown(old.config_snapshot, new.config_snapshot),
            "lines": lines,
            "pairs": side_by_side(lines),
            "removed": sum(line.kind == "removed" for line in lines),
            "added": sum(line.kind == "added" for line in lines),
            "names": versions_of(pk).values_list("version", flat=True),
            "may_change": request.user.has_perm(CHANGE),
        },
    )


@require_POST
@needs(CHANGE)
def roll_back(request: HttpRequest, pk: int) -> HttpResponse:
    """Run what an earlier version ran, as a new version."""
    version = request.POST.get("version", "")
    try:
        strategy = version_roll_back(pk, version, by=person(request))
    except StrategyMissingError as error:
        raise Http404 from error
    except BtcWatcherError as error:
        messages.error(request, error.message)
    else:
        said = _("'%(name)s' is rolled back: %(new)s is what %(old)s was.")
        facts = {"name": strategy.name, "new": strategy.version, "old": version}
        messages.success(request, said % facts)
    return redirect("strategies:versions", pk)


def _version_or_404(pk: int, name: str) -> StrategyVersion:
    version = version_of(pk, name)
    if version is None:
        raise Http404
    return version


def _code(version: StrategyVersion) -> str:
    return str(version.config_snapshot.get("config", {}).get("code", ""))
