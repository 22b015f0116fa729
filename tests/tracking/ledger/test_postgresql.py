"""The ledger on PostgreSQL keeps the contract of every ledger, and what only a server can do."""

import os
import threading
from pathlib import Path

import pytest

from sslcl.errors import InputError
from tracking.ledger import Ledger
from tracking.ledger.one_writer import only_writer
from tracking.records import Phase, Status
from tracking.testing.ledger import LedgerContract
from tracking.testing.ledger_cases import outcome, planned, put_study
from tracking.testing.postgresql import PostgresServer

pytestmark = pytest.mark.medium


class TestPostgres(LedgerContract):
    @pytest.fixture(autouse=True)
    def _on(self, server: PostgresServer) -> None:
        self._server = server

    def open(self, folder: Path) -> Ledger:
        return Ledger(self._server.create_database())


def test_a_server_that_is_killed_between_steps_is_waited_for(
    server: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = Ledger(server.create_database())
    put_study(ledger)
    trial = planned()
    ledger.plan("s", Phase.ABLATE, [trial], replace=True)
    server.kill()
    back = threading.Timer(1.0, server.start)
    back.start()
    ledger.start(trial.id)
    back.join()
    ledger.complete(trial.id, outcome())
    assert ledger.trial(trial.id).status is Status.COMPLETE
    ledger.close()
    said = capsys.readouterr().err
    assert "does not answer: waiting until it does" in said
    assert "answers again" in said
    assert server.password not in said


def test_one_process_writes_at_a_time(server: PostgresServer) -> None:
    url = server.create_database()
    with only_writer(url):
        with (
            pytest.raises(
                InputError, match=rf"another study is writing .*:{os.getpid()}\)"
            ) as told,
            only_writer(url),
        ):
            pass
        assert server.password not in str(told.value)
        with only_writer(server.create_database()):
            pass
    with only_writer(url):
        pass


def test_what_cannot_be_opened_is_one_line_without_the_password(server: PostgresServer) -> None:
    for url, says in (
        (server.url("nowhere"), 'database "nowhere" does not exist'),
        (server.url().replace(server.password, "wrong"), "password authentication failed"),
        ("postgresql://me:secret@127.0.0.1:9/results", "Connection refused"),
    ):
        with pytest.raises(InputError, match=says) as told:
            Ledger(url)
        assert "\n" not in str(told.value)
        assert not any(word in str(told.value) for word in (server.password, "wrong@", "secret"))
