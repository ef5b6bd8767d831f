"""Settings of the test suite: the product's own, with what would only slow it down off."""

from __future__ import annotations

from btc_watcher.settings import *  # noqa: F403
from btc_watcher.settings import DATABASES, LOGGING, MIDDLEWARE, STORAGES

# Argon2 is slow on purpose; one test asks for it by name.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Every xdist worker creates and drops its own database, which a pool would hold open.
DATABASES["default"]["OPTIONS"].pop("pool", None)
STORAGES["staticfiles"] = {
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
}
# Tests of a replica bring their own.
DATABASES.pop("replica", None)
ALLOWED_HOSTS = ["*"]
DEMO = True
# It looks through every static file for every new client, of which there are thousands;
# who serves real pages adds it again, see tests/served_settings.py.
MIDDLEWARE = [each for each in MIDDLEWARE if "servestatic" not in each]
# Whatever the language of the machine that runs the tests.
LANGUAGE_CODE = "zh-hans"
# Tests of it add the handler themselves: its thread writes what other tests would see.
LOGGING["root"]["handlers"] = ["console"]
LOGGING["loggers"].pop("uvicorn.error")
LOGGING["handlers"].pop("errors")
