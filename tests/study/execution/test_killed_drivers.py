"""Drivers that the system kills at any moment, in the midst of real writes to SQLite and Optuna.

The trials are made up and take no time, so that most of a driver's life is writing.
"""

import multiprocessing
import os
import random
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from sslcl.data.types import Dataset
from tracking.records import Status

from .mortal import open_ledger
from .simulated import SimulatedData, fates, make_study
from .simulator import World
from .tuned import SEARCHED, check, data_of

KILLS = 6
CONTENT = {
    **SEARCHED,
    "search": {"trials": 8, "sampler": "tpe"},
    "ablate": {**SEARCHED["ablate"], "trials": 4},
}


def opened(folder: Path, seed: int) -> World:
    """The world as a new process finds it."""
    study = make_study(**CONTENT, study=f"killed{seed}")
    return World(
        folder,
        open_ledger(folder),
        study,
        storage=None,
        data=SimulatedData(study.name),
        fate=fates(seed, 0.15),
        workers=3,
        seed=seed,
    )


def drive(folder: Path, seed: int, loaded: Dataset) -> None:
    """A driver in a process of its own."""
    world = opened(folder, seed)
    lived, _ = world.campaign(data_of(world, loaded))
    os._exit(0 if lived else 1)


def standing(folder: Path) -> dict[str, tuple[Status, int]]:
    """Status and revision of every trial."""
    try:
        with closing(sqlite3.connect(f"file:{folder}/results.db?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT id, status, revision FROM trials").fetchall()
    except sqlite3.OperationalError:
        return {}
    return {trial: (Status(status), revision) for trial, status, revision in rows}


@pytest.mark.medium
@pytest.mark.parametrize("seed", range(6))
def test_killed_again_and_again_it_does_what_is_missing_and_nothing_twice(
    seed: int, loaded: Dataset, tmp_path: Path
) -> None:
    draw = random.Random(seed)
    fork = multiprocessing.get_context("fork")
    kills, final = 0, dict[str, tuple[Status, int]]()
    while True:
        process = fork.Process(target=drive, args=(tmp_path, seed, loaded))
        process.start()
        if kills < KILLS:
            before = standing(tmp_path)
            while process.is_alive() and standing(tmp_path) == before:
                time.sleep(0.005)
            time.sleep(draw.uniform(0.0, 0.03))
            process.kill()
        process.join()
        now = standing(tmp_path)
        # What is final stays as it is, whatever befalls later drivers.
        assert {trial: now.get(trial) for trial in final} == final
        final = {
            trial: (s, r) for trial, (s, r) in now.items() if s.final and s is not Status.FAILED
        }
        if process.exitcode != -signal.SIGKILL:
            break
        kills += 1
    assert process.exitcode == 0
    assert kills >= KILLS - 2, "it came to its end before it could be killed"
    world = opened(tmp_path, seed)
    world.check()
    check(world, dict(world.ledger.study(world.study.name).reference or {}))
    assert not [row for row in world.rows(None) if not row.status.final]
    world.ledger.close()
