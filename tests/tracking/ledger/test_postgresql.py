"""The ledger on PostgreSQL keeps the contract of every ledger, and what only a server can do."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from sslcl.errors import InputError
from tracking.ledger import Ledger, database
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


def test_a_step_whose_connection_is_lost_is_done_once_and_whole(
    server: PostgresServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lost before each statement of a trial's end, and just before and just after its commit."""
    ledger = Ledger(server.create_database())
    put_study(ledger)
    statement = count()
    lost_at = 0

    def lose(connection: Any) -> None:
        server.execute(f"SELECT pg_terminate_backend({connection.info.backend_pid})")

    def before(connection: Connection, *_: object) -> None:
        if next(statement) == lost_at:
            lose(connection.connection.driver_connection)

    event.listen(ledger.engine, "before_cursor_execute", before)
    while True:
        trial = planned(f"cell {lost_at}")
        ledger.plan("s", Phase.ABLATE, [trial], replace=False)
        ledger.start(trial.id)
        statement = count()
        ledger.complete(trial.id, outcome())
        performed = next(statement)
        assert whole(ledger, trial.id)
        statement = count(10_000)
        if performed <= lost_at:
            break
        lost_at += 1
    assert lost_at > 8
    commit = ledger.engine.dialect.do_commit
    for moment in ("before", "after"):
        trial = planned(moment)
        ledger.plan("s", Phase.ABLATE, [trial], replace=False)
        ledger.start(trial.id)

        def losing(connection: Any, moment: str = moment) -> None:
            monkeypatch.undo()
            if moment == "after":
                commit(connection)
            lose(connection.driver_connection)
            # The server's answer to a commit is lost with the connection.
            connection.driver_connection.execute("SELECT 1")
            raise AssertionError("the connection was not lost")

        monkeypatch.setattr(ledger.engine.dialect, "do_commit", losing)
        ledger.complete(trial.id, outcome())
        assert whole(ledger, trial.id)
    ledger.close()
    assert "the step is done again" in capsys.readouterr().err


def whole(ledger: Ledger, trial_id: str) -> bool:
    row = ledger.trial(trial_id)
    stored = [ledger.evaluation(trial_id, kept.split) for kept in outcome().evaluations]
    return (row.status, row.attempts, stored) == (
        Status.COMPLETE,
        1,
        list(outcome().evaluations),
    )


def test_a_server_that_stays_away_is_one_line(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(server.create_database())
    put_study(ledger)
    monkeypatch.setattr(database, "LONGEST_WAIT_SECONDS", 0.6)
    server.kill()
    try:
        began = time.monotonic()
        with pytest.raises(InputError, match=r"did not answer for 0.01 min: .* to go on") as told:
            ledger.studies()
        assert server.password not in str(told.value)
        waited = time.monotonic() - began
        with pytest.raises(InputError, match="did not answer"):
            ledger.studies()
        assert time.monotonic() - began < 2 * waited
    finally:
        server.start()
    assert [row.name for row in ledger.studies()] == ["s"]
    ledger.close()


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


@contextmanager
def restarted_writer(server: PostgresServer, url: str) -> Iterator[Ledger]:
    """The ledger of a process that may write, whose server has just restarted."""
    with only_writer(url), closing(Ledger(url)) as ledger:
        put_study(ledger)
        server.kill()
        server.start()
        yield ledger


OTHER = """
import os, sys

os.getpid = lambda: int(sys.argv[2])
from tracking.ledger.one_writer import only_writer

with only_writer(sys.argv[1]):
    print("writes", flush=True)
    sys.stdin.read()
"""


def other_writer(url: str, pid: int) -> "subprocess.Popen[str]":
    """A process that says this number of itself, and may write until its input ends."""
    words = [sys.executable, "-c", OTHER, url, str(pid)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "writes\n"
    return process


def test_the_right_to_write_is_taken_again_from_a_server_that_has_restarted(
    server: PostgresServer,
) -> None:
    url = server.create_database()
    with restarted_writer(server, url) as ledger:
        ledger.set_study_status("s", "STOPPED")
        with pytest.raises(InputError, match="another study is writing"), only_writer(url):
            pass
    with only_writer(url):
        pass


def test_who_has_lost_the_right_to_another_writes_no_more(server: PostgresServer) -> None:
    url = server.create_database()
    with restarted_writer(server, url) as ledger:
        with other_writer(url, 7) as other:
            for _ in range(2):
                with pytest.raises(
                    InputError, match=r"another study is writing to .*:7\): it began"
                ):
                    ledger.set_study_status("s", "STOPPED")
            other.communicate()
        # It is not known what the other has done.
        with pytest.raises(InputError, match="it began while the connection"):
            ledger.set_study_status("s", "STOPPED")
        assert ledger.study("s").status == "RUNNING"


def test_a_former_connection_that_the_server_takes_for_alive_is_waited_for(
    server: PostgresServer,
) -> None:
    url = server.create_database()
    with restarted_writer(server, url) as ledger:
        with other_writer(url, os.getpid()) as former:
            assert former.stdin is not None
            threading.Timer(1.0, former.stdin.close).start()
            ledger.set_study_status("s", "STOPPED")
        assert ledger.study("s").status == "STOPPED"


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
