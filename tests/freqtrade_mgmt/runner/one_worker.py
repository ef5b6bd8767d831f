"""One real worker of a runner, told step by step what to do. Run by freqtrade's Python.

``python one_worker.py PROGRAM CONFIG USERDIR``: a line of JSON on stdin is what the hub
would send, a line on stdout what the worker answers. A step ``candles`` names how many
minutes of candles there are, instead of carrying them. Nothing waits for a clock.
"""

from __future__ import annotations

import json
import pickle
import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from freqtrade_mgmt.runner.wire import Wire

_FIRST_CANDLE = "2026-01-01T00:00:00Z"
_LIMIT = 1000
_SHARE_MB = 250.0


class Steps:
    """Stands for the wire between a worker and its hub."""

    def __init__(self) -> None:
        self._analysed = 0

    def receive(self) -> tuple[dict[str, Any], bytes]:
        """Return the next step; raises EOFError after the last."""
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        head: dict[str, Any] = json.loads(line)
        if head["do"] != "candles":
            return head, b""
        return head, pickle.dumps(_frame(head.pop("minutes")), protocol=5)

    def say(self, head: dict[str, Any], _body: bytes = b"") -> None:
        """Answer a step, and count what the strategy has sent for it."""
        self._analysed += head.get("kind") == "analyzed_df"
        if "done" in head:
            print(json.dumps({**head, "analysed": self._analysed}), flush=True)  # noqa: T201 - to the test
            self._analysed = 0

    def flush(self) -> None:
        """Everything was sent already."""


def _frame(minutes: int) -> Any:
    """Return that many candles, as the feeder hands them over."""
    import pandas as pd  # noqa: PLC0415 - not in our own environment

    dates = pd.date_range(_FIRST_CANDLE, periods=minutes, freq="1min")
    price = [100.0 + number % 7 for number in range(minutes)]
    columns = dict.fromkeys(("open", "high", "low", "close", "volume"), price)
    return pd.DataFrame({"date": dates, **columns})


def main(program: str, config: str, userdir: str) -> None:
    """Open the exchange of a configuration, and be a worker until stdin ends."""
    runpy.run_path(str(Path(program) / "main.py"))["package_here"]()
    import freqtrade.configuration.configuration as settings  # noqa: PLC0415 - as above

    from freqtrade_mgmt.runner.exchange import exchange_open  # noqa: PLC0415 - as above
    from freqtrade_mgmt.runner.rest import Rest  # noqa: PLC0415 - as above
    from freqtrade_mgmt.runner.worker import Worker  # noqa: PLC0415 - as above

    # As the maker does: each strategy's log is its own.
    settings.setup_logging = lambda _config: None
    exchange = exchange_open(config, userdir)
    Worker(cast("Wire", Steps()), exchange, Rest(), _SHARE_MB).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
