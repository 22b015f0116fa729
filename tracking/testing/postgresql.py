"""A PostgreSQL server of one's own for tests, where the machine has PostgreSQL."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

START_SECONDS = 60.0
# Nothing of a test need outlive a power cut, but what is committed outlives a kill.
_FAST = ("fsync=off", "full_page_writes=off", "max_connections=200")


def missing() -> str | None:
    """Why no server can be started here; ``None`` where one can."""
    if binaries() is None:
        return "no initdb and postgres, on PATH or in /usr/lib/postgresql: install postgresql"
    if find_spec("psycopg") is None:
        return "no psycopg: install sslcl-studies[postgresql]"
    return None


def binaries() -> Path | None:
    """The folder of PostgreSQL's programs, those of the newest version there is."""
    if named := shutil.which("initdb"):
        return Path(named).resolve().parent
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    versions = sorted(installed, key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


@dataclass
class PostgresServer:
    """A server that listens on this machine alone, with a password.

    Args:
        folder: its data and socket; owned by the account it runs as.
        port: on the loopback address.
        user: the account it runs as, ``None`` for the account of this process.
    """

    folder: Path
    port: int
    user: str | None
    password: str = field(default_factory=lambda: secrets.token_hex(8))
    process: "subprocess.Popen[bytes] | None" = None
    databases: int = 0

    @classmethod
    @contextmanager
    def started(cls) -> "Iterator[PostgresServer]":
        """A new server for the block, and nothing of it afterwards."""
        user = _unprivileged() if os.getuid() == 0 else None
        folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        server = cls(folder, _free_port(), user)
        try:
            server._initialise()
            server.start()
            yield server
        finally:
            server.kill()
            shutil.rmtree(folder, ignore_errors=True)

    def url(self, database: str = "postgres") -> str:
        """SQLAlchemy's URL of a database on it."""
        return f"postgresql://tester:{self.password}@127.0.0.1:{self.port}/{database}"

    def create_database(self) -> str:
        """The URL of a new, empty database."""
        self.databases += 1
        name = f"test{self.databases}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def execute(self, statement: str) -> None:
        """Run a statement of administration."""
        engine = create_engine(self.url(), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql(statement)
        finally:
            engine.dispose()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        deadline = time.monotonic() + START_SECONDS
        self._launch()
        while True:
            try:
                return self.execute("SELECT 1")
            except OperationalError:
                if time.monotonic() > deadline:
                    raise RuntimeError((self.folder / "log").read_text()) from None
                time.sleep(0.05)
            if self.process is None or self.process.poll() is not None:
                # It refuses to start while a process of the one that was killed still ends.
                self._launch()

    def _launch(self) -> None:
        settings = [*_FAST, "listen_addresses=127.0.0.1", f"unix_socket_directories={self.folder}"]
        options = [word for setting in settings for word in ("-c", setting)]
        words = ["-D", str(self.folder / "data"), "-p", str(self.port), *options]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self._program("postgres"), *words],
                stdout=log,
                stderr=log,
                user=self.user,
                start_new_session=True,
            )

    def kill(self) -> None:
        """End it and all that it started by SIGKILL, as a machine that is gone would."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def _initialise(self) -> None:
        secret = self.folder / "password"
        secret.write_text(self.password)
        if self.user is not None:
            shutil.chown(self.folder, self.user)
            shutil.chown(secret, self.user)
        words = "--auth=scram-sha-256 --username=tester --no-sync --encoding=UTF8 --locale=C"
        subprocess.run(
            [
                self._program("initdb"),
                *words.split(),
                f"--pwfile={secret}",
                f"--pgdata={self.folder / 'data'}",
            ],
            check=True,
            capture_output=True,
            user=self.user,
            cwd=self.folder,
        )

    def _program(self, name: str) -> str:
        folder = binaries()
        assert folder is not None
        return str(folder / name)


def _unprivileged() -> str:
    """PostgreSQL refuses to run as root."""
    accounts = {line.partition(":")[0] for line in Path("/etc/passwd").read_text().splitlines()}
    return "postgres" if "postgres" in accounts else "nobody"


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
