"""Django itself: apps, middleware, templates, languages, static files."""

from __future__ import annotations

from pathlib import Path

from django.utils.translation import gettext_lazy as _

from btc_watcher.env import BASE_DIR, HOME, env

# Where state lives: bots, freqtrade environments, logs, embedded servers.
BTCW_HOME = HOME
# The first administrator; a random password is printed when none is given.
ADMIN_PASSWORD = env.str("BTCW_ADMIN_PASSWORD", default="")
ADMIN_LANGUAGE = env.str(
    "BTCW_LANGUAGE",
    default="zh-CN" if env.str("LANG", default="").startswith("zh") else "en",
)
# Where people reach the pages: what links in messages begin with.
PUBLIC_URL = env.str("BTCW_PUBLIC_URL", default="").rstrip("/")

INSTALLED_APPS = [
    "accounts",
    "proxies",
    "notifications",
    "strategies",
    "signals_app",
    "freqtrade_mgmt",
    "monitoring",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "servestatic.runserver_nostatic",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "django_celery_beat",
]

MIDDLEWARE = [
    "btc_watcher.lib.security_headers.SecurityHeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "btc_watcher.lib.replica_fresh.OwnWritesMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.SessionRowMiddleware",
    "accounts.middleware.ActorMiddleware",
    "accounts.middleware.PreferencesMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "btc_watcher.urls"
ASGI_APPLICATION = "btc_watcher.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "btc_watcher" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "accounts.context_processors.page",
            ],
        },
    },
]

# For whoever has not chosen: messages to channels, answers to programs.
LANGUAGE_CODE = "zh-hans" if ADMIN_LANGUAGE == "zh-CN" else "en"
LANGUAGES = [("zh-hans", _("Simplified Chinese")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("BTCW_STATIC_FOLDER", default=str(HOME / "static")))
STATICFILES_DIRS: list[Path | tuple[str, Path]] = [BASE_DIR / "btc_watcher" / "static"]
# Pictures of the page Documentation.
if (BASE_DIR / "docs" / "images").is_dir():
    STATICFILES_DIRS.append(("docs", BASE_DIR / "docs" / "images"))
# Libraries that make frontend fetched; Django complains of a folder that is not there.
if (HOME / "vendor").is_dir():
    STATICFILES_DIRS.append(("vendor", HOME / "vendor"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "btc_watcher.lib.static_files.StaticFiles"},
}
