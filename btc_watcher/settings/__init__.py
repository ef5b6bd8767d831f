"""Django settings of BTC Watcher; every value that differs by machine comes from env.

Each module has one matter; whoever needs a setting reads ``django.conf.settings``.
"""

from __future__ import annotations

from btc_watcher.env import BASE_DIR as BASE_DIR
from btc_watcher.settings.api import *  # noqa: F403
from btc_watcher.settings.application import *  # noqa: F403
from btc_watcher.settings.database import *  # noqa: F403
from btc_watcher.settings.logging import *  # noqa: F403
from btc_watcher.settings.monitoring import *  # noqa: F403
from btc_watcher.settings.redis import *  # noqa: F403
from btc_watcher.settings.schedule import *  # noqa: F403
from btc_watcher.settings.security import *  # noqa: F403
from btc_watcher.settings.work import *  # noqa: F403
