"""A study of ten thousand trials that nobody trains, on a thousand workers that are made up.

Planner, searcher, ledger and mirror are the real ones; workers and MLflow's server answer at once.
"""

import tempfile
import time
from collections import deque
from contextlib import nullcontext
from itertools import count
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console

from benchmarks.timing import Figure
from search_spaces.checks import parse_study
from search_spaces.schema import Study
from sslcl.data import load_dataset
from study.driver import register
from study.execution.callbacks import Callbacks
from study.execution.campaign import Campaign, CampaignRun
from study.execution.ray_searcher import TrialStream
from study.execution.ray_worker import TRIAL_KEY
from study.execution.resources import Halt
from study.execution.workspace import Workspace
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.mirror import Destination, Mirror
from tracking.mirror.client import FoundRun
from tracking.records import Evaluation, Outcome, PlannedTrial, Status

TRIALS = 10_000
WORKERS = 1_000
EPOCHS = 3
UTTERANCES = 50
CELLS = 1_000
MOST_SLOWER = 1.5
MOST_MEGABYTES = 10.0
DRAIN_SECONDS = 1800.0


def figures(trials: int = TRIALS) -> list[Figure]:
    """What the last trials cost beside the first, in time and in memory."""
    cluster, left_behind, rows = simulate(trials)
    third = len(cluster.marks) // 3
    (early, _), (early_end, start_mb) = cluster.marks[0], cluster.marks[third]
    (late, _), (late_end, end_mb) = cluster.marks[-third - 1], cluster.marks[-1]
    slower = (late_end - late) / max(early_end - early, 1e-9)
    growth = (end_mb - start_mb) / (len(cluster.marks) - third) * 1000
    complete = sum(status is Status.COMPLETE for status in rows)
    return [
        Figure(
            f"time of the last third of {trials:,} simulated trials over the first",
            f"{slower:.2f}x",
            f"at most {MOST_SLOWER:g}x",
            slower <= MOST_SLOWER,
        ),
        Figure(
            "memory that the driver gains in 1,000 trials after the first third",
            f"{growth:.1f} MiB",
            f"at most {MOST_MEGABYTES:g} MiB",
            growth <= MOST_MEGABYTES,
        ),
        Figure(
            "planned trials that are complete, and those that the mirror still owes",
            f"{complete:,} and {left_behind:,}",
            f"{trials:,} and 0",
            (complete, left_behind) == (trials, 0),
        ),
    ]


def simulate(trials: int) -> "tuple[SimulatedCluster, int, list[Status]]":
    """Run such a study to its end.

    Returns:
        The cluster, how many trials the mirror is behind, and the status of every trial.
    """
    study = _study(trials)
    dataset = load_dataset("synthetic", {"conversations": 7})
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        ledger = Ledger.at(home)
        quiet = Console(quiet=True)
        register(ledger, study, dataset, quiet)
        cluster = SimulatedCluster(home)
        destination = Destination("simulated", lambda uri: ForgetfulRuns())
        try:
            with Mirror(ledger.url, study.name, destination) as mirror:
                workspace = Workspace(home, ledger, quiet)
                Campaign(study, dataset, workspace, lambda: nullcontext(cluster), Halt()).run()
                mirror.drain(DRAIN_SECONDS)
                behind = mirror.behind()
            return cluster, behind, [row.status for row in ledger.trials(study.name)]
        finally:
            ledger.close()


def _study(trials: int) -> Study:
    """A tenth of the trials search, the others are a grid."""
    searched = trials // 10
    levels = {"batch_size": [2**k for k in range(1, 11)], "hidden_size": list(range(8, 88, 8))}
    cells_of_two = len(levels["batch_size"]) * len(levels["hidden_size"])
    layers = max(min(CELLS, (trials - searched) // 2) // cells_of_two, 1)
    seeds, rest = divmod(trials - searched, layers * cells_of_two)
    content: dict[str, Any] = {
        "study": "scale",
        "base": {"epochs": EPOCHS},
        "factors": {
            **levels,
            "patience": list(range(2, 2 + max(layers, 2))),
            "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
        },
        "search": {"trials": searched + rest, "sampler": "random", "scheduler": "none"},
        "ablate": {
            "design": "grid",
            "factors": [*levels, "patience"],
            "levels": {"patience": list(range(2, 2 + layers))},
            "reference": {"batch_size": 2, "hidden_size": 8, "patience": 2},
            "seeds": seeds,
        },
    }
    return parse_study(content, "scale.yaml")


class SimulatedCluster:
    """A thousand workers, of which the one that has worked longest ends its trial first.

    Args:
        home: of the study.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self.marks: list[tuple[float, float]] = []
        """After each trial: seconds, and MiB of this process."""

    def fit(self, run: CampaignRun, ledger: Ledger, callbacks: Callbacks) -> None:
        """Have every trial answer at once."""
        stream = TrialStream(run.sources, ledger, self._home, WORKERS, callbacks)
        process, numbers = psutil.Process(), count()
        live: deque[tuple[str, PlannedTrial]] = deque()
        while True:
            while len(live) < WORKERS:
                name = f"trial{next(numbers)}"
                answer = stream.suggest(name)
                if not isinstance(answer, dict):
                    break
                live.append((name, answer[TRIAL_KEY]))
            if not live:
                break
            self._train(stream, *live.popleft())
            self.marks.append((time.perf_counter(), process.memory_info().rss / 2**20))
        stream.flush()
        if stream.error is not None:
            raise stream.error

    def _train(self, stream: TrialStream, name: str, planned: PlannedTrial) -> None:
        for epoch in range(1, EPOCHS):
            stream.on_trial_result(name, _epoch(epoch))
        splits = ("validation",) if planned.phase.searches else ("validation", "test")
        evaluations = tuple(map(_evaluation, splits))
        outcome = Outcome(1, EPOCHS, 0.5, {"seconds": 0.2}, evaluations)
        stream.on_trial_complete(name, {**_epoch(EPOCHS), "outcome": outcome, "done": True})


def _epoch(epoch: int) -> dict[str, Any]:
    metrics = (("train_loss", 1.0 / epoch), ("validation_weighted_f1", 0.5), ("seconds", 0.1))
    return {"epoch": epoch, "score": 0.5, "epochs": ((epoch, metrics),)}


def _evaluation(split: str) -> Evaluation:
    numbers = list(range(UTTERANCES))
    labels, words = [0] * UTTERANCES, ["c"] * UTTERANCES
    metrics = {"weighted_f1": 0.5, "macro_f1": 0.5, "accuracy": 0.5}
    names = [f"{split}{number}" for number in numbers]
    return Evaluation(split, metrics, words, names, labels, labels, numbers)


class ForgetfulRuns:
    """Stands for an MLflow server that takes everything at once and keeps nothing."""

    def __init__(self) -> None:
        self._numbers = count()

    def find_experiment(self, name: str) -> str:
        return name

    def experiment(self, name: str) -> str:
        return name

    def runs(self, *_: Any) -> list[FoundRun]:
        return []

    def create(self, *_: Any) -> str:
        return f"run{next(self._numbers)}"

    def history(self, *_: Any) -> dict[str, list[Any]]:
        return {}

    def artifacts(self, *_: Any) -> frozenset[str]:
        return frozenset()

    def _take(self, *_: Any, **__: Any) -> None: ...

    log = set_status = delete = dataset = text = figure = view = _take
