"""The API: who may use it, how often, and how it describes itself."""

from __future__ import annotations

from btc_watcher.env import env

API_TOKEN_DAYS = env.int("BTCW_API_TOKEN_DAYS", default=90)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.BearerAuthentication",
        "accounts.authentication.PageSessionAuthentication",
    ],
    # Whatever names no rule of its own: reading, or writing with the role for it.
    "DEFAULT_PERMISSION_CLASSES": ["accounts.permissions.CanWrite"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["btc_watcher.lib.api.parsing.SoundJSONParser"],
    "EXCEPTION_HANDLER": "btc_watcher.lib.rest.problem_response",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
# Requests that one address may send to one endpoint in a minute; 0 is no limit.
API_READS_PER_MINUTE = env.int("BTCW_API_READS_PER_MINUTE", default=600)
API_CHANGES_PER_MINUTE = env.int("BTCW_API_CHANGES_PER_MINUTE", default=300)
# Posts that the inbound webhook of one strategy takes in a minute; 0 is no limit.
API_HOOK_POSTS_PER_MINUTE = env.int("BTCW_API_HOOK_POSTS_PER_MINUTE", default=600)
SPECTACULAR_SETTINGS = {
    "TITLE": "BTC Watcher",
    "VERSION": "1",
    "DESCRIPTION": "Signals of many freqtrade strategies, and everything that pages"
    " and operators do with them. Times are ISO 8601 with an offset, answered in UTC."
    " Lists come in pages: `next` holds the address of the next one. Errors are"
    " `application/problem+json` (RFC 9457) with a sentence in `detail`.",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "SignalTypeEnum": "signals_app.models.SignalType",
        "ChannelTypeEnum": "notifications.models.ChannelType",
        "StrategyTypeEnum": "strategies.models.Strategy.Type",
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
