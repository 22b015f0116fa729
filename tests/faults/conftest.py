"""A small real study, run as a person runs it: Ray, Optuna, MLflow and SQLite, all of them."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from tracking.home import Home as RunHome

ROOT = Path(__file__).resolve().parents[2]

STUDY = """
study: tiny
description: a small study for tests
dataset: synthetic
dataset_options: {conversations: 42}
base: {epochs: 6, patience: 6, hidden_size: 16, label_embedding_width: 16}
factors:
  objective: [sslcl, cross_entropy]
  similarity: {levels: [soft_hgr, cosine], when: {objective: sslcl}}
  learning_rate: {low: 1.0e-4, high: 1.0e-2, log: true}
search: {trials: 8, scheduler: asha, grace_epochs: 1, reduction: 2, fixed: {objective: sslcl}}
confirm: {top: 1, seeds: 2}
ablate: {factors: [objective, similarity], seeds: 2}
resources: {workers: 2}
"""
TRIALS = {"search": 8, "confirm": 2, "ablate": 6}
REPEATABLE = """
study: tiny
description: its tables do not depend on which trial ends first
dataset_options: {conversations: 14}
base: {epochs: 2, hidden_size: 8, label_embedding_width: 8}
factors: {objective: [sslcl, cross_entropy], batch_size: [4, 8]}
ablate:
  factors: [objective, batch_size]
  reference: {objective: sslcl, batch_size: 4}
  seeds: 14
resources: {workers: 2}
"""
CELLS, SEEDS = 3, 14
_OF = "from trials t join {} r on r.trial = t.id where t.current"
COMPARED = (
    "select phase, cell, seed, status, score, best_epoch, epochs_run from trials where current",
    f"select t.cell, t.seed, r.split, r.metric, r.value {_OF.format('evaluations')}",
    f"select t.cell, t.seed, r.split, r.position, r.predicted {_OF.format('predictions')}",
    f"select t.cell, t.seed, r.epoch, r.metric, r.value {_OF.format('epoch_metrics')}"
    " and r.metric not like '%seconds%'",
    "select phase, metric, cell, position, n, mean, sd, difference, ci_low, ci_high, p_value,"
    " p_corrected, effect_size, verdict from comparisons",
)
"""What a study's tables hold, less times and places."""


@dataclass
class Home:
    """A folder with a study file and everything that running it leaves."""

    path: Path
    study: str = STUDY
    environment: dict[str, str] = field(default_factory=dict)
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.path / "tiny.yaml").write_text(self.study)

    @property
    def runs(self) -> Path:
        return self.path / "runs"

    def start(self, *extra: str, module: str = "study.run") -> subprocess.Popen[str]:
        target = ["tiny.yaml"] if module == "study.run" else []
        environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
        paths = [str(ROOT), *filter(None, [environment.get("PYTHONPATH")])]
        process = subprocess.Popen(
            [sys.executable, "-m", module, *target, "--home", str(self.runs), *extra],
            cwd=self.path,
            env={**environment, "PYTHONPATH": os.pathsep.join(paths), **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.started.append(process)
        return process

    def run(self, *extra: str, module: str = "study.run") -> subprocess.CompletedProcess[str]:
        process = self.start(*extra, module=module)
        output, _ = process.communicate(timeout=800)
        return subprocess.CompletedProcess(process.args, process.returncode, output, "")

    def kill_when(self, query: str, least: int = 1) -> None:
        """Start the study, and kill its driver when ``query`` counts ``least``."""
        process = self.start()
        assert self.wait_for(lambda: self.count(query) >= least, process)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def sql(self, query: str, database: str = "results.db") -> list[Any]:
        with closing(sqlite3.connect(self.runs / database, timeout=60)) as connection:
            return connection.execute(query).fetchall()

    def count(self, query: str, database: str = "results.db") -> int:
        """The first number of a query; 0 while the database or the table is not there."""
        try:
            return int(self.sql(query, database)[0][0])
        except (sqlite3.OperationalError, IndexError):
            return 0

    def tables(self, url: str | None = None) -> list[list[str]]:
        """Everything that the study's tables rest on, in an order that no run changes."""
        engine = create_engine(url or RunHome(self.runs).results_url)
        try:
            with engine.connect() as connection:
                return [
                    sorted(str(tuple(row)) for row in connection.execute(text(query)))
                    for query in COMPARED
                ]
        finally:
            engine.dispose()

    def wait_for(self, done: Callable[[], bool], process: subprocess.Popen[str]) -> bool:
        """Wait until ``done``; false when the process ended first."""
        while process.poll() is None:
            if done():
                return True
            time.sleep(0.05)
        return False


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A fresh home; what is still running at the end is killed."""
    made = Home(tmp_path)
    yield made
    for process in made.started:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """The tables of the repeatable study after a run in which nothing happens."""
    made = Home(tmp_path_factory.mktemp("undisturbed"), REPEATABLE)
    done = made.run()
    assert done.returncode == 0, done.stdout
    tables = made.tables()
    assert len(tables[0]) == CELLS * SEEDS
    assert all(tables)
    return tables


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home in which the study has run to its end, shared by tests that only read."""
    made = Home(tmp_path_factory.mktemp("finished"))
    done = made.run()
    assert done.returncode == 0, done.stdout
    (made.path / "output.txt").write_text(done.stdout)
    return made
