"""Writing: strategies, their versions and drafts, and the record of their processes."""

from __future__ import annotations

from strategies.services.changing import strategy_update, version_roll_back
from strategies.services.creating import strategy_copy, strategy_create
from strategies.services.drafts import (
    draft_check,
    draft_delete,
    draft_publish,
    draft_save,
    draft_trial_ask,
    trial_state_set,
)
from strategies.services.expiry import drafts_expire, drafts_warn
from strategies.services.health import (
    candles_seen,
    health_lock_many,
    health_merge,
    performance_merge,
)
from strategies.services.processes import (
    process_known,
    process_seen,
    process_started,
    process_stopped,
)
from strategies.services.status import (
    Changed,
    strategies_change,
    strategy_restart,
    strategy_start,
    strategy_status_set,
    strategy_stop,
)
from strategies.services.trading import (
    is_live,
    live_credentials,
    live_disable,
    live_enable,
)

__all__ = [
    "Changed",
    "candles_seen",
    "draft_check",
    "draft_delete",
    "draft_publish",
    "draft_save",
    "draft_trial_ask",
    "drafts_expire",
    "drafts_warn",
    "health_lock_many",
    "health_merge",
    "is_live",
    "live_credentials",
    "live_disable",
    "live_enable",
    "performance_merge",
    "process_known",
    "process_seen",
    "process_started",
    "process_stopped",
    "strategies_change",
    "strategy_copy",
    "strategy_create",
    "strategy_restart",
    "strategy_start",
    "strategy_status_set",
    "strategy_stop",
    "strategy_update",
    "trial_state_set",
    "version_roll_back",
]
