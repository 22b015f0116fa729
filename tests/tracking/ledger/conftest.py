"""Databases to test the ledger on."""

from collections.abc import Iterator

import pytest

from tracking.testing.postgresql import PostgresServer, missing


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL server of these tests; skips where the machine has none."""
    if why := missing():
        pytest.skip(why)
    with PostgresServer.started() as started:
        yield started
