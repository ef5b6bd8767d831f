"""The proof of a new release: a strategy loads in it, and a bot of it runs.

Both are asked of every installation, because a release that was installed with the
wrong dependencies answers ``--version`` and dies when its API starts.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.conf import settings
from django.utils import timezone

from btc_watcher.lib.errors import TransportError
from btc_watcher.lib.outgoing import OutgoingSession
from freqtrade_mgmt.bot_config import (
    SIMULATED,
    BotCredentials,
    BotPaths,
    BotSpec,
    bot_command,
    bot_environment,
    bot_folder_write,
    bot_name,
)
from freqtrade_mgmt.demo import DEMO_STRATEGIES, demo_source
from freqtrade_mgmt.installer import InstallError
from freqtrade_mgmt.installer.child import INSTALL_MARK
from freqtrade_mgmt.simulator import SimulatedExchange
from freqtrade_mgmt.supervisor.client import BotClient, BotUnreachableError
from freqtrade_mgmt.supervisor.limits import limits_of
from freqtrade_mgmt.supervisor.logs import tail
from freqtrade_mgmt.supervisor.plan import STOP_DEADLINE, cause_of
from freqtrade_mgmt.supervisor.processes import BotProcess, Port
from freqtrade_mgmt.supervisor.trial_process import Program, trial_run
from freqtrade_mgmt.supervisor.unprivileged import give, unprivileged_user
from freqtrade_mgmt.trial.verdict import Tried, verdict

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from pathlib import Path

    from freqtrade_mgmt.installer import Watch
    from freqtrade_mgmt.supervisor.unprivileged import Identity

Answer = TypeVar("Answer")

TRIAL_SECONDS: Final = 60.0
START_SECONDS: Final = 60.0
# From the start of the process; what it holds then is what it will hold.
RUN_SECONDS: Final = 10.0
POLL_SECONDS: Final = 0.2
_SIMULATOR_SECONDS: Final = 2.0
_STRATEGY: Final = DEMO_STRATEGIES[0]
_PAIRS: Final = 2
# A bot of nobody's: strategies are counted from 1.
_NOBODY: Final = 0


@dataclass(frozen=True)
class Release:
    """What is to be proven, where, and the mark that its processes carry."""

    version: str
    python: Path
    home: Path
    mark: str
    run_as: Identity | None

    @property
    def folder(self) -> Path:
        """Where the proof may write."""
        return self.home / "install-trials"


def release_prove(
    version: str, python: Path, watch: Watch, mark: str
) -> dict[str, Any]:
    """Return what is measured of a release: facts for compatibility_info.

    interface_version, startup_seconds (to the first analysed candles), memory_mb, trial
    and checked_at. Raises InstallError when a strategy does not load in it or a bot does
    not run, and whatever ``watch.check`` raises.
    """
    home: Path = settings.BTCW_HOME
    release = Release(version, python, home, mark, unprivileged_user(python, home))
    shutil.rmtree(release.folder, ignore_errors=True)
    release.folder.mkdir(parents=True, mode=0o700)
    # Another user has to pass through it to a folder of its own.
    release.folder.chmod(0o711 if release.run_as else 0o700)
    try:
        watch.step("trial")
        tried = _watched(_trial(release), watch)
        watch.step("run")
        with _simulator() as exchange:
            measured = _watched(_bot(release, exchange), watch)
        watch.step(
            "measured",
            seconds=measured["startup_seconds"],
            megabytes=measured["memory_mb"],
        )
    finally:
        shutil.rmtree(release.folder, ignore_errors=True)
    return {**tried, **measured, "checked_at": timezone.now().isoformat()}


def _watched(work: Coroutine[Any, Any, Answer], watch: Watch) -> Answer:
    """Do the work in a thread of its own, and end it when the watch says so.

    Not in ours, because the watch asks the database, which an event loop may not.
    """
    begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Answer]]] = Future()

    async def carried() -> Answer:
        task = asyncio.ensure_future(work)
        begun.set_result((asyncio.get_running_loop(), task))
        return await task

    with ThreadPoolExecutor(1, thread_name_prefix="proof") as thread:
        done = thread.submit(asyncio.run, carried())
        try:
            while not wait([done], timeout=POLL_SECONDS).done:
                watch.check()
        except BaseException:
            loop, task = begun.result()
            # It may have ended by itself at this very moment.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(task.cancel)
            raise
        return done.result()


# -- A strategy loads ---------------------------------------------------------


async def _trial(release: Release) -> dict[str, Any]:
    settings_of = {"timeframe": _STRATEGY.timeframe, "stake_currency": "USDT"}
    code = demo_source(_STRATEGY)
    program = Program(_STRATEGY.class_name, code, release.python, settings_of)
    ended = await trial_run(
        program, root=release.folder, run_as=release.run_as, seconds=TRIAL_SECONDS
    )
    tried = Tried(release.version, seconds=round(TRIAL_SECONDS))
    outcome = verdict(ended, tried)
    if not outcome.passed:
        why = outcome.reason.english() if outcome.reason else "it did not pass."
        raise InstallError(
            f"freqtrade {release.version} was installed, but a strategy does not load in"
            f" it, so it was removed: {why}"
        )
    kept = ("class_name", "candles", "marks")
    return {
        "interface_version": outcome.facts.get("interface_version"),
        "trial": {key: outcome.facts.get(key) for key in kept},
    }


# -- A bot runs ---------------------------------------------------------------


async def _bot(release: Release, exchange: str) -> dict[str, Any]:
    port, credentials = Port(), BotCredentials.random()
    spec = _spec()
    folder = release.folder / "bot"
    paths = bot_folder_write(folder, spec, credentials, port.number, exchange)
    give(folder, release.run_as)
    began = time.monotonic()
    process = BotProcess.start(
        bot_command(release.python, paths),
        folder=paths.folder,
        environment={**bot_environment(paths, spec), INSTALL_MARK: release.mark},
        console=paths.console,
        run_as=release.run_as,
        limits=limits_of(settings.BOT_MEMORY_MB, own_user=release.run_as is not None),
    )
    try:
        async with BotClient(port.number, credentials) as client:
            await _started(client, process, paths, release)
        started = time.monotonic() - began
        most = await _memory(process, began + max(RUN_SECONDS, started))
        if not process.alive():
            raise _broken(release, process, paths, "ended by itself")
        return {"startup_seconds": round(started, 1), "memory_mb": round(most)}
    finally:
        await asyncio.shield(_ended(process))
        port.close()


async def _started(
    client: BotClient, process: BotProcess, paths: BotPaths, release: Release
) -> None:
    """Wait for the first analysed candles of the very bot that was started."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if not process.alive():
            raise _broken(release, process, paths, "did not start")
        # Not there yet, or not to be understood: both show at the deadline.
        with contextlib.suppress(BotUnreachableError, KeyError, ValueError, TypeError):
            about = await client.show_config()
            if about.get("bot_name") == bot_name(_NOBODY):
                pair = _STRATEGY.pairs[0]
                frame = await client.candles(pair, _STRATEGY.timeframe, 2)
                if frame.candles:
                    return
        await asyncio.sleep(POLL_SECONDS)
    raise _broken(
        release, process, paths, f"analysed no candle within {START_SECONDS:.0f} s"
    )


