"""One driver at a time on a results database that several machines can reach."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from sslcl.errors import InputError
from tracking.ledger.database import open_database, sqlite
from tracking.ledger.steps import forget_marks

_KEY = 2310_16676
"""Number of the advisory lock; PostgreSQL keeps these apart by database."""
# A machine that is gone without a word must not hold the lock for hours.
_NOTICE_DEATH = ("tcp_keepalives_idle = 30", "tcp_keepalives_interval = 10",
                 "tcp_keepalives_count = 3")  # fmt: skip


@contextmanager
def only_writer(url: str) -> Iterator[None]:
    """Hold the right to write to a PostgreSQL database; it ends with this process's connection.

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
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for setting in _NOTICE_DEATH:
                connection.exec_driver_sql(f"SET {setting}")
            connection.exec_driver_sql(f"SET application_name = '{_me()}'")
            if not connection.scalar(text(f"SELECT pg_try_advisory_lock({_KEY})")):
                raise InputError(
                    f"another study is writing to '{engine.url.render_as_string()}' "
                    f"({_holder(connection)}): wait for it, stop it, or give another --results-url"
                )
            forget_marks(connection)
            yield
    finally:
        engine.dispose()


def _me() -> str:
    name = f"sslcl {socket.gethostname()}:{os.getpid()}"
    return "".join(letter for letter in name if letter.isalnum() or letter in " :.-_")


def _holder(connection: Connection) -> str:
    query = (
        "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid "
        f"WHERE l.locktype = 'advisory' AND l.granted AND l.objid = {_KEY}"
    )
    return str(connection.scalar(text(query)) or "unknown")
