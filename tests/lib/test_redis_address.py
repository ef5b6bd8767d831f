"""What REDIS_URL may say, and why the rest is refused."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from btc_watcher.env import BASE_DIR
from btc_watcher.lib.errors import ConfigurationError
from btc_watcher.lib.redis_address import RedisAddress


@pytest.mark.parametrize(
    "url",
    ["redis://:word@10.0.0.1:6379/0", "rediss://host", "unix:///run/redis.sock?db=1"],
)
def test_one_server_is_taken_as_it_is(url: str) -> None:
    address = RedisAddress.parse(url)
    assert address.sentinels == ()
    assert address.broker_url() == url
    assert address.broker_options({"socket_timeout": 1}) == {}


def test_sentinels_are_read_with_their_passwords_and_the_service_as_written() -> None:
    address = RedisAddress.parse(
        "redis+sentinel://app:p%40ss@one:26380,two,[::1]:26381/Main-1/3"
        "?sentinel_username=watch&sentinel_password=w%26d"
    )
    assert address.sentinels == (("one", 26380), ("two", 26379), ("::1", 26381))
    assert address.service == "Main-1"
    assert address.database == 3
    assert address.login == {"username": "app", "password": "p@ss"}
    assert address.sentinel_login == {"username": "watch", "password": "w&d"}
    assert address.broker_url() == (
        "sentinel://app:p%40ss@one:26380/3;sentinel://app:p%40ss@two:26379/3"
        ";sentinel://app:p%40ss@[::1]:26381/3"
    )
    assert address.broker_options({"socket_timeout": 1}) == {
        "health_check_interval": 10,
        "master_name": "Main-1",
        "sentinel_kwargs": {
            "socket_timeout": 1,
            "username": "watch",
            "password": "w&d",
        },
    }


def test_no_secret_is_in_what_is_printed_of_an_address() -> None:
    text = "redis+sentinel://:secret-1@one/main?sentinel_password=secret-2"
    assert "secret" not in repr(RedisAddress.parse(text))


def test_whoever_takes_secrets_out_of_texts_knows_those_of_sentinels() -> None:
    code = (
        "import django; django.setup()\n"
        "from btc_watcher.lib.redaction import settings_secrets\n"
        "print(sorted(settings_secrets() & {'servers-word', 'sentinels-word'}))"
    )
    url = "redis+sentinel://:servers-word@[::1]:1,one:2/main?sentinel_password="
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=BASE_DIR,
        env=dict(os.environ) | {"REDIS_URL": f"{url}sentinels-word"},  # noqa: TID251
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "['sentinels-word', 'servers-word']"


def test_an_address_that_cannot_be_used_ends_every_command_with_the_reason() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=BASE_DIR,
        env=dict(os.environ) | {"REDIS_URL": "redis+cluster://one:1"},  # noqa: TID251
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    (last,) = done.stderr.strip().splitlines()[-1:]
    assert "REDIS_URL begins with redis+cluster://, but a Redis Cluster cannot" in last


@pytest.mark.parametrize("scheme", ["redis+cluster", "rediss+cluster", "redis-cluster"])
def test_a_cluster_is_refused_with_the_reason(scheme: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"Celery.*several queues in one command"
    ):
        RedisAddress.parse(f"{scheme}://:word@one:6379,two:6379")


def test_sentinels_with_tls_are_refused_with_the_reason() -> None:
    with pytest.raises(ConfigurationError, match="not supported"):
        RedisAddress.parse("rediss+sentinel://one:26379/main/0")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis+sentinel://one:26379", "names no service"),
        ("redis+sentinel://one:26379/", "names no service"),
        ("redis+sentinel://one:26379/main/zero", "'zero', which is no number"),
        ("redis+sentinel://one:port/main", "'one:port', which is no host:port"),
        ("redis+sentinel://one,,two/main", "'', which is no host:port"),
        ("redis+sentinel://one/main?ssl=1", "has ssl after its question mark"),
        ("http://one", "begins with 'http'"),
        ("localhost:6379", "begins with 'localhost:6379'"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_to_write(
    url: str, words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        RedisAddress.parse(url)
