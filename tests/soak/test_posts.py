"""What programs posted is stored once and as it was, and every way was used."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.notifications.fakes.http import Answer, HttpFake, Received
from tests.soak import poster, posts
from tests.soak.poster import Hook, Poster, bulk
from tests.soak.posts import API, BULK, HOOK, Kept, Posts, Sent, posted_check
from tests.soak.report import FAILED, OK

if TYPE_CHECKING:
    from collections.abc import Mapping

SENT = Sent("A/USDT", "BUY", 1.5, 60.0)
KEPT = Kept(SENT, "medium", "P1")
STORED = {"a": KEPT, "b": KEPT, "c": KEPT}
ONE_EACH = dict.fromkeys(posts.WAYS, 1)


def three() -> Posts:
    found = Posts()
    for way, identifier in zip(posts.WAYS, STORED, strict=True):
        found.confirm(way, {identifier: SENT})
    return found


def result(
    found: Posts,
    stored: Mapping[str, Kept] = STORED,
    signals: int = 3,
    wanted: Mapping[str, int] = ONE_EACH,
) -> str:
    return posted_check(found, stored, signals, wanted).result


def test_what_was_confirmed_and_is_stored_passes() -> None:
    assert result(three()) == OK


def test_what_was_confirmed_must_be_stored_once() -> None:
    assert result(three(), {"a": KEPT, "b": KEPT}, 2) == FAILED
    assert result(three(), signals=2) == FAILED
    again = three()
    again.confirmed.append("a")
    assert result(again) == FAILED


@pytest.mark.parametrize("problems", ["refused", "stuck", "wrong"])
def test_an_answer_that_was_no_yes_fails(problems: str) -> None:
    found = three()
    getattr(found, problems).append("403")
    assert result(found) == FAILED


@pytest.mark.parametrize(
    "kept",
    [
        KEPT._replace(sent=SENT._replace(type="SELL")),
        KEPT._replace(sent=SENT._replace(price=1.6)),
        KEPT._replace(sent=SENT._replace(strength=61.0)),
        KEPT._replace(level="strong"),
        KEPT._replace(priority="P0"),
    ],
)
def test_what_is_stored_otherwise_than_it_was_posted_fails(kept: Kept) -> None:
    assert result(three(), STORED | {"b": kept}) == FAILED


def test_a_way_that_was_used_too_seldom_fails() -> None:
    for way in posts.WAYS:
        assert result(three(), wanted=ONE_EACH | {way: 2}) == FAILED
    assert result(Posts(), {}, 0) == FAILED


def test_the_longer_a_run_the_more_posts_there_must_be() -> None:
    assert posts.least(30) == ONE_EACH
    assert posts.least(1800) == {API: 71, HOOK: 75, BULK: 3}


def test_a_bulk_is_large_enough_for_copies_and_for_a_fan_out() -> None:
    from notifications.services.bursts import COPY_MESSAGES  # noqa: PLC0415
    from notifications.services.fan_outs import DIRECT_ROWS  # noqa: PLC0415
    from signals_app.statements import COPY_ROWS  # noqa: PLC0415

    signals = bulk()
    assert len(signals) >= 600 > max(COPY_ROWS, COPY_MESSAGES, DIRECT_ROWS)
    assert len({each.pair for each in signals}) == len(signals)
    assert Counter(each.strength for each in signals)[90] == 20


class Api(HttpFake):
    """Stores everything under a new id, or always answers with ``status``."""

    def __init__(self, status: int = 200, *, forgetful: bool = False) -> None:
        super().__init__()
        self.status, self.forgetful = status, forgetful
        self.known: dict[str, str] = {}

    def reply(self, request: Received) -> Answer:
        """Answer as the API does."""
        if self.status != 200:
            return self.status, {"error": "no"}
        body: Any = request.json
        rows = body if isinstance(body, list) else [body]
        if self.forgetful:
            self.known.clear()
        before = len(self.known)
        found = [
            self.known.setdefault(row["pair"], f"{self.hits()}-{row['pair']}")
            for row in rows
        ]
        if not isinstance(body, list):
            return 201, {"id": found[0]}
        created = len(self.known) - before
        results = [{"id": each} for each in found]
        duplicates = len(rows) - created
        counts = {"created": created, "duplicate": duplicates, "refused": 0}
        return 200, counts | {"results": results}

    def hits(self) -> int:
        """Return how many requests there were."""
        return len(self.received)


def posting(api: Api, monkeypatch: pytest.MonkeyPatch) -> Poster:
    """Start to post without a pause."""
    monkeypatch.setattr(poster, "PACE_SECONDS", 0.0)
    monkeypatch.setattr(poster, "AGAIN_SECONDS", 0.01)
    found = Poster(api.base, "token", Hook(1, "secret"))
    found.start()
    return found


def test_every_way_is_posted_and_the_bulk_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Api() as api:
        found = posting(api, monkeypatch)
        while found.posts.ways[API] < 2:
            found.join(0.01)
        found.stop()
    assert found.posts.wrong == found.posts.refused == found.posts.stuck == []
    assert found.posts.ways[BULK] == 1
    assert len(found.posts.confirmed) >= 600 + 2 + 2
    urls = [request.path for request in api.received[:4]]
    assert urls[:2] == ["/api/v1/signals/"] * 2
    assert urls[2] == "/api/v1/hooks/1/"


def test_a_bulk_that_is_stored_again_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with Api(forgetful=True) as api:
        found = posting(api, monkeypatch)
        while not found.posts.ways[HOOK]:
            found.join(0.01)
        found.stop()
    assert found.posts.wrong == ["post 0 was stored again as others"]


def test_a_post_that_hangs_is_told_and_does_not_hold_up_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(poster, "HANGS_SECONDS", 0.2)
    monkeypatch.setattr(poster, "HANGS_IN_CALM_SECONDS", 0.1)
    with Api(503) as api:
        found = posting(api, monkeypatch)
        while len(found.posts.stuck) < 2:
            found.join(0.01)
        found.stop()
    assert found.posts.stuck[0].startswith("0 by bulk in 0 s, at last: 503")
    assert found.posts.stuck[1].startswith("1 by hook")


def test_a_post_that_hangs_in_the_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poster, "HANGS_IN_CALM_SECONDS", 0.05)
    with Api(503) as api:
        found = posting(api, monkeypatch)
        while found.attempts < 8:
            found.join(0.02)
        found.stop()
    assert len(found.posts.stuck) == 1
