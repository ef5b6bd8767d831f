"""The example for integrators, run as they would run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from accounts.facts import RequestFacts
from accounts.models import User
from accounts.scopes import Scope
from accounts.services import token_create
from btc_watcher.env import BASE_DIR
from tests.e2e.system import Process, until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.system import WebServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


def test_the_example_posts_a_signal_and_sees_it_arrive(
    web: WebServer, tmp_path: Path
) -> None:
    facts = RequestFacts("127.0.0.1", "example")
    user = User.objects.get()
    scopes = (Scope.READ, Scope.WRITE)
    token = token_create(user=user, facts=facts, days=1, scopes=scopes)[1]
    secret = tmp_path / "token.txt"
    secret.write_text(token, encoding="ascii")
    command = [sys.executable, "examples/follow_signals.py", web.url]
    command += ["--token-file", str(secret)]
    signal = {
        "strategy": "mine",
        "pair": "BTC/USDT",
        "exchange": "binance",
        "timeframe": "5m",
        "type": "BUY",
        "price": 63210.5,
        "strength": 91,
    }
    log = tmp_path / "follow.log"
    follower = Process(command, dict(os.environ), log).start()  # noqa: TID251 - a child's
    try:
        # Each post is a new candle: the first may come before the follower listens.
        def seen() -> bool:
            row = signal | {"timestamp": timezone.now().isoformat()}
            answer = subprocess.run(
                [*command, "--post", json.dumps(row)],
                cwd=BASE_DIR,
                check=True,
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert json.loads(answer.stdout)["status"] == "created"
            return '"BTC/USDT"' in follower.log()

        until(seen, "the signal in the stream", 60)
    finally:
        follower.stop()
    events = [json.loads(line) for line in follower.log().splitlines()]
    assert any(event["type"].startswith("signal") for event in events), events
