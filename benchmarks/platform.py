"""What the platform costs around training.

Runs small studies with two workers and everything logged, by the same command that a user gives.
What a trial costs besides its training is seen in trials of a few hundredths of a second. The
campaign's trials are those of the shipped quickstart, with its data, model and loss, and a fixed
number of epochs within those that its own take (15 to 90), so that its figure is what a user sees.
"""

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.driver_growth import megabytes_per_thousand_trials
from benchmarks.timing import Figure, at_most, of_pairs, seconds

WORKERS = 2
WARM_UP = 8
"""First trials of a run that are not counted."""
MOST_SECONDS = 0.12
MOST_OF_IDEAL = 1.10
MOST_OF_PARTS = 1.5
MOST_MEGABYTES = 600
MOST_GROWTH = 1.0
STUDY = """
study: platform
dataset: synthetic
dataset_options: {conversations: 35}
base: {epochs: 10, patience: 10, hidden_size: 8, backbone: utterance, objective: cross_entropy}
factors:
  learning_rate: {low: 1.0e-4, high: 1.0e-2, log: true}
  dropout: [0.1, 0.2, 0.3, 0.4]
"""
SEARCH = "search: {{trials: {trials}, sampler: tpe, scheduler: none}}\n"
PLANNED = "ablate: {design: one_factor, factors: [dropout], seeds: 12, reference: {}}\n"
FACTORS = STUDY[STUDY.index("factors:") :]
LONGER = f"""
study: platform
dataset: synthetic
base:
  epochs: 24
  patience: 24
  hidden_size: 96
  backbone: recurrent
  objective: sslcl
  similarity: soft_hgr
  label_embedding_depth: 2
  augmentation: text_plus_one
{FACTORS}"""
STARTS = 3
"""Pairs of starts that are timed."""
CAMPAIGN = """
confirm: {top: 4, seeds: 4}
ablate: {design: one_factor, factors: [dropout], seeds: 4, reference: winner}
"""
BARE = """
import ray

ray.init(address="local", include_dashboard=False, log_to_driver=False)


@ray.remote
def start():
    import sslcl.training
    import ray.tune


ray.get(start.remote())
"""


@dataclass(frozen=True)
class Trial:
    """A trained trial; times in seconds since the epoch of the clock."""

    started: float
    ended: float
    training: float
    megabytes: float
    worker: str


@dataclass(frozen=True)
class Run:
    """A finished run of a study.

    Args:
        trials: those that were trained, in the order of their start.
        to_first_epoch: seconds from the command to the end of the first epoch.
    """

    trials: tuple[Trial, ...]
    to_first_epoch: float

    @property
    def over_ideal(self) -> float:
        """Wall time over training seconds per worker, each worker's first trial left out.

        That has waited for its worker to start, which ``to_first_epoch`` tells of.
        """
        counted = self.trials[WORKERS:]
        span = max(trial.ended for trial in counted) - counted[0].started
        return span * WORKERS / sum(trial.training for trial in counted)

    @property
    def idle_per_trial(self) -> float:
        """Worker-seconds that a trial costs beside its training, the first ones left out."""
        counted = self.trials[WARM_UP:]
        span = max(trial.ended for trial in counted) - counted[0].started
        training = sum(trial.training for trial in counted)
        return (WORKERS * span - training) / len(counted)

    @property
    def workers(self) -> int:
        """Workers that trained any of them."""
        return len({trial.worker for trial in self.trials})


def run(text: str) -> Run:
    """Run the study in ``text``."""
    with tempfile.TemporaryDirectory() as folder:
        path, home = Path(folder, "platform.yaml"), Path(folder, "runs")
        path.write_text(text)
        words = ("-m", "study.run", str(path), "--home", str(home), "--workers", str(WORKERS))
        started = time.time()
        _python(*words)
        with closing(sqlite3.connect(home / "results.db")) as connection:
            rows = connection.execute(
                "SELECT started_at / 1000.0, ended_at / 1000.0, seconds, peak_memory_mb, worker"
                " FROM trials WHERE status IN ('COMPLETE', 'PRUNED') ORDER BY started_at"
            ).fetchall()
            query = "SELECT min(logged_at) / 1000.0 FROM epoch_metrics"
            (first,) = connection.execute(query).fetchone()
        return Run(tuple(Trial(*row) for row in rows), first - started)


def figures() -> list[Figure]:
    """What this version costs."""
    search = run(STUDY + SEARCH.format(trials=32))
    planned = run(STUDY + PLANNED)
    campaign = run(LONGER + SEARCH.format(trials=32) + CAMPAIGN)
    starts = [
        (run(STUDY + SEARCH.format(trials=2)).to_first_epoch, seconds(lambda: _python("-c", BARE)))
        for _ in range(STARTS)
    ]
    memory = max(trial.megabytes for r in (search, planned, campaign) for trial in r.trials)
    return [
        *(
            _at_most(f"platform, a {kind} trial", found.idle_per_trial, MOST_SECONDS, " s")
            for kind, found in (("search", search), ("planned", planned))
        ),
        Figure(
            "workers that train short trials",
            str(search.workers),
            f"{WORKERS}, all that are asked for",
            search.workers == WORKERS,
        ),
        _at_most("campaign, wall over ideal", campaign.over_ideal, MOST_OF_IDEAL, "x"),
        at_most(
            "command to first epoch over a bare start of Ray and one worker",
            of_pairs(starts),
            MOST_OF_PARTS,
        ),
        _at_most("memory of a worker", memory, MOST_MEGABYTES, " MB"),
        _at_most(
            "growth of the driver in 1,000 trials, without Ray",
            megabytes_per_thousand_trials(),
            MOST_GROWTH,
            " MB",
        ),
    ]


def _at_most(what: str, value: float, most: float, unit: str) -> Figure:
    return Figure(what, f"{value:.3g}{unit}", f"at most {most:g}{unit}", value <= most)


def _python(*words: str) -> None:
    root = Path(__file__).resolve().parents[1]
    subprocess.run(
        [sys.executable, *words],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
