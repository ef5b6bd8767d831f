"""One real maker that is refused every fork by the system. Run by freqtrade's Python.

``python one_maker.py PROGRAM`` prints what it answers to two requests, as JSON lines.
"""

from __future__ import annotations

import json
import os
import resource
import runpy
import socket
import sys
import threading
from pathlib import Path

# Limits of a number of processes hold for everybody but root.
_NOBODY = 65_534


def main(program: str) -> None:
    """Ask a maker twice for a process, where none may be made."""
    runpy.run_path(str(Path(program) / "main.py"))["package_here"]()
    from freqtrade_mgmt.runner.maker import Maker  # noqa: PLC0415 - of another environment
    from freqtrade_mgmt.runner.wire import Wire  # noqa: PLC0415 - as above

    ours, makers = socket.socketpair()
    made, wire = Maker(Wire(makers), share_mb=250.0), Wire(ours)
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    wire.receive()
    if os.getuid() == 0:
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    for number in (1, 2):
        wire.send({"do": "fork", "task": number, "kind": "worker", "name": "worker-1"})
        print(json.dumps(wire.receive()[0]), flush=True)  # noqa: T201 - to the test


if __name__ == "__main__":
    main(*sys.argv[1:])
