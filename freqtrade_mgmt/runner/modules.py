"""Keeping strategies of one process apart: their modules, and what belongs to all."""

from __future__ import annotations

import contextlib
import itertools
import locale
import logging
import os
import sys
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

# Of pandas' options, the parts that change what is calculated, not how it is shown.
_PANDAS: Final = ("compute", "future", "mode")
_WARNS: Final = "mode.chained_assignment"
# Threads of the web framework that answers requests.
_KNOWN_THREADS: Final = ("AnyIO", "asyncio_", "ThreadPoolExecutor")


class PrivateModules:
    """The modules that a strategy has in its own folder, and nobody else's.

    Two strategies may each have a ``helper.py``: Python keeps modules by name, so they
    are put there for as long as their strategy is worked on.
    """

    def __init__(self, folder: Path) -> None:
        # Whichever of its names Python was told to import from.
        names = {folder.absolute(), folder.resolve()}
        self._folders = tuple(f"{name}{os.sep}" for name in names)
        self._folder = folder
        self._modules: dict[str, ModuleType] = {}
        self._before: int | None = None

    @contextlib.contextmanager
    def present(self) -> Iterator[None]:
        """Put them there, take them away again, and keep what was imported meanwhile."""
        path, self._before = list(sys.path), len(sys.modules)
        # A library may have come under the same name meanwhile.
        others = {n: sys.modules[n] for n in self._modules if n in sys.modules}
        sys.modules.update(self._modules)
        try:
            yield
        finally:
            self._modules.update(self._new())
            self._before = None
            for name in self._modules:
                sys.modules.pop(name, None)
            sys.modules.update(others)
            sys.path[:] = path

    def sources(self) -> list[Path]:
        """Return the files of the modules that were imported so far."""
        modules = {**self._modules, **self._new()}.values()
        files = (getattr(module, "__file__", None) for module in modules)
        return [Path(file) for file in files if file]

    def files(self) -> list[Path]:
        """Return all that could have been imported, if something ended that half-way."""
        return sorted(self._folder.rglob("*.py"))

    def _new(self) -> dict[str, ModuleType]:
        """Return the private ones that stand where Python keeps modules."""
        if self._before is None:
            return {}
        # What is new stands last; there are thousands before it.
        count = max(0, len(sys.modules) - self._before)
        names = list(itertools.islice(reversed(sys.modules), count))
        return {n: sys.modules[n] for n in names if self._is_private(sys.modules[n])}

    def _is_private(self, module: Any) -> bool:
        places = [getattr(module, "__file__", None)]
        # A folder without an __init__.py is a module without a file.
        places = places if places[0] else list(getattr(module, "__path__", ()))
        return any(f"{place}{os.sep}".startswith(self._folders) for place in places)


def process_state() -> dict[str, Any]:
    """Return what a strategy could change for all the others of its process."""
    root = logging.getLogger()
    return {
        "the folder that it runs in": _folder(),
        "NumPy's handling of errors": np.geterr(),
        "the locale": locale.setlocale(locale.LC_ALL),
        "pandas' options": _options(),
        "what is logged": (root.manager.disable, root.level, list(root.handlers)),
        "threads": sorted(
            thread.name
            for thread in threading.enumerate()
            if not thread.name.startswith(_KNOWN_THREADS)
        ),
    }


def process_changed(before: dict[str, Any]) -> str:
    """Return what a strategy has changed for all, put back where that is possible."""
    now = process_state()
    changed = [name for name, value in before.items() if now[name] != value]
    if not changed:
        return ""
    with contextlib.suppress(OSError, locale.Error):
        os.chdir(before["the folder that it runs in"])
        np.seterr(**before["NumPy's handling of errors"])
        locale.setlocale(locale.LC_ALL, before["the locale"])
    _options_return(before["pandas' options"], now["pandas' options"])
    disabled, level, handlers = before["what is logged"]
    root = logging.getLogger()
    logging.disable(disabled)
    root.setLevel(level)
    root.handlers[:] = handlers
    return changed[0]


def _folder() -> str:
    try:
        return str(os.getcwd())  # noqa: PTH109 - of the process, as text
    except OSError:
        return ""


def _options() -> dict[str, object]:
    """Return the options of pandas that matter, whichever its release has."""
    found: dict[str, object] = {}
    # Some releases warn of options that others do not have.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for part in _PANDAS:
            section = getattr(pd.options, part, None)
            names = dir(section) if section is not None else ()
            found |= {f"{part}.{name}": getattr(section, name) for name in names}
    # Switching its warning off is usual, and changes nothing else.
    found[_WARNS] = found.get(_WARNS) == "raise"
    return found


def _options_return(before: dict[str, object], now: dict[str, object]) -> None:
    with warnings.catch_warnings(), contextlib.suppress(KeyError, ValueError):
        warnings.simplefilter("ignore")
        for name in (name for name in before if before[name] != now[name]):
            pd.set_option(name, "warn" if name == _WARNS else before[name])
