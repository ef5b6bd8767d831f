"""The steps of ``make up`` before the processes are started."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from btc_watcher.env import env
from btc_watcher.local import checks, ports
from btc_watcher.local.commands import run_manage
from btc_watcher.local.environment import LocalEnvironment
from btc_watcher.local.frontend import frontend_install
from btc_watcher.local.postgres import APPLICATION
from btc_watcher.local.processes import end_previous
from btc_watcher.local.roster import Ports
from btc_watcher.local.servers import EmbeddedPostgres, EmbeddedValkey
from btc_watcher.local.state import LocalError

if TYPE_CHECKING:
    from pathlib import Path

    from btc_watcher.local.embedded import EmbeddedServer
    from btc_watcher.local.processes import ProcessManager
    from btc_watcher.local.terminal import Say, Terminal

DEFAULT_WEB_PORT = 8000
DEFAULT_SIMULATOR_PORT = 18080
DEFAULT_MAIL_PORT = 18025


class Preparation:
    """Brings one ``BTCW_HOME`` from whatever state it is in to ready for processes."""

    def __init__(
        self, environment: LocalEnvironment, manager: ProcessManager, terminal: Terminal
    ) -> None:
        """Nothing is done before the first step is called."""
        self.environment = environment
        self.home = environment.home
        self.manager = manager
        self._log = self.home / "log" / "setup.log"
        self.terminal = terminal

    def check(self) -> None:
        """Check the machine, make the home folder, wait for a killed run's children."""
        with self.terminal.step("Checking this machine") as say:
            checks.check_python()
            self.environment.prepare_home()
            checks.check_disk(self.home)
            end_previous(self.home, say)

    def start_servers(self) -> None:
        """Start what DATABASE_URL and REDIS_URL do not replace."""
        with self.terminal.step("Starting PostgreSQL and Valkey") as say:
            start_servers(self.environment, self.manager, say)

    def choose_ports(self) -> Ports:
        """Choose ports, those of the last run first; say so when the web's is taken."""
        earlier = self.environment.earlier_port
        wanted = env.int("BTCW_PORT", default=DEFAULT_WEB_PORT)
        chosen = Ports(
            web=ports.choose(wanted),
            simulator=ports.choose(
                earlier("BTCW_SIMULATOR_PORT"), DEFAULT_SIMULATOR_PORT
            ),
            mail=ports.choose(earlier("BTCW_DEMO_SMTP_PORT"), DEFAULT_MAIL_PORT),
        )
        if chosen.web != wanted:
            self.terminal.line(
                f"Port {wanted} is in use by another program, so {chosen.web} is used "
                "(BTCW_PORT chooses another)."
            )
        self.environment.values |= {
            "BTCW_DEMO": "true",
            "BTCW_SIMULATOR_PORT": str(chosen.simulator),
            "BTCW_SIMULATOR_URL": f"http://{ports.LOOPBACK}:{chosen.simulator}/api/v3",
            "BTCW_DEMO_SMTP_PORT": str(chosen.mail),
        }
        self.environment.write()
        return chosen

    def install_frontend(self) -> None:
        """Fetch the libraries of the pages, or do nothing when they are there."""
        with self.terminal.step("Fetching the libraries of the pages") as say:
            frontend_install(self.home, say)

    def prepare_django(self) -> None:
        """Bring the database, translations and static files up to date, and check."""
        with self.terminal.step("Migrating the database"):
            self._manage("migrate", "--noinput", as_owner=True)
            if self.environment.owner:
                self._make_application_role()
        for title, command in (
            ("Compiling translations", ("compile_translations",)),
            ("Collecting static files", ("collectstatic", "--noinput")),
            ("Checking the configuration", ("check", "--database", "default")),
        ):
            with self.terminal.step(title):
                self._manage(*command)

    def _make_application_role(self) -> None:
        """Make the role that the system works as, or bring its rights up to date."""
        self._manage(
            *("setup_roles", "--application", APPLICATION),
            *("--password-file", str(self.environment.application_password())),
            as_owner=True,
        )

    def install_freqtrade(self) -> None:
        """Install the newest freqtrade, or do nothing when it is there.

        A newest one that does not work keeps no installed one from running.
        """
        problem = ""
        with self.terminal.step("Installing freqtrade (its own environment)") as say:
            try:
                self._manage("freqtrade", "install", say=say)
            except LocalError as error:
                problem = str(error)
                if not self._has_freqtrade():
                    raise
        if problem:
            self.terminal.line(
                "The newest freqtrade could not be installed; bots run on what is"
                f" installed. {problem}"
            )

    def _has_freqtrade(self) -> bool:
        try:
            known = json.loads(self._manage("freqtrade", "list", "--json"))
        except (LocalError, ValueError):
            return False
        return any(each["installed"] for each in known)

    def seed(self) -> str | None:
        """Make the administrator and the demonstration.

        Returns the one-time password of a new administrator, None when there was one.
        """
        with self.terminal.step("Preparing the administrator and the demonstration"):
            answer = run_manage(
                "demo_seed",
                environment=self.environment.for_seed(),
                log_path=self._log,
                secret=True,
            )
        try:
            password = json.loads(answer.strip().splitlines()[-1])["admin_password"]
        except (IndexError, ValueError, KeyError, TypeError) as error:
            # The answer itself is not shown: it may hold the password.
            raise LocalError(
                "manage.py demo_seed did not answer with a JSON object that has "
                "admin_password."
            ) from error
        return None if password is None else str(password)

    def _manage(
        self, *arguments: str, say: Say | None = None, as_owner: bool = False
    ) -> str:
        environment = self.environment
        return run_manage(
            *arguments,
            environment=(
                environment.for_owner() if as_owner else environment.for_children()
            ),
            log_path=self._log,
            say=say,
        )


def prepare_frontend(home: Path, terminal: Terminal) -> None:
    """Make ``home`` when it is new, and fetch the libraries of the pages into it."""
    LocalEnvironment(home).prepare_home()
    with terminal.step("Fetching the libraries of the pages") as say:
        frontend_install(home, say)


def start_servers(
    environment: LocalEnvironment, manager: ProcessManager, say: Say
) -> None:
    """Check the servers that a person named, start the others, note their addresses."""
    log = environment.home / "log"
    embedded: list[EmbeddedServer] = []
    postgres = valkey = None
    if url := environment.given("DATABASE_URL"):
        say("checking DATABASE_URL")
        checks.check_database(url)
    else:
        folder = environment.home / "postgres"
        postgres = EmbeddedPostgres(folder, log / "postgres.log")
        embedded.append(postgres)
    if url := environment.given("REDIS_URL"):
        say("checking REDIS_URL")
        checks.check_redis(url)
    else:
        valkey = EmbeddedValkey(environment.home / "valkey", log / "valkey.log")
        embedded.append(valkey)
    manager.start_servers(embedded)
    if valkey is not None:
        environment.values["REDIS_URL"] = valkey.url
    if postgres is not None:
        password = environment.application_password().read_text(encoding="ascii")
        application = postgres.url_as(APPLICATION, password.strip())
        environment.database_is(owner=postgres.url, application=application)
