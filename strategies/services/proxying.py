"""The proxy that somebody chooses for a strategy: it must be there, and is tested."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from proxies.dispatch import proxy_test_soon
from proxies.models import Proxy
from proxies.ranking import POLICIES

if TYPE_CHECKING:
    from collections.abc import Mapping


def proxy_problems(
    after: Mapping[str, Any], before: Mapping[str, Any] | None = None
) -> list[str]:
    """Return what is wrong with the proxy in ``freqtrade_config``, if it was chosen now.

    One that was chosen earlier (``before``) may have gone or be switched off since:
    then the policy applies, and other changes are still possible.
    """
    problems = []
    policy = after.get("proxy_policy")
    if policy is not None and policy not in POLICIES:
        problems.append(
            _("'%(policy)s' is no policy for proxies; use one of %(policies)s.")
            % {"policy": str(policy)[:80], "policies": ", ".join(POLICIES)}
        )
    number, earlier = after.get("proxy"), (before or {}).get("proxy")
    # True equals 1, and is no proxy.
    if number is None or (type(number) is type(earlier) and number == earlier):
        return problems
    if isinstance(number, bool) or not isinstance(number, int):
        return [
            *problems,
            _("The proxy is %(value)s; it must be the number of a proxy.")
            % {"value": repr(number)[:80]},
        ]
    proxy = Proxy.objects.filter(pk=number).only("name", "enabled").first()
    if proxy is None:
        text = _("There is no proxy %(number)d; choose another one, or none.")
        problems.append(text % {"number": number})
    elif not proxy.enabled:
        text = _("The proxy '%(name)s' is switched off; choose another one, or none.")
        problems.append(text % {"name": proxy.name})
    return problems


def proxy_assigned(
    after: Mapping[str, Any], before: Mapping[str, Any] | None = None
) -> None:
    """Have a proxy tested that was chosen just now, after the transaction."""
    number = after.get("proxy")
    if isinstance(number, int) and number != (before or {}).get("proxy"):
        proxy_test_soon(number, "assigned")
