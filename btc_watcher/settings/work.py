"""The product's own: the demonstration, signals, bots, notifications, proxies."""

from __future__ import annotations

from btc_watcher.env import env

# The demonstration: a simulated exchange and a mail catcher, both on loopback.
DEMO = env.bool("BTCW_DEMO", default=False)
SIMULATOR_URL = env.str("BTCW_SIMULATOR_URL", default="http://127.0.0.1:18080/api/v3")
DEMO_SMTP_PORT = env.int("BTCW_DEMO_SMTP_PORT", default=18025)

SIGNAL_THRESHOLDS = {"strong": 80, "medium": 50, "weak": 20}
# Candles fetched for a pair that was never seen before.
SIGNAL_FIRST_BACKFILL = env.int("BTCW_FIRST_BACKFILL", default=60)
# Signals in one file that the history gives; its newest, when there are more.
HISTORY_EXPORT_ROWS = max(1, env.int("BTCW_EXPORT_ROWS", default=100_000))
# What one bot may hold before it is killed, and all together (0: most of the machine).
BOT_MEMORY_MB = env.int("BTCW_BOT_MEMORY_MB", default=1000)
BOTS_MEMORY_MB = env.int("BTCW_BOTS_MEMORY_MB", default=0)
# Whether strategies that only watch share processes; what one may hold with all that it
# started, and how many analyses it is given when a candle closes.
RUNNERS = env.bool("BTCW_RUNNERS", default=True)
RUNNER_MEMORY_MB = env.int("BTCW_RUNNER_MEMORY_MB", default=1500)
RUNNER_ANALYSES = max(1, env.int("BTCW_RUNNER_ANALYSES", default=2000))
# Told of each delivery inside the transaction that records it. Named here
# because notifications may not import the apps above it.
NOTIFICATION_OUTCOME_HANDLERS = ["signals_app.services.signals_deliveries_record"]
# Draws the chart beside a signal; empty: nobody does.
NOTIFICATION_PICTURE_MAKER = "freqtrade_mgmt.pictures.picture_of_signal"
# Who has signals to try rules and templates on.
NOTIFICATION_EXAMPLES = "signals_app.examples.SignalExamples"

# Who goes through which proxy, told by the apps above.
PROXY_USERS = ["strategies.selectors.proxy_uses", "notifications.selectors.proxy_uses"]