async def _memory(process: BotProcess, until: float) -> float:
    """Return the most that the process holds until then, in MB."""
    most = process.rss_mb()
    while time.monotonic() < until and process.alive():
        await asyncio.sleep(POLL_SECONDS)
        most = max(most, process.rss_mb())
    return most


async def _ended(process: BotProcess) -> None:
    process.terminate()
    deadline = time.monotonic() + STOP_DEADLINE
    while process.alive():
        if time.monotonic() > deadline:
            process.kill()
        await asyncio.sleep(POLL_SECONDS / 4)


def _broken(
    release: Release, process: BotProcess, paths: BotPaths, what: str
) -> InstallError:
    said = f"{tail(paths.console)}\n{tail(paths.log)}"
    _cause, words = cause_of(said, process.exit_code)
    return InstallError(
        f"freqtrade {release.version} was installed, but a bot of it {what}, so it was"
        f" removed: {words or 'it said nothing'}"
    )


def _spec() -> BotSpec:
    return BotSpec(
        strategy_id=_NOBODY,
        name=_STRATEGY.name,
        class_name=_STRATEGY.class_name,
        code=demo_source(_STRATEGY),
        exchange=SIMULATED,
        pairs=_STRATEGY.pairs[:_PAIRS],
        timeframe=_STRATEGY.timeframe,
        stake_currency="USDT",
    )


@contextlib.contextmanager
def _simulator() -> Iterator[str]:
    """Yield the address of the simulated exchange: the one that runs, else our own."""
    url: str = settings.SIMULATOR_URL
    if _answers(url):
        yield url
        return
    with SimulatedExchange() as exchange:
        yield exchange.url


def _answers(url: str) -> bool:
    try:
        with OutgoingSession(seconds=_SIMULATOR_SECONDS) as session:
            answer = session.call("GET", f"{url}/time")
            return answer.ok and "serverTime" in answer.json()
    except (TransportError, ValueError, TypeError):
        return False
