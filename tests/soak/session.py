"""The middle of a run: what follows and posts, the faults, the wait for calm, the verdict."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import psycopg
import redis
import requests

from tests.soak import judging, logs, notices, posts, stored, told, troubles
from tests.soak.agenda import Agenda
from tests.soak.browsers import Browsers
from tests.soak.inflict import Inflicter
from tests.soak.oracle import Oracle, Window
from tests.soak.poster import Hook, Poster
from tests.soak.proof import oracle_check
from tests.soak.receivers import HookReceiver, Mailbox
from tests.soak.report import OK, check
from tests.soak.samples import Sampler, queue_lengths
from tests.soak.strategies import SOAKED
from tests.soak.system import STEP_SECONDS
from tests.soak.troubles import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.soak.faults import Fault
    from tests.soak.proxies import MortalProxy
    from tests.soak.report import Check, Report
    from tests.soak.system import SoakSystem

    Around = tuple[MortalProxy, MortalProxy, HookReceiver]

MINUTE_MS = 60_000
# The first frame of a bot has 999 candles. Its oldest ones warm up its indicators, and
# it began a while before we saw it run.
SURELY_SEEN = 790
RUNNING_SECONDS = 300.0
# A bot that was given up for a while comes back after five minutes at most.
SETTLED_SECONDS = 480.0
NOTICED_SECONDS = 240.0
SHOWN_SECONDS = 60.0
VACUUMED_SECONDS = 180.0
ANSWER_SECONDS = 15.0
# Those with a process of their own are bots; all others share.
PROCESSES = (
    *("web", "worker", "worker-urgent", "beat", "supervisor", "valkey", "postgres"),
    *(f"bot {each.name}" for each in SOAKED if each.own_process),
    *(["shared"] if not all(each.own_process for each in SOAKED) else []),
)
EVERY = {"processes": 10.0, "keys": 10.0, "mails": 4.0, "disks": 30.0}
# Of a short run, a part; what a process does in its first minutes is no growth.
WARM_UP_SECONDS, WARM_UP_PART = 180.0, 0.25


class Session:
    """One soak of one running system."""

    def __init__(
        self, system: SoakSystem, report: Report, around: Around, browsers: int
    ) -> None:
        self._system, self._report = system, report
        self._seconds = report.minutes * 60
        names = {pk: name for name, pk in system.made["strategies"].items()}
        self._sampler = Sampler(system.home, names)
        self._proxies, self._receiver = around[:2], around[2]
        self._mailbox = Mailbox(system.home / "demo-mail")
        self._inflicter = Inflicter(system, self._sampler, around[0], around[2])
        self._oracle = Oracle(system.exchange.market, SOAKED)
        self._count = browsers
        self._browsers: Browsers | None = None
        self._poster: Poster | None = None
        self._window = Window(0, 0)
        self._troubles: list[Trouble] = []
        self._began = self._follows = 0.0
        self._looked: dict[str, float] = {}

    def begin(self, password: str) -> None:
        """Wait for the bots, then let browsers follow and a program post."""
        system = self._system
        with system.terminal.step("Waiting for the bots"):
            system.until(self._all_run, "every bot", RUNNING_SECONDS)
        now = _minute_now()
        self._window = Window(now - SURELY_SEEN * MINUTE_MS, now)
        token = _token(system.address, password)
        self._began = time.time()
        self._browsers = Browsers(system.address, token, self._count)
        self._browsers.start()
        # All are connected, and have seen what was there before.
        system.until(self._all_follow, "every browser", RUNNING_SECONDS)
        self._follows = time.time() + 1
        hook = Hook(int(system.made["hook"]), str(system.made["hook_secret"]))
        self._poster = Poster(system.address, token, hook)
        self._poster.start()

    def soak(self, planned: Sequence[Fault]) -> None:
        """Do the faults, each at its time, until the time is over."""
        agenda = Agenda(planned)
        began = time.monotonic()
        say = self._system.terminal.line
        while (passed := time.monotonic() - began) < self._seconds:
            for ended in self._inflicter.end_due():
                say(f"+{passed:5.0f} s  over: {ended}")
            if fault := agenda.due(passed):
                if done := self._inflicter.begin(fault):
                    agenda.did(fault)
                    now = time.time()
                    self._troubles.append(
                        Trouble(fault.kind, fault.target, now, now + fault.seconds)
                    )
                    self._report.faults.append(done)
                    say(f"+{passed:5.0f} s  {done}")
                else:
                    agenda.put_off(fault, passed)
            self._tend()
        self._inflicter.end_all()
        agenda.close()
        if planned:
            self._report.checks.append(agenda.check())

    def settle(self) -> None:
        """Wait until nothing is missing any more, as long as that may take."""
        system = self._system
        poster = self._poster
        with system.terminal.step("Waiting until all is told"):
            self._wait(self._all_run, SETTLED_SECONDS)
            self._window = Window(self._window.first_ms, _minute_now())
            self._wait(lambda: not self._verdict().missing, SETTLED_SECONDS)
            if poster is not None:
                poster.stop()
            self._wait(lambda: not self._waiting_notices(), NOTICED_SECONDS)
            self._wait(self._is_drained, SHOWN_SECONDS)
            known = set(self._texts(stored.IDENTIFIERS))
            self._wait(lambda: not self._unseen(known), SHOWN_SECONDS)

    def judge(self) -> None:
        """Compare everything and write the checks."""
        report, checks = self._report, self._report.checks
        with self._system.database() as connection:
            rows = stored.marks(connection)
            checks.append(judging.marks_check(self._oracle.judge(self._window, rows)))
            checks.append(
                oracle_check(connection, self._oracle, self._window, report.seed)
            )
            self._judge_posts(connection)
            self._judge_browsers(connection)
            self._judge_notices()
            self._judge_strategies(connection)
        checks.append(logs.feed_check(self._system.home / "log"))
        # PostgreSQL looks once a minute whether there is something to clean.
        self._wait(lambda: self._dead_rows().result == OK, VACUUMED_SECONDS)
        checks.append(self._dead_rows())
        self._wait(self._is_drained, SHOWN_SECONDS)
        families, queues = self._sampler.series.families, self._queued()
        checks.append(judging.keys_check(families, queues))
        warm_up = min(WARM_UP_SECONDS, self._seconds * WARM_UP_PART)
        series = self._sampler.series
        report.growth = judging.growths(series, warm_up)
        watchable = troubles.watchable(
            PROCESSES, self._troubles, (self._began, time.time()), warm_up
        )
        checks.append(judging.growth_check(report.growth, watchable, series.memory))
        report.facts |= self._facts()

    def end(self) -> None:
        """Hang up and stop posting."""
        self._inflicter.end_all()
        if self._poster is not None:
            self._poster.stop()
        if self._browsers is not None:
            self._browsers.stop()

    # -- while it runs ----------------------------------------------------------

    def _tend(self) -> None:
        self._system.manager.step()
        if self._is_time("processes"):
            self._sampler.look_at_processes(self._system.pids())
        if self._is_time("keys"):
            self._sampler.look_at_keys(self._system.redis())
        if self._is_time("mails"):
            self._mailbox.look()
        if self._is_time("disks"):
            self._sampler.look_at_disks()
        time.sleep(STEP_SECONDS)

    def _is_time(self, what: str) -> bool:
        now = time.monotonic()
        if now - self._looked.get(what, -1e9) < EVERY[what]:
            return False
        self._looked[what] = now
        return True

    def _wait(self, condition: Callable[[], bool], seconds: float) -> None:
        """Wait, but not for ever: what did not come is told by the checks."""
        ends = time.monotonic() + seconds
        asked = 0.0
        while time.monotonic() < ends:
            if time.monotonic() - asked > 1.5:
                try:
                    if condition():
                        return
                except (psycopg.Error, redis.RedisError, OSError):
                    pass
                asked = time.monotonic()
            self._tend()

    def _all_run(self) -> bool:
        return self._system.rows(stored.RUNNING) == [(len(SOAKED),)]

    def _all_follow(self) -> bool:
        followers = self._browsers.received if self._browsers else []
        return all(each.reloads for each in followers)

    def _verdict(self) -> Any:
        with self._system.database() as connection:
            return self._oracle.judge(self._window, stored.marks(connection))

    def _waiting_notices(self) -> list[notices.Notice]:
        with self._system.database() as connection:
            rows = stored.notices(connection)
        return [row for row in rows if row.status in notices.WAITING]

    def _queued(self) -> dict[str, int]:
        try:
            return queue_lengths(self._system.redis())
        except (redis.RedisError, OSError):
            return {"Redis, which is away": 1}

    def _is_drained(self) -> bool:
        return not set(self._queued()) - {judging.UNFINISHED}

    def _texts(self, query: str) -> list[str]:
        with self._system.database() as connection:
            return stored.texts(connection, query)

    def _unseen(self, known: set[str]) -> bool:
        followers = self._browsers.received if self._browsers else []
        return any(each.missing(known) for each in followers)

    # -- in the end ---------------------------------------------------------------

    def _dead_rows(self) -> Check:
        tables = [
            (str(t), int(d), int(n)) for t, d, n in self._system.rows(stored.DEAD)
        ]
        return judging.dead_check(tables)

    def _judge_posts(self, connection: psycopg.Connection) -> None:
        if self._poster is None:
            return
        self._report.checks.append(
            posts.posted_check(
                self._poster.posts,
                *stored.posted(connection),
                posts.least(self._seconds),
            )
        )

    def _judge_browsers(self, connection: psycopg.Connection) -> None:
        known = set(stored.texts(connection, stored.IDENTIFIERS))
        # What was stored a moment ago is on its way.
        self._wait(lambda: not self._unseen(known), SHOWN_SECONDS / 4)
        if self._browsers is None:
            return
        faults = troubles.touching(self._troubles, troubles.FEED)
        calm = [
            fact.identifier
            for fact in stored.facts(connection)
            if fact.received > self._follows
            and troubles.feed_is_calm(self._troubles, fact.received)
        ]
        for each in self._browsers.received:
            self._report.checks.append(judging.browser_check(each, known, faults, calm))
        problems = self._browsers.problems
        if problems:
            self._report.checks.append(check("browsers", "broke", problems))

    def _judge_notices(self) -> None:
        # What was written a moment ago is on its way.
        self._wait(lambda: self._notices()[0].ok, NOTICED_SECONDS / 4)
        verdict, facts = self._notices()
        span = self._began, time.time()
        self._report.checks.append(
            judging.notices_check(
                verdict,
                troubles.touching(self._troubles, troubles.DELIVERY),
                told.needlessly_late(facts, self._troubles, span),
            )
        )

    def _notices(self) -> tuple[notices.NoticeVerdict, list[told.Fact]]:
        self._mailbox.look()
        with self._system.database() as connection:
            # Signals and their notices as of one moment.
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            facts = stored.facts(connection)
            channels = [int(each) for each in stored.texts(connection, stored.CHANNELS)]
            rows = stored.notices(connection)
        self._mailbox.look()
        verdict = notices.judge(
            rows,
            told.to_be_told(facts),
            channels,
            self._receiver.accepted,
            self._mailbox.accepted,
            now=time.time(),
        )
        return verdict, facts

    def _judge_strategies(self, connection: psycopg.Connection) -> None:
        mine = {each.name for each in SOAKED}
        states = [
            (str(name), str(status))
            for name, status in connection.execute(stored.STATES)
            if name in mine
        ]
        wrong = [
            f"{name} is {status}" for name, status in states if status != "running"
        ]
        words = f"{len(states) - len(wrong)} of {len(mine)} run"
        self._report.checks.append(check("strategies", words, wrong))

    def _facts(self) -> dict[str, object]:
        exchange = self._system.exchange
        poster = self._poster
        return {
            "exchange": f"{exchange.hits.total()} requests,"
            f" {exchange.faults.total()} answered wrongly or late",
            "receiver": f"{self._receiver.accepted.total()} accepted,"
            f" {self._receiver.refused} refused",
            "mails": self._mailbox.accepted.total(),
            "proxies": f"{sum(len(p.targets) for p in self._proxies)} connections",
            "posts": f"{poster.attempts if poster else 0} attempts",
            "ended and started again": dict(
                Counter(
                    event.split(" runs again")[0]
                    for event in self._system.events
                    if " runs again" in event
                )
            ),
            "tracebacks in logs": dict(logs.tracebacks(self._system.home / "log")),
        }


def _minute_now() -> int:
    return int(time.time() * 1000) // MINUTE_MS * MINUTE_MS


def _token(address: str, password: str) -> str:
    answer = requests.post(
        f"{address}/api/v1/auth/token/",
        json={"username": "admin", "password": password, "name": "soak"},
        timeout=ANSWER_SECONDS,
    )
    answer.raise_for_status()
    return str(answer.json()["token"])
