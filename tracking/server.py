"""A lean MLflow server on SQLite: used where one answers, started where none does.

``python -m tracking.server [--home runs] [--port 5000] [--host 127.0.0.1]`` keeps one in the
foreground, for looking at what studies left.
"""

import ctypes
import json
import os
import re
import secrets
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Self

import click
import psutil

from sslcl.command import OneLineCommand, warn
from sslcl.errors import InputError
from sslcl.files import write_whole
from tracking.home import Home, home_option
from tracking.ports import FIRST_PORT, free_port
from tracking.server_address import (
    HOME_HEADER,
    ask,
    given_address,
    keep_proxies_away,
    loopback,
    shown,
)

START_TIMEOUT = 90.0
ORPHAN_TIMEOUT = 5.0
_OTHER_SCHEMA = re.compile("out-of-date database schema|Can't locate revision")


class ServerError(RuntimeError):
    """The server that we started died, or does not answer in time; carries its log's tail."""


class Server:
    """An MLflow server's address, and its process where it is ours.

    Attributes:
        uri: address for clients and browsers; known at once, before the server answers.
        shown: the address without its password.
        started: whether we started it, and so :meth:`stop` ends it.
    """

    def __init__(
        self,
        uri: str,
        token: str = "",
        process: psutil.Popen | None = None,
        log: Path | None = None,
    ) -> None:
        self.uri = uri
        self.shown = shown(uri)
        self._token = token
        self.started = process is not None
        self._process = process
        self._log = log
        self._family: list[psutil.Process] = []
        self._why = ""

    def answers(self, timeout: float = 2.0) -> bool:
        """Whether it answers, and is the server of its home and no other."""
        answer = ask(self.uri, timeout)
        self._why = answer.why
        return answer.healthy and self._token in ("", answer.home)

    @property
    def silence(self) -> str:
        """That no server answers, and why, in one line."""
        why = f": {self._why}" if self._why else ""
        return f"no MLflow server answers at {self.shown}{why}"

    def wait_ready(self, timeout: float = START_TIMEOUT) -> bool:
        """Wait until the server answers; whether it does after ``timeout`` seconds.

        Raises:
            ServerError: the process that we started has ended.
        """
        deadline = time.monotonic() + timeout
        while not self.answers():
            if self._process is not None and self._process.poll() is not None:
                raise ServerError(self._end())
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.1)
        self._remember_family()
        return True

    def may_answer(self) -> bool:
        """Whether there is hope: it answers, or it is ours and still running."""
        if self._process is not None and self._process.poll() is None:
            return True
        return self.answers()

    def _end(self) -> str:
        tail = self.log_tail()
        if self._process is None or _OTHER_SCHEMA.search(tail):
            return (
                "the MLflow database is of another version of MLflow: use the version that wrote "
                f"it, or 'mlflow db upgrade' on a copy; see {self._log}"
            )
        code = self._process.returncode
        return f"the MLflow server ended with code {code}; the end of {self._log}:\n{tail}"

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of the log of the server that we started."""
        if self._log is None or not self._log.is_file():
            return ""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self, timeout: float = 10.0) -> None:
        """End the server and its children if we started it; at most about ``timeout`` seconds."""
        if self._process is None:
            return
        self._remember_family()
        if self._process.poll() is None:
            self._process.terminate()  # it passes the signal on and waits for its child
        _wait_or_kill(self._family, timeout)
        with suppress(psutil.TimeoutExpired):
            self._process.wait(timeout=2.0)
        self._process = None

    def _remember_family(self) -> None:
        # Children that outlive a killed parent can no longer be found through it.
        if self._process is None:
            return
        with suppress(psutil.NoSuchProcess):
            parent = psutil.Process(self._process.pid)
            self._family = [parent, *parent.children(recursive=True)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def serve(home: Home, host: str = "127.0.0.1", port: int = FIRST_PORT) -> Server:
    """The MLflow server to use, started in the background if there is none; returns at once.

    In this order: the one that ``MLFLOW_TRACKING_URI`` names; the one that another process keeps
    for ``home``; a new one on ``home.mlflow`` and ``home.artifacts``. A server started here
    ends with the thread that called this (Linux), so call it from the main thread.

    Args:
        home: folder of the studies.
        host: address to listen on.
        port: the first port to try.

    Raises:
        InputError: ``MLFLOW_TRACKING_URI`` is no HTTP address, ``host`` or ``port`` is
            bad, or ``home.mlflow`` is no SQLite database.
    """
    given = given_address()
    if given:
        if not given.startswith(("http://", "https://")):
            raise InputError(
                f"MLFLOW_TRACKING_URI is '{shown(given)}': expected the http(s) address of a server"
            )
        keep_proxies_away(given)
        return Server(given)
    home = Home(home.folder.resolve())
    home.folder.mkdir(parents=True, exist_ok=True)
    return _kept_by_another(home) or _start(home, host, free_port(host, port))


def _kept_by_another(home: Home) -> Server | None:
    """The server of this home that its record names, if it proves to be that.

    Another home's server may answer at the recorded address by now, so an answer has to carry
    the token that this home's server was started with.
    """
    try:
        record = json.loads(home.server_record.read_text())
        server = Server(str(record["uri"]), str(record["token"]))
        owner = int(record["owner"]), float(record["owner_created"])
        process = int(record.get("pid", 0)), float(record.get("pid_created", 0.0))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    keep_proxies_away(server.uri)
    if _alive(*owner):
        return server if server.answers() or _alive(*process) else None
    # Its owner is gone, so it is about to end; what still answers after that will stay.
    deadline = time.monotonic() + ORPHAN_TIMEOUT
    while server.answers(timeout=0.5):
        if time.monotonic() >= deadline:
            return server
        time.sleep(0.2)
    if _alive(*process):  # it may be making the database, which the next one would find half made
        _end(process[0])
    return None


def _end(pid: int) -> None:
    with suppress(psutil.NoSuchProcess):
        orphan = psutil.Process(pid)
        family = [orphan, *orphan.children(recursive=True)]
        orphan.terminate()
        _wait_or_kill(family, ORPHAN_TIMEOUT)


def _wait_or_kill(processes: list[psutil.Process], timeout: float) -> None:
    _, alive = psutil.wait_procs(processes, timeout=timeout)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=2.0)


def _alive(pid: int, created: float) -> bool:
    try:
        process = psutil.Process(pid)
        return (
            abs(process.create_time() - created) < 1.0 and process.status() != psutil.STATUS_ZOMBIE
        )
    except (psutil.Error, ValueError):
        return False


def _start(home: Home, host: str, port: int) -> Server:
    database = home.mlflow
    try:
        if _half_made(database):
            for suffix in ("", "-wal", "-shm"):
                database.with_name(database.name + suffix).unlink(missing_ok=True)
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")  # kept in the file: readers do not wait
    except sqlite3.DatabaseError as error:
        raise InputError(f"'{database}' is no SQLite database for MLflow: {error}") from None
    token = secrets.token_hex(16)
    options = f"--no-access-log --header {HOME_HEADER}:{token}"
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
        *("--host", host, "--port", str(port), "--uvicorn-opts", options),
        # Relative to the folder it runs in: MLflow decodes paths here, and there not.
        *("--backend-store-uri", f"sqlite:///{home.mlflow.name}"),
        *("--serve-artifacts", "--artifacts-destination", f"./{home.artifacts.name}"),
    ]
    environment = {
        **os.environ,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    home.server_log.unlink(missing_ok=True)  # never through a link that somebody has put there
    with home.server_log.open("xb") as log:
        process = psutil.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=home.folder,
            start_new_session=True,  # Ctrl-C is ours to handle; the mirror still has to drain
            preexec_fn=_die_with_parent(),
        )
    uri = server_address("127.0.0.1" if host == "0.0.0.0" else host, port)
    owner = psutil.Process()
    record = {
        "uri": uri,
        "token": token,
        "pid": process.pid,
        "pid_created": process.create_time(),
        "owner": owner.pid,
        "owner_created": owner.create_time(),
    }
    write_whole(home.server_record, json.dumps(record))
    keep_proxies_away(uri)
    return Server(uri, token, process, home.server_log)


def server_address(host: str, port: int) -> str:
    """The address of a server on a host name, or an IPv4 or IPv6 address."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _half_made(database: Path) -> bool:
    """Whether the server that was making the database was killed before it had made it.

    MLflow cannot go on from there ("duplicate column"). Its first experiment comes last, so
    where there is none no run can be lost.
    """
    with closing(sqlite3.connect(database)) as connection:
        names = {str(name) for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        if "alembic_version" not in names:
            return False
        first = "SELECT 1 FROM experiments LIMIT 1"
        return "experiments" not in names or connection.execute(first).fetchone() is None


def _die_with_parent() -> Callable[[], None] | None:
    """Code for the child that has it terminated when we end, however we end (Linux only)."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up before the fork: the child must only call it
    parent_death_signal = 1
    return lambda: prctl(parent_death_signal, signal.SIGTERM)


@click.command(cls=OneLineCommand)
@home_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=FIRST_PORT, show_default=True, help="First port to try.")
def main(home: Home, host: str, port: int) -> int:
    """The MLflow UI on what studies left, until Ctrl-C."""
    if not home.folder.is_dir():
        raise InputError(f"no folder '{home.folder}': give the --home of a study that ran")
    server = serve(home, host, port)
    if server.started and not loopback(server_address(host, port)):
        warn(
            f"--host {host} lets other machines in: whoever reaches this one can read and change "
            "its runs, since the server asks for no password"
        )
    return _foreground(server, home)


def _foreground(server: Server, home: Home) -> int:
    # Ctrl-C as well: a shell starts what runs in its background with it ignored.
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.default_int_handler)
    with server:
        try:
            if server.started:
                print(f"starting MLflow on {server.uri} ...", flush=True)
            if not server.wait_ready():
                raise ServerError(f"{server.silence}\n{server.log_tail()}")
            if not server.started:
                print(f"MLflow already answers at {server.shown}")
                _name_comparisons(server, home)
                return 0
            print(f"MLflow is at {server.uri} (Ctrl-C stops it)", flush=True)
            _name_comparisons(server, home)
            while server.answers(timeout=30.0):
                time.sleep(1.0)
            raise ServerError(f"the MLflow server stopped answering\n{server.log_tail()}")
        except KeyboardInterrupt:
            print("\nstopped")
            return 0
        except ServerError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1


def _name_comparisons(server: Server, home: Home) -> None:
    """Print where the runs of each study stand side by side."""
    if not home.has_results:
        return
    from tracking.comparisons import comparisons
    from tracking.ledger import Ledger

    ledger = Ledger.at(home)
    try:
        for name, address in comparisons(ledger, server.uri):
            print(f"  {name}: {address}", flush=True)
    finally:
        ledger.close()


if __name__ == "__main__":
    main()
