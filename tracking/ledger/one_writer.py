"""One driver at a time on a results database that several machines can reach."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, delete, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from sslcl.errors import InputError
from tracking.ledger.database import open_database, sqlite
from tracking.ledger.schema import META

MARK = "step "
"""Begins the keys of the marks that a writer's transactions leave in the table ``meta``."""
OWN_END_SECONDS = 90.0
"""How long the server may take to notice that this process's former connection is dead."""
_LOOK_SECONDS = 0.5
_KEY = 2310_16676
"""Number of the advisory lock; PostgreSQL keeps these apart by database."""
# A machine that is gone without a word must not hold the lock for hours.
_NOTICE_DEATH = ("tcp_keepalives_idle = 30", "tcp_keepalives_interval = 10",
                 "tcp_keepalives_count = 3")  # fmt: skip


@contextmanager
def only_writer(url: str) -> Iterator[None]:
    """Hold the right to write to a PostgreSQL database; it ends with this process's connection.

    Where that connection is lost, the right is taken anew before the next transaction that writes.
    SQLite needs none: its file is in a home folder, which has a lock.

    Args:
        url: of the results database.

    Raises:
        InputError: when another process holds it, naming host and process, or as
            :func:`~tracking.ledger.database.open_database` does.
    """
    if sqlite(url):
        yield
        return
    engine = open_database(url)
    try:
        right = _Right(engine)
        _HELD[engine.url] = right
        try:
            yield
        finally:
            del _HELD[engine.url]
            right.give_back()
    finally:
        engine.dispose()


def require_right(url: URL) -> None:
    """Before a transaction that writes: if this process held the right to, it still holds it.

    Raises:
        InputError: another process has taken it while the connection was lost.
    """
    if (right := _HELD.get(url)) is not None:
        right.require()


class _Right:
    """The right to write, which a connection holds as long as the server knows it.

    Args:
        engine: of the results database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._one_at_a_time = threading.Lock()
        self._lost: str | None = None
        self._connection = self._engine.connect()
        self._name_connection()
        if not self._taken():
            raise InputError(
                f"{self._other()}: wait for it, stop it, or give another --results-url"
            )
        self._connection.execute(delete(META).where(META.c.key.startswith(MARK)))

    def require(self) -> None:
        """Take it again if the connection was lost.

        Raises:
            InputError: somebody else has it, now or at an earlier call.
        """
        with self._one_at_a_time:
            if self._lost is None and not self._connected():
                self._take_again()
            if self._lost is not None:
                raise InputError(self._lost)

    def give_back(self) -> None:
        """Let others have it."""
        self._connection.close()

    def _connected(self) -> bool:
        if self._connection.closed or self._connection.invalidated:
            return False
        try:
            self._connection.exec_driver_sql("SELECT 1")
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            return False
        return True

    def _take_again(self) -> None:
        self._connection.close()
        self._connection = self._engine.connect()
        self._name_connection()
        deadline = time.monotonic() + OWN_END_SECONDS
        while not self._taken():
            # A server that has not restarted may think that the former connection lives.
            if _holder(self._connection) not in (_me(), None) or time.monotonic() > deadline:
                self._lost = (
                    f"{self._other()}: it began while the connection to the database was lost; "
                    "run the same command again when it has ended; what was finished is kept"
                )
                return
            time.sleep(_LOOK_SECONDS)

    def _name_connection(self) -> None:
        for setting in (*_NOTICE_DEATH, f"application_name = '{_me()}'"):
            self._connection.exec_driver_sql(f"SET {setting}")

    def _taken(self) -> bool:
        return bool(self._connection.scalar(text(f"SELECT pg_try_advisory_lock({_KEY})")))

    def _other(self) -> str:
        holder = _holder(self._connection) or "unknown"
        return f"another study is writing to '{self._engine.url.render_as_string()}' ({holder})"


_HELD: dict[URL, _Right] = {}
"""The rights that this process holds, by database."""


def _me() -> str:
    name = f"sslcl {socket.gethostname()}:{os.getpid()}"
    return "".join(letter for letter in name if letter.isalnum() or letter in " :.-_")


def _holder(connection: Connection) -> str | None:
    query = (
        "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid "
        f"WHERE l.locktype = 'advisory' AND l.granted AND l.objid = {_KEY} "
        "AND a.datname = current_database()"
    )
    holder: str | None = connection.scalar(text(query))
    return holder
