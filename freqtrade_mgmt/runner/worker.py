"""A worker: loads strategies and analyses, one thing at a time, for the hub."""

from __future__ import annotations

import contextlib
import gc
import logging
import pickle
import resource
import time
from typing import TYPE_CHECKING, Any, Final

from freqtrade.enums import CandleType
from freqtrade.persistence import init_db

from freqtrade_mgmt.runner.children import MEGABYTE, address_space, own_mb
from freqtrade_mgmt.runner.exchange import markets_change, network_renew
from freqtrade_mgmt.runner.logs import Routed, logging_begin
from freqtrade_mgmt.runner.rest import FIXED
from freqtrade_mgmt.runner.stand import NeedsBotError, Stand, keys_said, problem_of
from freqtrade_mgmt.runner.views import Stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from freqtrade_mgmt.runner.rest import Rest
    from freqtrade_mgmt.runner.views import Key
    from freqtrade_mgmt.runner.wire import Wire

logger = logging.getLogger(__name__)

# One analysis may reserve this much more before Python is refused memory.
_RESERVED_SHARES: Final = 2


class Worker:
    """Does what the hub says until the hub has gone."""

    def __init__(self, wire: Wire, exchange: Any, rest: Rest, share_mb: float) -> None:
        self._wire = wire
        self._exchange = exchange
        self._rest = rest
        self._share = share_mb
        # By numbers of the hub: a strategy may be loaded anew while one is ended.
        self._stands: dict[int, Stand] = {}
        self._stored: dict[Key, Stored] = {}
        self._log = Routed(lambda line: wire.say({"line": line}))
        self._hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        self._does: dict[str, Callable[[dict[str, Any], bytes], dict[str, Any]]] = {
            "analyse": self._analyse,
            "ask": self._ask,
            "candles": self._candles,
            "forget": self._forget,
            "frames": self._frames,
            "load": self._load,
            "loop": self._loop,
            "markets": self._markets,
            "unload": self._unload,
            "wants": self._wants,
        }

    def run(self) -> None:
        """Work; returns when the hub has gone."""
        logging_begin(self._log)
        network_renew(self._exchange)
        init_db("sqlite://")
        # What was made before the fork is shared as long as nobody looks at it.
        gc.set_threshold(50_000, 500, 1000)
        while True:
            try:
                head, body = self._wire.receive()
            except (EOFError, OSError):
                return
            said = self._do(head, body)
            if "task" in head:
                self._wire.say({"done": head["task"], **said})
            self._wire.flush()

    def _do(self, head: dict[str, Any], body: bytes) -> dict[str, Any]:
        begun, held = time.perf_counter(), own_mb()
        self._reserve()
        stand = self._stands.get(head.get("stand", 0))
        try:
            said = self._does[head["do"]](head, body)
        except (SystemExit, KeyboardInterrupt) as error:
            said = _ended(error)
        except Exception as error:  # noqa: BLE001 - what ends a bot ends one strategy here
            said = self._fatal(head, error)
        said["seconds"] = round(time.perf_counter() - begun, 6)
        stand = stand or self._stands.get(head.get("stand", 0))
        if stand is not None:
            stand.grown_mb = max(0.0, stand.grown_mb + own_mb() - held)
            said["grown_mb"] = round(stand.grown_mb, 1)
        return said

    def _fatal(self, head: dict[str, Any], error: Exception) -> dict[str, Any]:
        """Tell of an exception that freqtrade lets through, as it does before it ends."""
        stand = self._stands.get(head.get("stand", 0))
        if stand is None:
            return {"ok": False, "gone": True}
        if isinstance(error, NeedsBotError):
            return {"ok": False, "error": "needs_bot", "message": str(error)}
        with _logged(self._log, stand):
            logger.error("Fatal exception!", exc_info=error)
        return {"ok": False, "error": "exit", "message": f"Fatal exception! {error!r}"}

    def _reserve(self) -> None:
        """Let what comes now reserve some memory, not all of the machine's."""
        wanted = address_space() + int(self._share * MEGABYTE * _RESERVED_SHARES)
        if self._hard != resource.RLIM_INFINITY:
            wanted = min(wanted, self._hard)
        resource.setrlimit(resource.RLIMIT_AS, (wanted, self._hard))

    def _load(self, head: dict[str, Any], _body: bytes) -> dict[str, Any]:
        number = int(head["stand"])

        def say(kind: str, text: bytes) -> None:
            self._wire.say({"say": number, "kind": kind}, text)

        stand = Stand(head, self._exchange, self._stored, say)
        self._log.current = stand.log
        try:
            with stand.modules.present():
                stand.load()
                facts = self._facts(stand)
        except BaseException as error:  # noqa: BLE001 - a strategy may raise anything at all
            code, text = problem_of(error)
            stand.close()
            return {"error": code, "message": text, "spoiled": _spoiled(stand)}
        finally:
            self._log.current = None
        self._stands[number] = stand
        return {"facts": facts}

    def _analyse(self, head: dict[str, Any], _body: bytes) -> dict[str, Any]:
        stand = self._stands[head["stand"]]
        # What was said before has nothing to do with this one.
        stand.log.out_of_memory, stand.log.last_problem = False, ""
        with stand.modules.present(), _logged(self._log, stand):
            done = stand.analyse(head["pair"])
        if done:
            return {"ok": True}
        text = stand.log.last_problem
        if stand.log.out_of_memory:
            return {"ok": False, "error": "memory", "message": text}
        text = text or f"The analysis of {head['pair']} gave no result."
        return {"ok": False, "message": text}

    def _loop(self, head: dict[str, Any], _body: bytes) -> dict[str, Any]:
        stand = self._stands[head["stand"]]
        with stand.modules.present(), _logged(self._log, stand):
            stand.loop()
        return {"ok": True}

    def _wants(self, head: dict[str, Any], _body: bytes) -> dict[str, Any]:
        stand = self._stands[head["stand"]]
        with stand.modules.present(), _logged(self._log, stand):
            return {"ok": True, "keys": keys_said(stand.wanted())}

    def _ask(self, head: dict[str, Any], body: bytes) -> dict[str, Any]:
        stand = self._stands[head["stand"]]
        if head["path"] == "logs":
            self._wire.say({"part": head["task"]}, stand.log.told(head["query"]))
            return {"ok": True, "status": 200}
        with stand.modules.present(), _logged(self._log, stand):
            status, text = self._rest.ask(
                stand, head["path"], head["query"], body if head["post"] else None
            )
        self._wire.say({"part": head["task"]}, text)
        return {"ok": True, "status": status}

    def _frames(self, head: dict[str, Any], _body: bytes) -> dict[str, Any]:
        stand = self._stands[head["stand"]]
        with stand.modules.present(), _logged(self._log, stand):
            for text in stand.frames(head["limit"], head["pair"]):
                self._wire.say({"part": head["task"]}, text)
        return {"ok": True}

    def _candles(self, head: dict[str, Any], body: bytes) -> dict[str, Any]:
        pair, timeframe, kind = head["key"]
        self._stored[(pair, timeframe, CandleType.from_string(kind))] = Stored(
            # From the feeder, a process of ours that runs no strategy.
            frame=pickle.loads(body),  # noqa: S301
            born_ms=head["born_ms"],
            calls=head["calls"],
            limit=head["limit"],
            keep=head["keep"],
        )
        return {}

    def _forget(self, head: dict[str, Any], _body: bytes) -> dict[str, Any]:
        pair, timeframe, kind = head["key"]
        self._stored.pop((pair, timeframe, CandleType.from_string(kind)), None)
        return {}

    def _markets(self, _head: dict[str, Any], body: bytes) -> dict[str, Any]:
        markets_change(self._exchange, pickle.loads(body))  # noqa: S301 - as above
        for number, stand in self._stands.items():
            before = stand.active_pair_whitelist
            with stand.modules.present(), _logged(self._log, stand):
                stand.pairs_refresh()
                if stand.active_pair_whitelist != before:
                    self._wire.say({"other": number, "facts": self._facts(stand)})
        return {}

    def _facts(self, stand: Stand) -> dict[str, Any]:
        """Return what the hub has to know, with the answers that it gives by itself."""
        answers = {path: self._rest.ask(stand, path)[1].decode() for path in FIXED}
        return {**stand.facts(), "answers": answers}

    def _unload(self, head: dict[str, Any], _body: bytes) -> dict[str, Any]:
        stand = self._stands.pop(head["stand"], None)
        if stand is not None:
            with stand.modules.present(), _logged(self._log, stand):
                stand.close()
            del stand
            gc.collect()
        return {"ok": True}


@contextlib.contextmanager
def _logged(log: Routed, stand: Stand) -> Iterator[None]:
    log.current = stand.log
    try:
        yield
    finally:
        log.current = None


def _spoiled(stand: Stand) -> bool:
    try:
        return stand.spoils()
    except Exception:  # noqa: BLE001 - its files may be anything; nothing is known then
        return True


def _ended(error: BaseException) -> dict[str, Any]:
    code = error.code if isinstance(error, SystemExit) else type(error).__name__
    return {
        "ok": False,
        "error": "exit",
        "message": f"The strategy ended the whole program (code {code}).",
    }
