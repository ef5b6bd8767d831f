"""``python -m btc_watcher.local servers -- COMMAND``: a command beside the servers."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from btc_watcher.local import checks, ports
from btc_watcher.local.environment import LocalEnvironment
from btc_watcher.local.lock import holder, up_lock
from btc_watcher.local.prepare import start_servers
from btc_watcher.local.processes import ProcessManager
from btc_watcher.local.servers import EmbeddedPostgres, EmbeddedValkey

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from btc_watcher.local.terminal import Terminal


def run_with_servers(
    command: Sequence[str], home: Path, terminal: Terminal, *, throwaway: bool
) -> int:
    """Run ``command`` with DATABASE_URL, REDIS_URL and secrets set; return its exit code.

    Uses the servers of a running ``make up`` when there is one, otherwise starts them
    for as long as the command runs. ``throwaway`` takes empty ones from a scratch folder.
    """
    if throwaway:
        with _scratch() as forgotten:
            return _run(command, forgotten)
    if holder(home) is not None:
        return _run(command, LocalEnvironment(home).for_children())
    with up_lock(home):
        environment = LocalEnvironment(home)
        environment.prepare_home()
        manager = ProcessManager(home, terminal.line)
        try:
            start_servers(environment, manager, lambda _text: None)
            _use_owner_at_first(environment)
            environment.keep_earlier()
            environment.write()
            return _run(command, environment.for_children())
        finally:
            manager.stop()


@contextlib.contextmanager
def _scratch() -> Iterator[dict[str, str]]:
    """Give the environment of an empty system that is forgotten afterwards."""
    with tempfile.TemporaryDirectory(prefix="btcw-scratch-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        environment = LocalEnvironment(folder / "home")
        environment.prepare_home()
        postgres = EmbeddedPostgres(
            folder / "postgres",
            folder / "postgres.log",
            ports.any_free(),
            throwaway=True,
        )
        valkey = EmbeddedValkey(
            folder / "valkey", folder / "valkey.log", ports.any_free(), throwaway=True
        )
        try:
            for server in (valkey, postgres):
                server.launch()
            for server in (valkey, postgres):
                server.wait_ready()
            urls = {"DATABASE_URL": postgres.url, "REDIS_URL": valkey.url}
            yield environment.for_children() | urls
        finally:
            valkey.stop()
            postgres.stop()


def _use_owner_at_first(environment: LocalEnvironment) -> None:
    """Work as the owner while no ``make up`` has made the application's role."""
    application = environment.values.get("DATABASE_URL")
    if environment.owner and application and not checks.answers(application):
        environment.values["DATABASE_URL"] = environment.owner["DATABASE_URL"]


def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    # In our session, so that Ctrl-C reaches it as it would without us.
    return subprocess.run(command, env=dict(environment), check=False).returncode  # noqa: S603 - what the person typed
