"""``python -m benchmarks.platform``: what the platform costs around training.

Runs small studies whose trials train for a few hundredths of a second, with two workers and
everything logged, by the same command that a user gives. With ``--before FOLDER``, a working copy
of an earlier version, both versions are run in turns.
"""

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.timing import Figure, seconds

WORKERS = 2
MOST_SECONDS = 0.12
MOST_OF_IDEAL = 1.10
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
CAMPAIGN = """
confirm: {top: 4, seeds: 4}
ablate: {design: one_factor, factors: [dropout], seeds: 4, reference: winner}
"""


@dataclass(frozen=True)
class Run:
    """A finished run of a study.

    Args:
        wall: seconds of the whole command.
        span: seconds from the first trial's start to the last one's end.
        training: seconds of all trials together.
        trained: how many trials were trained.
    """

    wall: float
    span: float
    training: float
    trained: int


def run(tree: Path, text: str) -> Run:
    """Run the study in ``text`` with the version of the platform in ``tree``."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "platform.yaml")
        path.write_text(text)
        home = Path(folder, "runs")
        options = ("--home", str(home), "--workers", str(WORKERS))
        command = [sys.executable, "-m", "study.run", str(path), *options]
        environment = {**os.environ, "PYTHONPATH": str(tree.resolve())}

        def work() -> None:
            subprocess.run(
                command, cwd=tree, env=environment, check=True, stdout=subprocess.DEVNULL
            )

        wall = seconds(work)
        query = (
            "SELECT (max(ended_at) - min(started_at)) / 1000.0, sum(seconds), count(*) FROM trials"
            " WHERE status IN ('COMPLETE', 'PRUNED')"
        )
        with closing(sqlite3.connect(home / "results.db")) as connection:
            span, training, trained = connection.execute(query).fetchone()
        return Run(wall, span, training, trained)


def cost_of_a_trial(tree: Path, few: int, many: int) -> float:
    """Worker-seconds that a further search trial costs beside its training."""
    small, large = (run(tree, STUDY + SEARCH.format(trials=n)) for n in (few, many))
    idle = [WORKERS * r.wall - r.training for r in (small, large)]
    return (idle[1] - idle[0]) / (large.trained - small.trained)


def over_ideal(tree: Path) -> float:
    """Wall time of three phases, once the first trial runs, over training seconds per worker."""
    text = STUDY.replace("epochs: 10, patience: 10", "epochs: 400, patience: 400")
    campaign = run(tree, text + SEARCH.format(trials=32) + CAMPAIGN)
    return campaign.span / (campaign.training / WORKERS)


def figures(repeats: int = 3) -> list[Figure]:
    """What this version costs."""
    here = Path(__file__).resolve().parents[1]
    costs = [cost_of_a_trial(here, few=8, many=72) for _ in range(repeats)]
    return medians(costs, [over_ideal(here) for _ in range(repeats)])


def medians(costs: Sequence[float], ratios: Sequence[float]) -> list[Figure]:
    """Medians against their targets."""
    shown: list[Figure] = []
    if costs:
        cost = median(costs)
        target = f"at most {MOST_SECONDS:g} s"
        shown.append(
            Figure("platform, a search trial", f"{cost:.3f} s", target, cost <= MOST_SECONDS)
        )
    if ratios:
        ratio = median(ratios)
        target = f"at most {MOST_OF_IDEAL:g}x"
        shown.append(
            Figure("campaign, wall over ideal", f"{ratio:.2f}x", target, ratio <= MOST_OF_IDEAL)
        )
    return shown


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path, help="working copy of an earlier version")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--few", type=int, default=8, help="search trials of the short study")
    parser.add_argument("--many", type=int, default=72, help="search trials of the long study")
    parser.add_argument("--only", choices=("trial", "campaign"))
    given = parser.parse_args()
    here = Path(__file__).resolve().parents[1]
    trees = {"before": given.before, "after": here} if given.before else {"now": here}
    costs: dict[str, list[float]] = {name: [] for name in trees}
    ratios: dict[str, list[float]] = {name: [] for name in trees}
    for _ in range(given.repeats):
        for name, tree in trees.items():
            if given.only != "campaign":
                costs[name].append(cost_of_a_trial(tree, given.few, given.many))
            if given.only != "trial":
                ratios[name].append(over_ideal(tree))
    for name in trees:
        for figure in medians(costs[name], ratios[name]):
            holds = "yes" if figure.holds else "no"
            print(f"{name:<7} {figure.what:<28} {figure.value:<9} {figure.target:<16} {holds}")


if __name__ == "__main__":
    main()
