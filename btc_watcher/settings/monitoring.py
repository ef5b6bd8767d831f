"""This machine among others, signs of life, measurements."""

from __future__ import annotations

import socket

from btc_watcher.env import env

# What this machine is called where several share a database.
NODE_NAME = env.str("BTCW_NODE", default="") or socket.gethostname()
# Where other machines reach the bots of this one; empty: they do not.
NODE_ADDRESS = env.str("BTCW_NODE_ADDRESS", default="")
# The address that the bots of this machine listen on.
BOT_BIND = env.str("BTCW_BOT_BIND", default="127.0.0.1")
# A node that has not renewed its leases for so long has lost its bots to the others.
LEASE_SECONDS = min(300, max(6, env.int("BTCW_LEASE_SECONDS", default=30)))
# Seconds: between signs of life; until a silent process counts as dead; until a role
# that was stopped is missed; for how long a watcher must have beaten before it judges.
HEARTBEATS = {
    "every": 10.0,
    "dead_after": 45.0,
    "absent_after": 180.0,
    "steady_for": 60.0,
}
# Runs beside the supervisor, which is below monitoring and may not import it.
SUPERVISOR_COMPANION = "monitoring.heartbeats.attach.supervisor_companion"
# Days that single measurements are kept; their hourly means are kept for ever.
METRICS_DAYS = env.int("BTCW_METRICS_DAYS", default=7)
# Who may read /metrics; without a token nobody.
METRICS_TOKEN = env.str("BTCW_METRICS_TOKEN", default="")
# A service outside that tells when our pings stay away, and the proxy to it.
HEARTBEAT_URL = env.str("BTCW_HEARTBEAT_URL", default="")
HEARTBEAT_PROXY = env.str("BTCW_HEARTBEAT_PROXY", default="")
HEARTBEAT_FAIL = env.bool("BTCW_HEARTBEAT_FAIL", default=False)
