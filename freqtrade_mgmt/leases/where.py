"""Is everything about bots on this machine, or do others run them too?"""

from __future__ import annotations

from django.conf import settings

from freqtrade_mgmt.leases.models import SupervisorNode


def only_here() -> bool:
    """Tell whether no supervisor elsewhere is known: then files can be looked at here."""
    others = SupervisorNode.objects.exclude(pk=settings.NODE_NAME[:100])
    return not others.exists()
