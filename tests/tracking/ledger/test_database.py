"""Opening a results database: new, older, newer, foreign and broken ones; and killed writers."""

import multiprocessing
import os
import signal
import sqlite3
import threading
from contextlib import closing
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from sqlalchemy import event

from sslcl.config import TrialConfig
from sslcl.errors import InputError
from tracking.home import Home
from tracking.ledger import Ledger, database
from tracking.ledger.schema import SCHEMA_VERSION
from tracking.records import Phase, Status
from tracking.testing.ledger_cases import outcome, planned, put_study, run


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def sql(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def test_a_new_home_is_made_and_opening_again_changes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "a" / "b"
    Ledger.at(Home(home)).close()
    before = snapshot(home)
    assert list(before) == ["results.db"]
    Ledger.at(Home(home)).close()
    assert snapshot(home) == before
    with closing(sqlite3.connect(home / "results.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("other", [SCHEMA_VERSION - 1, SCHEMA_VERSION + 1])
def test_another_schema_is_refused_and_nothing_written(tmp_path: Path, other: int) -> None:
    Ledger.at(Home(tmp_path)).close()
    sql(
        tmp_path / "results.db",
        f"UPDATE meta SET value = '{other}' WHERE key = 'schema_version'",
        "DROP VIEW ablation",
        "DROP TABLE findings",
        "PRAGMA user_version = 7",
    )
    before = snapshot(tmp_path)
    with pytest.raises(InputError, match=f"has schema version {other}: expected {SCHEMA_VERSION};"):
        Ledger.at(Home(tmp_path))
    assert snapshot(tmp_path) == before


def test_a_newer_schema_without_write_ahead_log_is_left_as_it_is(tmp_path: Path) -> None:
    sql(
        tmp_path / "results.db",
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT)",
        "INSERT INTO meta VALUES ('schema_version', '999')",
    )
    before = snapshot(tmp_path)
    with pytest.raises(InputError, match="version 999"):
        Ledger.at(Home(tmp_path))
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (["CREATE TABLE experiments (id INTEGER)"], "database of something else"),
        (["CREATE TABLE meta (key TEXT, value TEXT)"], "does not tell its schema version"),
        (["CREATE TABLE meta (id INTEGER)"], "cannot open"),
    ],
)
def test_another_programs_database_is_refused(
    tmp_path: Path, statements: list[str], message: str
) -> None:
    sql(tmp_path / "results.db", *statements)
    before = snapshot(tmp_path)
    with pytest.raises(InputError, match=message):
        Ledger.at(Home(tmp_path))
    assert snapshot(tmp_path) == before


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "results.db").write_text("a,b\n" * 500)
    before = snapshot(tmp_path)
    with pytest.raises(InputError, match=r"results\.db.*not a database") as caught:
        Ledger.at(Home(tmp_path))
    assert "\n" not in str(caught.value)
    assert snapshot(tmp_path) == before
    with pytest.raises(InputError, match="cannot keep results in"):
        Ledger.at(Home(tmp_path / "results.db"))
    (tmp_path / "folder" / "results.db").mkdir(parents=True)
    with pytest.raises(InputError, match="unable to open"):
        Ledger.at(Home(tmp_path / "folder"))


def test_bad_urls_are_told_in_one_line() -> None:
    with pytest.raises(InputError, match="no database URL"):
        Ledger("results.db")
    with pytest.raises(InputError, match="expected SQLite or PostgreSQL"):
        Ledger("mssql+pyodbc://host/db")
    with pytest.raises(InputError, match="no_such_driver") as caught:
        Ledger("postgresql+no_such_driver://me:secret@host/db")
    assert "secret" not in str(caught.value)


def test_an_older_database_gets_what_it_lacks_and_keeps_its_rows(tmp_path: Path) -> None:
    ledger = Ledger.at(Home(tmp_path))
    put_study(ledger)
    trial = planned(patience=3)
    run(ledger, trial)
    before = ledger.trial(trial.id)
    ledger.close()
    sql(
        tmp_path / "results.db",
        "DROP VIEW trials_wide",
        "DROP INDEX trials_by_identity",
        "DROP TABLE mirror_studies",
        "ALTER TABLE trials DROP COLUMN precision",
        "ALTER TABLE trials DROP COLUMN worker",
        "ALTER TABLE trials DROP COLUMN attempts",
        "UPDATE trials SET config = json_remove(config, '$.precision')",
        "UPDATE meta SET value = 'older' WHERE key = 'views'",
    )
    ledger = Ledger.at(Home(tmp_path))
    after = ledger.trial(trial.id)
    assert (after.config, after.score) == (before.config, before.score)
    assert (after.worker, after.attempts) == (None, 0)
    assert ledger.mirror_study("s") == (None, None, 0)
    ledger.close()
    with closing(sqlite3.connect(tmp_path / "results.db")) as connection:
        assert connection.execute("SELECT precision FROM trials_wide").fetchone() == ("float32",)
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert "trials_by_identity" in names


