"""Steps of the ledger on a server that may go away in the midst of one.

A step whose connection is lost is done again, from its start, when the server answers again. Where
the connection was lost while the step was committed, a mark that is written with it tells whether
it was.
"""

import functools
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError

from sslcl.command import warn
from tracking.ledger.one_writer import MARK, require_right
from tracking.ledger.schema import META

MOST_TIMES = 6
"""Times that a step is done at most: one that always breaks the connection must come to an end."""
P = ParamSpec("P")
R = TypeVar("R")


def step(function: Callable[P, R]) -> Callable[P, R]:
    """Do a step of one transaction again whose connection to the server is lost.

    Raises:
        DBAPIError: the connection is lost each time.
    """

    @functools.wraps(function)
    def done(*args: P.args, **kwargs: P.kwargs) -> R:
        for _ in range(MOST_TIMES - 1):
            try:
                return function(*args, **kwargs)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                warn("the results database has gone in the midst of a step: the step is done again")
        return function(*args, **kwargs)

    return done


class Transactions:
    """The writing transactions of one ledger.

    Args:
        engine: of the results database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._name = f"{MARK}{uuid.uuid4().hex}"

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction, committed at the end of the block.

        Raises:
            DBAPIError: with ``connection_invalidated`` when the server has gone and nothing of the
                block was committed.
            InputError: as :func:`~tracking.ledger.one_writer.require_right` does.
        """
        if self._engine.dialect.name == "sqlite":
            with self._engine.begin() as connection:
                yield connection
            return
        require_right(self._engine.url)
        mark = {"key": f"{self._name} {threading.get_ident()}", "value": uuid.uuid4().hex}
        with self._engine.connect() as connection, connection.begin() as transaction:
            yield connection
            put = insert(META).values(mark)
            connection.execute(
                put.on_conflict_do_update(
                    index_elements=[META.c.key], set_={"value": put.excluded.value}
                )
            )
            try:
                transaction.commit()
            except DBAPIError as error:
                if not (error.connection_invalidated and self._committed(mark)):
                    raise

    @step
    def _committed(self, mark: dict[str, str]) -> bool:
        # The lock waits for a commit that the server is still at.
        query = select(META.c.value).where(META.c.key == mark["key"]).with_for_update()
        with self._engine.begin() as connection:
            return connection.scalar(query) == mark["value"]
