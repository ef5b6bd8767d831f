"""Secrets, who is let in, and what browsers are told."""

from __future__ import annotations

from typing import Any, Literal

from btc_watcher.env import env

SECRET_KEY = env.str("BTCW_SECRET_KEY")
ENCRYPTION_KEYS = env.str("BTCW_ENCRYPTION_KEYS")
DEBUG = env.bool("BTCW_DEBUG", default=False)
ALLOWED_HOSTS = env.list(
    "BTCW_ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"]
)
CSRF_TRUSTED_ORIGINS = env.list("BTCW_TRUSTED_ORIGINS", default=[])
BEHIND_TLS = env.bool("BTCW_BEHIND_TLS", default=False)

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("UserAttributeSimilarityValidator", {}),
        ("MinimumLengthValidator", {"min_length": 10}),
        ("CommonPasswordValidator", {}),
        ("NumericPasswordValidator", {}),
    )
]
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "accounts:login"
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_NAME = "btcw_session"
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_NAME = "btcw_csrf"
# Scripts take the token from the page.
CSRF_COOKIE_HTTPONLY = True
# The language of the login page, as it was chosen in this browser.
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE: Literal["Lax"] = "Lax"
CSRF_FAILURE_VIEW = "btc_watcher.lib.error_pages.csrf_failure"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = BEHIND_TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS else None
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if BEHIND_TLS else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Days that the audit is kept; 0 is for ever.
AUDIT_DAYS = max(0, env.int("BTCW_AUDIT_DAYS", default=0))
