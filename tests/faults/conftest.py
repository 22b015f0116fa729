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


@dataclass
class Home:
    """A folder with a study file and everything that running it leaves."""

    path: Path
    study: str = STUDY
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.path / "tiny.yaml").write_text(self.study)

    @property
    def runs(self) -> Path:
        return self.path / "runs"

    def start(self, *extra: str, module: str = "study.run") -> subprocess.Popen[str]:
        target = ["tiny.yaml"] if module == "study.run" else []
        environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
        process = subprocess.Popen(
            [sys.executable, "-m", module, *target, "--home", str(self.runs), *extra],
            cwd=self.path,
            env={**environment, "PYTHONPATH": str(ROOT)},
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

    def sql(self, query: str, database: str = "results.db") -> list[Any]:
        with closing(sqlite3.connect(self.runs / database, timeout=60)) as connection:
            return connection.execute(query).fetchall()

    def count(self, query: str, database: str = "results.db") -> int:
        """The first number of a query; 0 while the database or the table is not there."""
        try:
            return int(self.sql(query, database)[0][0])
        except (sqlite3.OperationalError, IndexError):
            return 0

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


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home in which the study has run to its end, shared by tests that only read."""
    made = Home(tmp_path_factory.mktemp("finished"))
    done = made.run()
    assert done.returncode == 0, done.stdout
    (made.path / "output.txt").write_text(done.stdout)
    return made
