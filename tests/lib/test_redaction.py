"""Secrets of every shape that texts are known to have are hidden, and little else."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from btc_watcher.lib.redaction import Redactor, is_secret_name, settings_secrets

if TYPE_CHECKING:
    from pytest_django import Settings

S = "hunter2Xq"
redact = Redactor(())

SHAPES = [
    # Addresses
    f"http://me:{S}@host:1/",
    f"http://me:a@b{S}@host:1/",
    f"http://me:{S}/x{S}@host/p",
    f"http://me:it's{S}@host",
    f"redis://:{S}@h/0",
    f"/?token={S}&a=1",
    f"<ASGIRequest: GET '/x?token={S}'>",
    f"password%3D{S}",
    f"https://open.feishu.cn/open-apis/bot/v2/hook/{S}",
    f"Max retries exceeded with url: /api/webhooks/123/{S}",
    f"Bad Request: /api/v1/hooks/12/{S}/",
    # Assignments, source lines of a traceback, reprs
    f"password={S}",
    f"password={S},b;{S}",
    f"dsn host=x password={S} user=y",
    f"password='{S}'",
    f'    token = "{S}"',
    f"Config(user='a', password='{S}', x=1)",
    f"password='it\\'s {S}'",
    f"password=\n'{S}'",
    f"SECRET_KEY={S}",
    f"BTCW_SECRET_KEY='{S}'",
    f"AWS_SECRET_ACCESS_KEY={S}",
    f"PGPASSWORD={S} psql",
    f"({{'api_secret': '{S}'}},)",
    f"'client_secret': u'{S}'",
    repr({"password": f"it's {S}"}),
    repr({b"password": S.encode()}),
    repr(("password", S)),
    # JSON, also as a string in JSON
    json.dumps({"password": f'a"{S}'}),
    json.dumps({"password": f"it's {S}"}),
    json.dumps(json.dumps({"password": S, "n": 1})),
    json.dumps(json.dumps({"password": f'a"{S}'})),
    f'"token": 1234567{S}',
    f'{{"password": "{S}',
    # YAML, headers, command lines, forms, XML
    f"password: {S}",
    f"encryption_keys: k1:{S}",
    f'apiSecret: "{S}"',
    f"X-API-Key: {S}",
    f"Authorization: Basic {S}",
    f"Authorization: {S}",
    f'Proxy-Authorization: Digest username="x", response="{S}"',
    f"Cookie: btcw_session={S}; x=1",
    f"Set-Cookie: sessionid={S}; Path=/",
    repr({"HTTP_AUTHORIZATION": f"Basic {S}"}),
    repr([(b"authorization", b"Basic " + S.encode())]),
    repr([(b"cookie", b"a=b; btcw_session=" + S.encode())]),
    f"bearer {S}",
    f"--password {S} --x",
    repr(["--password", S]),
    repr(["program", "--token", S]),
    f"<password>{S}</password>",
    f'Content-Disposition: form-data; name="password"\r\n\r\n{S}\r\n',
    # PostgreSQL
    f"DETAIL:  Failing row contains (1, a\nb {S}, null).\n",
    f"DETAIL:  Key (name)=(a\n{S}) already exists.",
    f"ALTER ROLE x PASSWORD '{S}'",
    # Keys
    f"-----BEGIN RSA PRIVATE KEY-----\nMII{S}\n-----END RSA PRIVATE KEY-----",
    f"-----BEGIN PRIVATE KEY-----\\nMII{S}\\n-----END PRIVATE KEY-----",
]


@pytest.mark.parametrize("text", SHAPES)
def test_a_secret_is_hidden_whatever_stands_around_it(text: str) -> None:
    assert S not in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "Invalid token at line 3",
        "The password is too short",
        "sort_key='abc'",
        "primary_key=True",
        "password=None, x=3",
        "token_count=5",
        "monkey=banana",
        "Version v1:2 of 3",
        "http://127.0.0.1:8080/api/v1/ping?x=1 failed",
        "http://127.0.0.1:8080/a from me@x.org",
        'File "/x/notifications/services/alerts.py", line 3, in f',
        'relation "users" does not exist',
        'SELECT "u"."password", "u"."token" FROM "u" WHERE "u"."token" = $1',
    ],
)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert redact(text) == text


def test_what_stands_around_a_secret_stays_to_be_read() -> None:
    assert redact(f"f(host='h', password='{S}', port=5)") == (
        "f(host='h', password='***', port=5)"
    )
    assert redact(f"GET /x?token={S}&page=2 failed") == "GET /x?token=***&page=2 failed"
    refused = f"Failing row contains (1, {S}).\nCONTEXT: more"
    assert redact(refused) == "Failing row contains (***).\nCONTEXT: more"


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        *((name, True) for name in ("api_key", "secret_key", "SECRET_KEY_FALLBACKS")),
        *((name, True) for name in ("jwt_secret_key", "walletAddress", "uid", "key")),
        *((name, False) for name in ("monkey", "sort_key", "token_count", "pair")),
        *((name, False) for name in ("SESSION_COOKIE_NAME", "PASSWORD_HASHERS")),
    ],
)
def test_names_of_secrets_are_known(name: str, secret: bool) -> None:
    assert is_secret_name(name) is secret


def test_secrets_deep_inside_of_the_settings_are_known(settings: Settings) -> None:
    # As the ones of the databases, which cannot be changed in a test.
    settings.OTHERS = {"replica": {"PASSWORD": "of-the-replica", "OPTIONS": {}}}
    settings.SENTINELS = [("redis://:of-the-sentinel@h:1/0", {"password": "inner-one"})]
    settings.SECRET_KEY_FALLBACKS = ["an-older-secret-key"]
    settings.METRICS_TOKEN = "it's a \\ token"
    found = settings_secrets()
    assert {
        "of-the-replica",
        "of-the-sentinel",
        "inner-one",
        "an-older-secret-key",
        # As it stands in a traceback or a dictionary that is printed.
        "it's a \\\\ token",
    } <= found


@pytest.mark.parametrize(
    "part",
    [
        *("a", "a-", "'", "\\", "--", "://a:", "v1:a:", "token: ", "cookie:"),
        *(
            "password='",
            "Key (a)=(",
            "Failing row contains (",
            "-----BEGIN PRIVATE KEY",
        ),
    ],
)
def test_no_text_takes_long(part: str) -> None:
    text = (part * 40_000)[:40_000]
    started = time.process_time()
    redact(text)
    assert time.process_time() - started < 1
