"""Keeping strategies of one process apart: their modules, and what belongs to all."""

from __future__ import annotations

import contextlib
import itertools
import locale
import os
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

# Of all of pandas' options, those that change what is calculated.
_PANDAS: Final = ("mode.copy_on_write", "mode.use_inf_as_na", "future.infer_string")
# Threads of the web framework that answers requests.
_KNOWN_THREADS: Final = ("AnyIO", "asyncio_", "ThreadPoolExecutor")


class PrivateModules:
    """The modules that a strategy has in its own folder, and nobody else's.

    Two strategies may each have a ``helper.py``: Python keeps modules by name, so they
    are put there for as long as their strategy is worked on.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = f"{folder.resolve()}{os.sep}"
        self._modules: dict[str, ModuleType] = {}

    @contextlib.contextmanager
    def present(self) -> Iterator[None]:
        """Put them there, take them away again, and keep what was imported meanwhile."""
        path, before = list(sys.path), len(sys.modules)
        sys.modules.update(self._modules)
        try:
            yield
        finally:
            # What is new stands last; there are thousands before it.
            new = itertools.islice(reversed(sys.modules), len(sys.modules) - before)
            for name in list(new):
                if self._is_private(sys.modules[name]):
                    self._modules[name] = sys.modules.pop(name)
            sys.path[:] = path

    def sources(self) -> list[str]:
        """Return the files of the modules that were imported."""
        return [str(getattr(m, "__file__", "")) for m in self._modules.values()]

    def _is_private(self, module: Any) -> bool:
        return str(getattr(module, "__file__", "") or "").startswith(self._folder)


def process_state() -> dict[str, Any]:
    """Return what a strategy could change for all the others of its process."""
    return {
        "the folder that it runs in": _folder(),
        "NumPy's handling of errors": np.geterr(),
        "the locale": locale.setlocale(locale.LC_ALL),
        "pandas' options": {name: _option(name) for name in _PANDAS},
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
    with contextlib.suppress(OSError, locale.Error):
        os.chdir(before["the folder that it runs in"])
        np.seterr(**before["NumPy's handling of errors"])
        locale.setlocale(locale.LC_ALL, before["the locale"])
    return changed[0] if changed else ""


def _folder() -> str:
    try:
        return str(os.getcwd())  # noqa: PTH109 - of the process, as text
    except OSError:
        return ""


def _option(name: str) -> object:
    # Some releases of pandas warn of options that others do not have.
    with warnings.catch_warnings(), contextlib.suppress(KeyError, AttributeError):
        warnings.simplefilter("ignore")
        value: object = pd.get_option(name)
        return value
    return None
