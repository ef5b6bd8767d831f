"""The ASGI application: pages and API through Django, WebSockets through Channels."""

from __future__ import annotations

import gc
import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "btc_watcher.settings")  # noqa: TID251 - before settings exist
django_application = get_asgi_application()

# Imported late: these need the app registry, which the line above fills.
from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter  # noqa: E402

from accounts.websocket import SessionRowScope  # noqa: E402
from btc_watcher.lib.open_files import open_files_allow  # noqa: E402
from btc_watcher.lib.websocket_origin import SameOrigin  # noqa: E402
from btc_watcher.routing import websocket_router  # noqa: E402
from monitoring.heartbeats.attach import Lifespan  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": django_application,
        "lifespan": Lifespan(),
        "websocket": SameOrigin(AuthMiddlewareStack(SessionRowScope(websocket_router))),
    }
)

# Each open page is one.
open_files_allow()
# What is loaded now stays: searching it for garbage would hold up every page.
gc.collect()
gc.freeze()
