"""Opening the results database: engine, checks, and the additions that an older one needs."""

import sqlite3
import time
from typing import Any

from sqlalchemy import (
    Connection,
    Dialect,
    Engine,
    Table,
    create_engine,
    event,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.schema import CreateColumn

from sslcl.command import warn
from sslcl.config import TrialConfig
from sslcl.errors import InputError
from tracking.ledger.schema import (
    FORMER_VALUES,
    META,
    METADATA,
    SCHEMA_VERSION,
    TRIALS,
    config_columns,
)
from tracking.ledger.views import create_views

BUSY_TIMEOUT_MS = 30_000
"""Pause between remarks that another program holds the database."""
RECONNECT_SECONDS = 0.5
"""Pause between attempts to reach a server that has gone."""
LONGEST_WAIT_SECONDS = 1800.0
"""How long it is tried."""
_DIALECTS = ("sqlite", "postgresql")


def open_database(url: str) -> Engine:
    """An engine on the results database at ``url``, created or brought up to date if need be.

    Raises:
        InputError: when it cannot be opened, is no results database or has another schema;
            nothing has been written then.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise InputError(
            f"'{url}' is no database URL: expected e.g. sqlite:///runs/results.db"
        ) from None
    where = _shown(parsed)
    if parsed.get_backend_name() not in _DIALECTS:
        raise InputError(f"cannot keep results in {where}: expected SQLite or PostgreSQL")
    try:
        # A server may have been restarted since the connection was last used.
        engine = create_engine(parsed, pool_pre_ping=parsed.get_backend_name() != "sqlite")
    except (ImportError, NoSuchModuleError) as error:
        raise InputError(
            f"cannot open {where}: {error}; install the driver or use SQLite"
        ) from None
    if engine.dialect.name == "sqlite":
        _set_up_sqlite(engine)
    try:
        _prepare(engine, where)
    except (DBAPIError, sqlite3.Error) as error:
        engine.dispose()
        reason = error.orig if isinstance(error, DBAPIError) else error
        line = str(reason).strip().partition("\n")[0]
        raise InputError(f"cannot open {where} as a results database: {line}") from None
    except BaseException:
        engine.dispose()
        raise
    if engine.dialect.name != "sqlite":
        event.listen(engine, "do_connect", _Patience(where))
    return engine


def sqlite(url: str) -> bool:
    """Whether the database at ``url`` is a file of SQLite."""
    return url.startswith("sqlite:")


def writing(engine: Engine) -> Engine:
    """The same engine, whose transactions take SQLite's write lock at their start.

    A transaction that first reads and then finds that another has written meanwhile cannot go on
    and would fail without waiting; one that starts with the lock waits for it.
    """
    return engine.execution_options(ledger_writes=True)


class _Patience:
    """Connects anew to a server that was there before, and does not answer for a while.

    Args:
        where: the database as it may be shown.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._given_up = False

    def __call__(
        self, dialect: Dialect, _record: object, words: list[Any], options: dict[str, Any]
    ) -> Any:
        """SQLAlchemy's hook: a connection of the driver.

        Raises:
            InputError: it did not answer for :data:`LONGEST_WAIT_SECONDS`, now or before.
        """
        began, waited = time.monotonic(), False
        while True:
            try:
                connection = dialect.connect(*words, **options)
            except dialect.loaded_dbapi.OperationalError:
                if self._given_up or time.monotonic() - began > LONGEST_WAIT_SECONDS:
                    # What still is to be written at the end need not be waited for again.
                    self._given_up = True
                    raise InputError(
                        f"{self._where} did not answer for {LONGEST_WAIT_SECONDS / 60:g} min: see "
                        "to it, and run the same command again to go on; what was finished is kept"
                    ) from None
                if not waited:
                    warn(f"{self._where} does not answer: waiting until it does")
                waited = True
                time.sleep(RECONNECT_SECONDS)
            else:
                if waited:
                    warn(f"{self._where} answers again")
                self._given_up = False
                return connection


def _shown(url: URL) -> str:
    name = url.database if url.get_backend_name() == "sqlite" else url.render_as_string()
    return f"'{name}'"


def _set_up_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connected(connection: sqlite3.Connection, record: object) -> None:
        # The driver's own BEGIN leaves out reads and schema changes; `begin` below does not.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get("ledger_writes", False):
            _take_write_lock(connection)
        else:
            connection.exec_driver_sql("BEGIN")


def _take_write_lock(connection: Connection) -> None:
    """Begin to write, however long somebody else keeps the database locked.

    A study must not end because a person has looked at its results and left a shell open.
    """
    waited = False
    while True:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except OperationalError as error:
            if getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
                raise
            name = connection.engine.url.database
            warn(f"'{name}' is locked by another program: waiting until it lets go")
            waited = True
        else:
            if waited:
                warn(f"'{connection.engine.url.database}' is free again")
            return


def _prepare(engine: Engine, where: str) -> None:
    with engine.connect() as connection:
        _check(connection, where)
    if engine.dialect.name == "sqlite":
        _use_write_ahead_log(engine)
    with writing(engine).begin() as connection:
        METADATA.create_all(connection)
        _add_what_is_missing(connection)
        _set_version(connection)
        create_views(connection)


def _check(connection: Connection, where: str) -> None:
    tables = inspect(connection).get_table_names()
    if not tables:
        return
    if META.name not in tables:
        raise InputError(f"{where} is a database of something else: it has no table '{META.name}'")
    version = _version(connection)
    if version is None or not version.isdecimal():
        raise InputError(f"{where} is no results database: it does not tell its schema version")
    if int(version) != SCHEMA_VERSION:
        raise InputError(
            f"{where} has schema version {version}: expected {SCHEMA_VERSION}; open it with the "
            "program that wrote it, or give another --home"
        )


def _version(connection: Connection) -> str | None:
    return connection.scalar(select(META.c.value).where(META.c.key == "schema_version"))


def _set_version(connection: Connection) -> None:
    if _version(connection) is None:
        connection.execute(insert(META).values(key="schema_version", value=str(SCHEMA_VERSION)))


def _use_write_ahead_log(engine: Engine) -> None:
    connection = engine.raw_connection()
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    try:
        while True:
            try:
                connection.cursor().execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError:
                # SQLite does not wait for others here, such as one that does the same just now.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
    finally:
        connection.close()


def _add_what_is_missing(connection: Connection) -> None:
    inspector = inspect(connection)
    for table in METADATA.sorted_tables:
        present = {column["name"] for column in inspector.get_columns(table.name)}
        missing = [column.name for column in table.columns if column.name not in present]
        for name in missing:
            _add_column(connection, table, name)
        for index in table.indexes:
            index.create(connection, checkfirst=True)


def _add_column(connection: Connection, table: Table, name: str) -> None:
    definition = CreateColumn(table.columns[name]).compile(dialect=connection.dialect)
    connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {definition}")
    field = TrialConfig.model_fields.get(name) if table is TRIALS else None
    if field is not None:
        # A trial from before the field existed was trained as its default says, or as was usual.
        default: Any = FORMER_VALUES.get(name, config_columns(TrialConfig())[name])
        connection.execute(update(TRIALS).values({name: default}))
