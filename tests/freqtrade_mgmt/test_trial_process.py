"""The process of a trial, with a stand-in for the script that needs freqtrade."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pwd
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from freqtrade_mgmt.supervisor import trial_process
from freqtrade_mgmt.supervisor.trial_process import (
    LIMITS,
    SCRIPT,
    Program,
    leftovers_remove,
    trial_run,
)
from freqtrade_mgmt.supervisor.unprivileged import Identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from freqtrade_mgmt.trial.verdict import Ended

    Runner = Callable[..., Any]

# The real script's own beginning, then what a strategy could do.
BEGIN = (
    SCRIPT.read_text().partition("if __name__")[0].replace("from __future__", "#")
    + """
import time, subprocess
assert confine(Path(sys.argv[1]), int(sys.argv[4]))
def tell(**values): os.write(int(sys.argv[3]), (json.dumps(values) + "\\n").encode())
"""
)

PARENT = """
import os, subprocess, sys, time
subprocess.Popen(
    [sys.executable, sys.argv[1], sys.argv[2], "Mine", "1", str(os.getpid())],
    start_new_session=True,
)
time.sleep(1000)
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Run a script in the place of the real one."""

    async def runs(
        script: str,
        *,
        seconds: float = 20,
        run_as: Identity | None = None,
        root: Path = tmp_path / "trials",
    ) -> Ended:
        path = tmp_path / "load_strategy.py"
        path.write_text(BEGIN + script)
        monkeypatch.setattr(trial_process, "SCRIPT", path)
        program = Program("Mine", "code = 'é'", Path(sys.executable), {"a": 1})
        ended = await trial_run(program, root=root, run_as=run_as, seconds=seconds)
        assert os.listdir(root) == [], "something was left"  # noqa: PTH208
        return ended

    return runs


def told(ended: Ended) -> dict[str, Any]:
    return dict(json.loads(ended.report.splitlines()[-1]))


async def test_it_gets_its_files_and_nothing_of_ours(run: Runner) -> None:
    ended = await run(
        "folder = sys.argv[1]\n"
        "tell(more=sys.stdin.read(), env=dict(os.environ), cwd=os.getcwd(),"
        " argv=sys.argv[1:3], mask=os.umask(0), session=os.getsid(0) == os.getpid(),"
        " mode=os.stat(folder).st_mode & 0o777,"
        " code=open(f'{folder}/strategies/Mine.py', encoding='utf-8').read(),"
        " settings=open(f'{folder}/settings.json').read(), fds=os.listdir('/proc/self/fd'))"
    )
    assert (ended.code, ended.late) == (0, False)
    found = told(ended)
    folder = found["cwd"]
    assert found["more"] == ""
    assert found["env"].pop("LC_CTYPE", "C.UTF-8") == "C.UTF-8"
    assert found["env"] == {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": folder,
        "TMPDIR": folder,
        "LANG": "C.UTF-8",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    assert found["argv"] == [folder, "Mine"]
    assert found["mode"] == 0o700
    assert found["mask"] == 0o077
    assert found["session"] is True
    assert found["code"] == "code = 'é'"
    assert json.loads(found["settings"]) == {"a": 1}
    # Standard ones, the report, and the one that lists them.
    assert len(found["fds"]) == 5


async def test_its_limits_are_set_before_it_begins(run: Runner) -> None:
    ended = await run(
        f"tell(limits=[resource.getrlimit(getattr(resource, n)) for n in {list(LIMITS)}], nice=os.nice(0))"
    )
    found = told(ended)
    assert found["limits"] == [list(pair) for pair in LIMITS.values()]
    assert found["nice"] >= 5


async def test_memory_without_end_ends_in_an_error_of_its_own(run: Runner) -> None:
    ended = await run(
        "kept = []\n"
        "try:\n"
        "    while True: kept.append(bytes(100_000_000))\n"
        "except MemoryError: tell(blocks=len(kept))"
    )
    assert told(ended)["blocks"] < 20


async def test_one_that_does_not_end_is_killed_in_time(run: Runner) -> None:
    began = time.monotonic()
    ended = await run("signal.signal(15, 1)\nwhile True: pass", seconds=1)
    assert ended.late
    assert ended.code == -signal.SIGKILL
    assert time.monotonic() - began < 5


async def test_one_that_sleeps_with_children_is_killed_with_them(run: Runner) -> None:
    ended = await run(
        "child = subprocess.Popen(['/bin/sleep', '1000'])\n"
        "tell(child=child.pid)\ntime.sleep(1000)",
        seconds=1,
    )
    assert ended.late
    assert await gone(told(ended)["child"])


async def test_children_that_outlive_it_are_killed(run: Runner) -> None:
    ended = await run(
        "child = subprocess.Popen(['/bin/sleep', '1000'])\n"
        "tell(child=child.pid)\nos._exit(3)"
    )
    assert (ended.code, ended.late) == (3, False)
    assert await gone(told(ended)["child"])


async def test_what_it_prints_without_end_fills_no_disk(
    run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = []
    truncate = os.ftruncate

    def noted(file: int, length: int) -> None:
        cut.append(os.fstat(file).st_size)
        truncate(file, length)

    monkeypatch.setattr(os, "ftruncate", noted)
    ended = await run(
        "block = 'x' * 99 + '\\n'\n"
        "until = time.monotonic() + 2\n"
        "while time.monotonic() < until: print(block * 10, flush=True)\n"
        "print('the end', flush=True)"
    )
    assert ended.code == 0, ended.output[-500:]
    assert ended.output.endswith("the end\n")
    assert len(ended.output) <= 16_000
    assert cut
    assert max(cut) < 50_000_000


async def test_a_report_without_end_is_read_in_part(run: Runner) -> None:
    ended = await run("for n in range(100_000): tell(number=n)")
    assert told(ended) == {"number": 99_999}
    assert len(ended.report) <= 200_000


async def test_a_file_that_grows_without_end_is_stopped(run: Runner) -> None:
    ended = await run(
        "with open('big', 'wb') as file:\n"
        "    try:\n"
        "        for _ in range(60): file.write(bytes(1_000_000))\n"
        "    except OSError as error: tell(error=error.errno)"
    )
    assert told(ended) == {"error": 27}


async def test_a_crash_is_a_signal(run: Runner) -> None:
    ended = await run("os.kill(os.getpid(), signal.SIGSEGV)")
    assert ended.code == -signal.SIGSEGV


async def test_one_that_is_cancelled_leaves_nothing(
    run: Runner, tmp_path: Path
) -> None:
    started = tmp_path / "started"
    task = asyncio.create_task(
        run(f"open({str(started)!r}, 'w').write(str(os.getpid()))\ntime.sleep(1000)")
    )
    while not (started.exists() and started.read_text()):  # noqa: ASYNC110 - a file
        await asyncio.sleep(0.02)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert await gone(int(started.read_text()))
    assert list((tmp_path / "trials").iterdir()) == []


def test_it_dies_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "limits.json").write_text('{"limits": {}, "nice": 5}')
    script, pids = tmp_path / "load_strategy.py", tmp_path / "pids"
    script.write_text(
        BEGIN
        + f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}}\\n')\ntime.sleep(1000)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(script), str(tmp_path)],
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 20
        while not (pids.exists() and pids.read_text().endswith("\n")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        parent.kill()
        parent.wait()
    assert asyncio.run(gone(int(pids.read_text())))


async def test_an_interpreter_that_is_missing_is_an_error(tmp_path: Path) -> None:
    program = Program("Mine", "", tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        await trial_run(program, root=tmp_path / "trials", run_as=None, seconds=5)
    assert list((tmp_path / "trials").iterdir()) == []


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may pass; that of pytest is ours alone."""
    with tempfile.TemporaryDirectory(prefix="btcw-trial-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may run as somebody else")
async def test_as_root_it_runs_as_somebody_else(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = pwd.getpwnam("nobody")
    script = open_folder / "load_strategy.py"
    script.write_text(
        BEGIN + "tell(ids=[os.getresuid(), os.getresgid(), os.getgroups()],"
        " mine=os.access(sys.argv[1], os.W_OK), root=os.access('/root', os.R_OK),"
        " code=open(f'{sys.argv[1]}/strategies/Mine.py').read())"
    )
    monkeypatch.setattr(trial_process, "SCRIPT", script)
    program = Program("Mine", "x = 1", Path("/usr/bin/python3"))
    ended = await trial_run(
        program,
        root=open_folder / "trials",
        run_as=Identity(nobody.pw_uid, nobody.pw_gid),
        seconds=20,
    )
    assert told(ended) == {
        "ids": [[nobody.pw_uid] * 3, [nobody.pw_gid] * 3, []],
        "mine": True,
        "root": False,
        "code": "x = 1",
    }


def test_leftovers_are_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "trial-old" / "strategies").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    leftovers_remove(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
    leftovers_remove(tmp_path / "missing")


async def gone(pid: int) -> bool:
    """Wait until a process that is not our child has ended."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        await asyncio.sleep(0.02)
    return False
