"""Trials on real freqtrade: what passes, and what every fault is told as."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError
from django.utils import timezone

from freqtrade_mgmt.blueprints import blueprint_code
from freqtrade_mgmt.demo import DEMO_STRATEGIES, demo_source
from freqtrade_mgmt.models import FreqtradeVersion
from freqtrade_mgmt.supervisor import trial_records
from freqtrade_mgmt.supervisor.limits import ADDRESS_SPACE_MB
from freqtrade_mgmt.supervisor.trial_process import Program, trial_run
from freqtrade_mgmt.supervisor.trials import Trials
from freqtrade_mgmt.trial.verdict import Outcome, Tried, verdict
from strategies.models import Strategy
from strategies.services import draft_save, draft_trial_ask, trial_state_set

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from freqtrade_mgmt.installer import InstalledFreqtrade

HEAD = """import os, sys, time
from freqtrade.strategy import IStrategy, informative
{top}

class {name}(IStrategy):
    INTERFACE_VERSION = 3
    timeframe = "5m"
    stoploss = -0.5
    minimal_roi = {{"0": 1}}
    {body}

    def populate_indicators(self, dataframe, metadata):
        {work}
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe.loc[dataframe["close"] > dataframe["open"], "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe
"""
INFORMATIVE = """@informative("1h")
    def populate_indicators_1h(self, dataframe, metadata):
        dataframe["high_1"] = dataframe["high"].rolling(3).max()
        return dataframe
"""
TALKS = """for _ in range(60_000):
            print("all that it knows, and more than anybody reads", flush=False)
        daily = self.dp.get_pair_dataframe("ETH/USDT", "1d")
        dataframe["eth"] = daily["close"].iloc[-1]
        dataframe["pairs"] = len(self.dp.current_whitelist())"""


@dataclass(frozen=True)
class Case:
    """A strategy, and what must be told about it; no reason: it passes."""

    reason: str = ""
    warnings: tuple[str, ...] = ()
    top: str = ""
    body: str = "pass"
    work: str = "pass"
    name: str = "Mine"
    seconds: float = 60
    settings: dict[str, Any] = field(default_factory=dict)

    def code(self) -> str:
        return HEAD.format(top=self.top, body=self.body, work=self.work, name=self.name)


CASES = {
    "loop at import": Case(
        "did not finish loading within 15 s", top="while 1: time.sleep(1)", seconds=15
    ),
    "missing import": Case(
        "imports no_such_module, which freqtrade {version} does not have (line 3)",
        top="import no_such_module",
    ),
    "error at import": Case("cannot be loaded: ZeroDivisionError", top="x = 1 / 0"),
    "memory": Case(
        f"needed more than {ADDRESS_SPACE_MB} MB of memory (line 4)",
        top="kept = []\nwhile True: kept.append(bytes(50_000_000))",
    ),
    "exit at import": Case("ended the whole program (code 0)", top="os._exit(0)"),
    "exit while working": Case(
        "ended the whole program (code 7) (line 13)", work="sys.exit(7)"
    ),
    "syntax that only the compiler finds": Case(
        "not valid Python: line 3: 'return' outside function", top="return 5"
    ),
    "hides a module": Case("talib.py would hide the module", name="talib"),
    "short on spot": Case("sells short (can_short)", body="can_short = True"),
    "refused by freqtrade": Case(
        "freqtrade refuses the strategy: Impossible to load Strategy 'Mine'."
        " Order-types mapping is incomplete.",
        body='order_types = {"entry": "limit"}',
    ),
    "prints, and needs other candles": Case(body=INFORMATIVE, work=TALKS),
    "error while working": Case(
        warnings=("the strategy failed: KeyError: 'nothing' (line 13)",),
        work='dataframe["x"] = dataframe["nothing"]',
    ),
}


@pytest.mark.freqtrade
@pytest.mark.timeout(600)
async def test_every_fault_of_a_strategy_is_told_in_a_sentence(
    real_freqtrade: InstalledFreqtrade, tmp_path: Path
) -> None:
    two_at_once = asyncio.Semaphore(2)

    async def outcome(case: Case) -> Outcome:
        settings = {"timeframe": "5m", **case.settings}
        program = Program(case.name, case.code(), real_freqtrade.python, settings)
        async with two_at_once:
            ended = await trial_run(
                program, root=tmp_path / "trials", run_as=None, seconds=case.seconds
            )
        return verdict(
            ended, Tried(real_freqtrade.version, seconds=round(case.seconds))
        )

    outcomes = await asyncio.gather(*(outcome(case) for case in CASES.values()))

    for (name, case), found in zip(CASES.items(), outcomes, strict=True):
        about = (name, found)
        assert found.passed is (not case.reason), about
        reason = found.reason.english() if found.reason else ""
        assert case.reason.format(version=real_freqtrade.version) in reason, about
        told = [warning.english() for warning in found.warnings]
        assert len(told) == len(case.warnings), about
        for expected, text in zip(case.warnings, told, strict=True):
            assert expected in text, about
    talks = outcomes[list(CASES).index("prints, and needs other candles")]
    assert {"high_1_1h", "eth", "pairs"} <= set(talks.facts["columns"])
    assert not {"close", "enter_long", "enter_tag"} & set(talks.facts["columns"])
    assert talks.facts["marks"]["enter_long"] > 100


# -- With drafts --------------------------------------------------------------


def ask(name: str, class_name: str, code: str, **config: Any) -> Strategy:
    """Save a draft and ask for its trial."""
    row = draft_save(
        by=None,
        name=name,
        config={
            "class_name": class_name,
            "code": code,
            "exchange": "simulated",
            "pairs": ["BTC/USDT"],
            "timeframe": "5m",
            **config,
        },
        freqtrade_config={},
        signal_thresholds={},
    )
    draft_trial_ask(row.pk)
    return row


def installed(path: Path, version: str = "2026.9") -> None:
    FreqtradeVersion.objects.create(
        version=version,
        is_installed=True,
        install_date=timezone.now(),
        install_path=str(path),
    )


async def in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    return await sync_to_async(function)(*arguments)


async def ticked(
    trials: Trials, done: Callable[[], bool], seconds: float = 120
) -> None:
    """Tick as the supervisor does, faster, until ``done`` in the database."""
    async with asyncio.timeout(seconds):
        while not await sync_to_async(done)():
            await trials.tick()
            await asyncio.sleep(0.1)


def trial_of(row: Strategy) -> dict[str, Any]:
    found = Strategy.objects.get(pk=row.pk)
    return dict(found.health_metrics.get("trial") or {})


@pytest.fixture
def home(settings: Any, tmp_path: Path) -> Path:
    settings.BTCW_HOME = tmp_path
    return tmp_path


@pytest.mark.freqtrade
@pytest.mark.timeout(600)
@pytest.mark.django_db(transaction=True)
async def test_drafts_are_tried_and_published_beside_each_other(
    real_freqtrade: InstalledFreqtrade, home: Path
) -> None:
    await sync_to_async(installed)(real_freqtrade.path, real_freqtrade.version)
    chosen = DEMO_STRATEGIES[0]
    made = blueprint_code("empty", "Mine", "1h", {})
    good = await sync_to_async(ask)(chosen.name, chosen.class_name, demo_source(chosen))
    bad = await sync_to_async(ask)("bad", "Mine", f"import no_such_module\n{made}")
    # A supervisor was killed while it tried this one, and has left a folder.
    left = await sync_to_async(ask)("left", "Mine", made, strength={"column": "power"})
    await sync_to_async(trial_state_set)(left.pk, "running")
    (home / "trials" / "trial-left").mkdir(parents=True)
    trials = Trials(in_thread, run_as=lambda _python: None)

    def all_done() -> bool:
        return not trial_records.trials_open()

    try:
        await ticked(trials, all_done)
    finally:
        await trials.close()

    for row in (good, left):
        await row.arefresh_from_db()
        assert not row.is_draft
        assert row.status == "stopped"
        assert row.version == "v1.0"
    trial = await sync_to_async(trial_of)(bad)
    assert trial["state"] == "failed"
    assert "imports no_such_module" in trial["reason"]
    assert "(line 1)" in trial["reason"]
    assert list((home / "trials").iterdir()) == []


@pytest.mark.django_db(transaction=True)
async def test_no_more_than_two_are_tried_at_once_and_closing_ends_them(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sync_to_async(installed)(home)
    running = 0

    async def run(*_arguments: Any, **_options: Any) -> None:
        nonlocal running
        running += 1
        try:
            await asyncio.sleep(1_000)
        finally:
            running -= 1

    monkeypatch.setattr("freqtrade_mgmt.supervisor.trials.trial_run", run)
    code = blueprint_code("rsi", "Mine", "5m", {})
    rows = [await sync_to_async(ask)(f"n{n}", "Mine", code) for n in range(3)]
    trials = Trials(in_thread, run_as=lambda _python: None)
    await ticked(trials, lambda: running == 2, 20)
    for _ in range(3):
        await trials.tick()
    assert running == 2
    await trials.close()
    assert running == 0
    states = [(await sync_to_async(trial_of)(row))["state"] for row in rows]
    # They are found again by the next supervisor.
    assert states == ["running", "running", "wanted"]


@pytest.mark.django_db(transaction=True)
async def test_a_freqtrade_that_is_gone_is_told_and_not_tried_for_ever(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await sync_to_async(installed)(home / "removed")
    row = await sync_to_async(ask)("a", "Mine", blueprint_code("rsi", "Mine", "5m", {}))
    trials = Trials(in_thread, run_as=lambda _python: None)
    with caplog.at_level(logging.CRITICAL, "freqtrade_mgmt"):
        await ticked(trials, lambda: trial_of(row)["state"] == "failed", 20)
    await trials.close()
    reason = (await sync_to_async(trial_of)(row))["reason"]
    assert "The trial could not be made: FileNotFoundError" in reason


@pytest.mark.django_db(transaction=True)
async def test_a_database_that_goes_away_only_delays_the_verdict(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sync_to_async(installed)(home)

    async def run(*_arguments: Any, **_options: Any) -> Any:
        raise OSError("no room")

    monkeypatch.setattr("freqtrade_mgmt.supervisor.trials.trial_run", run)
    real, away = trial_records.trial_finish, [True, True]

    def finish(*arguments: Any) -> str:
        if away:
            away.pop()
            raise OperationalError("the server closed the connection")
        return real(*arguments)

    monkeypatch.setattr(trial_records, "trial_finish", finish)
    row = await sync_to_async(ask)("a", "Mine", blueprint_code("rsi", "Mine", "5m", {}))
    trials = Trials(in_thread, run_as=lambda _python: None)
    await ticked(trials, lambda: trial_of(row)["state"] == "failed", 20)
    await trials.close()
    assert away == []
    assert "no room" in (await sync_to_async(trial_of)(row))["reason"]
