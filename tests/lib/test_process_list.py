"""Processes are looked at anew, because their numbers come round again."""

from __future__ import annotations

import subprocess
import sys

import psutil

from btc_watcher.lib.process_list import processes_now


def test_a_process_is_there_once_and_as_it_is_now() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1) as child:
        first = [each for each in processes_now() if each.pid == child.pid]
        again = [each for each in processes_now() if each.pid == child.pid]
        assert len(first) == len(again) == 1
        # psutil's own iterator would give the same object, with all that it remembers.
        assert first[0] is not again[0]
        child.communicate(b"\n", timeout=10)
    assert not [each for each in processes_now() if each.pid == child.pid]
    assert psutil.Process().pid in {each.pid for each in processes_now()}