def test_every_configuration_field_is_a_typed_column(tmp_path: Path) -> None:
    ledger = Ledger.at(Home(tmp_path))
    put_study(ledger)
    trial = planned(modalities=("text", "audio"), dataset_options={"imbalance": 0.5})
    ledger.plan("s", Phase.ABLATE, [trial], replace=True)
    assert ledger.trial(trial.id).config == trial.config
    ledger.close()
    with closing(sqlite3.connect(tmp_path / "results.db")) as connection:
        types = {row[1]: row[2] for row in connection.execute("PRAGMA table_info(trials)")}
        connection.row_factory = sqlite3.Row
        row = connection.execute("SELECT * FROM trials").fetchone()
    assert set(TrialConfig.model_fields) <= set(types)
    expected = {"batch_size": "INTEGER", "learning_rate": "FLOAT", "backbone": "TEXT"}
    assert {name: types[name] for name in expected} == expected
    assert (row["seed"], row["learning_rate"]) == (0, trial.config.learning_rate)
    assert (row["modalities"], row["dataset_options"]) == (
        '["text", "audio"]',
        '{"imbalance": 0.5}',
    )
    assert row["backbone"] == "recurrent"


def open_at(home: Path, gate: Barrier) -> None:
    gate.wait()
    Ledger.at(Home(home)).close()


def test_many_may_open_a_new_database_at_once(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    gate = fork.Barrier(4)
    openers = [fork.Process(target=open_at, args=(tmp_path, gate)) for _ in range(4)]
    for process in openers:
        process.start()
    for process in openers:
        process.join()
    assert [process.exitcode for process in openers] == [0] * 4


def complete_and_die(home: Path, trial: str, statement: int) -> None:
    """Complete ``trial``, but die by SIGKILL just before the ``statement``-th SQL statement."""
    ledger = Ledger.at(Home(home))
    seen = 0

    def count(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == statement:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(ledger.engine, "before_cursor_execute", count)
    event.listen(ledger.engine, "commit", count)
    ledger.complete(trial, outcome(test=True, utterances=3000))


def test_a_writer_killed_anywhere_in_complete_leaves_all_or_nothing(tmp_path: Path) -> None:
    ledger = Ledger.at(Home(tmp_path))
    put_study(ledger)
    trial = planned()
    ledger.plan("s", Phase.ABLATE, [trial], replace=True)
    ledger.start(trial.id)
    before = ledger.trial(trial.id)
    ledger.close()
    fork = multiprocessing.get_context("fork")
    deaths = 0
    while True:
        process = fork.Process(target=complete_and_die, args=(tmp_path, trial.id, deaths + 1))
        process.start()
        process.join()
        if process.exitcode != -signal.SIGKILL:
            break
        deaths += 1
        ledger = Ledger.at(Home(tmp_path))
        assert ledger.trial(trial.id) == before
        assert ledger.evaluation(trial.id, "validation") is None
        assert ledger.diagnostics(trial.id) == []
        ledger.close()
    assert process.exitcode == 0
    assert deaths > 10
    ledger = Ledger.at(Home(tmp_path))
    assert ledger.trial(trial.id).status is Status.COMPLETE
    for split in ("validation", "test"):
        found = ledger.evaluation(trial.id, split)
        assert found is not None
        assert len(found.predictions) == 3000
    ledger.close()
    with closing(sqlite3.connect(tmp_path / "results.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_write_waits_for_a_lock_that_somebody_keeps_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 50)
    ledger = Ledger.at(Home(tmp_path))
    with closing(sqlite3.connect(tmp_path / "results.db", check_same_thread=False)) as shell:
        shell.isolation_level = None
        shell.execute("BEGIN EXCLUSIVE")
        threading.Timer(0.4, shell.execute, ["COMMIT"]).start()
        put_study(ledger)
    assert len(ledger.studies()) == 1
    said = capsys.readouterr().err
    assert "results.db' is locked by another program: waiting until it lets go" in said
    assert "is free again" in said
    ledger.close()
