"""Results and MLflow on a PostgreSQL server that is killed and comes back in mid-study."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from tracking.ports import free_port
from tracking.server_address import answers
from tracking.testing.postgresql import PostgresServer, missing

from .conftest import CELLS, REPEATABLE, SEEDS, Home

WHY_NOT = missing()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT)),
]
PLANNED = CELLS * SEEDS


@contextmanager
def mlflow_on(url: str, folder: Path) -> Iterator[str]:
    """An MLflow server as a team keeps one: on PostgreSQL, apart from any study."""
    port = free_port("127.0.0.1", 5300)
    words = f"-m mlflow server --workers 1 --host 127.0.0.1 --port {port} --no-serve-artifacts"
    with (folder / "mlflow.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *words.split(), "--backend-store-uri", url],
            stdout=log,
            stderr=log,
            cwd=folder,
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 300
        while not answers(address):
            assert process.poll() is None, (folder / "mlflow.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.3)
        yield address
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def numbers(url: str, query: str) -> list[tuple[object, ...]]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query)]
    finally:
        engine.dispose()


def test_a_study_on_a_server_that_is_killed_has_the_tables_of_one_on_a_file(
    home: Home, undisturbed: list[list[str]]
) -> None:
    home.study = REPEATABLE
    home.__post_init__()
    with PostgresServer.started() as server:
        results, runs = server.create_database(), server.create_database()
        with mlflow_on(runs, home.path) as address:
            home.environment = {"SSLCL_RESULTS_URL": results, "MLFLOW_TRACKING_URI": address}
            process = home.start()
            trained = "select count(*) from trials where status = 'COMPLETE'"
            ready = "select count(*) from information_schema.tables where table_name = 'trials'"
            home.wait_for(
                lambda: (
                    numbers(results, ready) == [(1,)]
                    and int(str(numbers(results, trained)[0][0])) >= 3
                ),
                process,
            )
            server.kill()
            time.sleep(1.0)
            server.start()
            said, _ = process.communicate(timeout=600)
            assert process.returncode == 0, said
            again = home.run()
            assert "nothing left to train" in again.stdout, said + again.stdout
            checked = home.run("--check", module="tracking.reconcile")
            assert checked.returncode == 0, checked.stdout
            report = home.run("tiny", "--format", "markdown", module="study.report")
            assert "cross_entropy" in report.stdout
        assert "Traceback" not in said
        assert not (home.runs / "results.db").exists()
        assert not (home.runs / "mlflow.db").exists()
        assert server.password not in said + again.stdout + report.stdout
        assert home.tables(results) == undisturbed
        statuses = "select status, count(*) from trials where current group by status"
        assert numbers(results, statuses) == [("COMPLETE", PLANNED)]
        mirrored = (
            "select r.status, count(distinct t.value) from runs r "
            "join tags t on t.run_uuid = r.run_uuid where t.key = 'trial' group by r.status"
        )
        assert numbers(runs, mirrored) == [("FINISHED", PLANNED)]
        assert numbers(runs, "select count(*) from runs") == [(PLANNED + 1,)]
