"""``python -m benchmarks.ledger``: reports and views of 200,000 trials, and MLflow beside them.

Writes a results database of that many trials (see :mod:`benchmarks.big_ledger`) and a smaller
MLflow store of runs with the same parameters and scores, both SQLite files on the same disk, and
asks both the same question: the mean score of every backbone. Prints Markdown. MLflow does not
aggregate: ``search_runs`` brings the runs to the client, which averages them. It is timed at two
sizes, so that one sees how it grows; the time per trial and the ratio are what carries over.
"""

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median

from benchmarks.big_ledger import STUDY, write

QUESTION = (
    "SELECT backbone, avg(validation_weighted_f1) FROM trials_wide"
    f" WHERE study = '{STUDY}' GROUP BY backbone"
)
VIEWS = {
    "trials_wide": QUESTION,
    "trials_wide, ablation only": (
        "SELECT similarity, avg(test_weighted_f1) FROM trials_wide"
        f" WHERE study = '{STUDY}' AND phase = 'ablate' GROUP BY similarity"
    ),
    "trials_wide, best ten": (
        "SELECT trial, backbone, validation_weighted_f1 FROM trials_wide"
        f" WHERE study = '{STUDY}' ORDER BY validation_weighted_f1 DESC LIMIT 10"
    ),
    "ablation": f"SELECT * FROM ablation WHERE study = '{STUDY}'",
    "per_class": (
        f"SELECT class, avg(f1) FROM per_class WHERE study = '{STUDY}' AND split = 'test'"
        " GROUP BY class"
    ),
    "cost": f"SELECT backbone, avg(seconds) FROM cost WHERE study = '{STUDY}' GROUP BY backbone",
    "diagnostics": (
        f"SELECT name, count(warning) FROM diagnostics WHERE study = '{STUDY}' GROUP BY name"
    ),
    "learning_curve": (
        f"SELECT epoch, avg(value) FROM learning_curve WHERE study = '{STUDY}'"
        " AND metric = 'validation_weighted_f1' GROUP BY epoch"
    ),
}
PARAMETERS = (
    "backbone", "similarity", "hidden_size", "augmentation", "learning_rate", "batch_size",
    "dropout", "objective", "seed", "epochs",
)  # fmt: skip
REPEATS = 5


def seconds(ask: Callable[[], object], repeats: int = REPEATS) -> float:
    """Median time of one call, after one that warms up."""
    ask()
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - started)
    return median(taken)


def report(home: Path) -> float:
    """Wall time of the command, the start of the interpreter included."""
    command = [sys.executable, "-m", "study.report", STUDY, "--home", str(home)]
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def sample(database: Path, count: int) -> list[sqlite3.Row]:
    """Trials of the search with their parameters and score."""
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(
            f"SELECT {', '.join(PARAMETERS)}, validation_weighted_f1 FROM trials_wide"
            " WHERE phase = 'search' LIMIT ?",
            [count],
        ).fetchall()


def fill_mlflow(uri: str, trials: list[sqlite3.Row]) -> str:
    """Log ``trials`` as runs, one batch each; the id of their experiment."""
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param

    client = MlflowClient(uri)
    experiment = client.create_experiment(STUDY)
    for row in trials:
        run = client.create_run(experiment)
        score = Metric("score", row["validation_weighted_f1"], 0, 0)
        parameters = [Param(name, str(row[name])) for name in PARAMETERS]
        client.log_batch(run.info.run_id, metrics=[score], params=parameters)
        client.set_terminated(run.info.run_id)
    return str(experiment)


def ask_mlflow(uri: str, experiment: str, most: int) -> dict[str, float]:
    """The same question: mean score by backbone, over at most so many runs of the experiment."""
    import mlflow

    mlflow.set_tracking_uri(uri)
    runs = mlflow.search_runs([experiment], max_results=most)
    means: dict[str, float] = runs.groupby("params.backbone")["metrics.score"].mean().to_dict()
    return means


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Time reports and views of many trials.")
    parser.add_argument("--trials", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=2_000, help="runs in the MLflow store")
    options = parser.parse_args()
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), options.trials, options.runs)


def compare(home: Path, trials: int, runs: int) -> None:
    """Write both stores to ``home``, ask both and print what it took."""
    started = time.perf_counter()
    write(home, trials)
    database = home / "results.db"
    size = database.stat().st_size / 1e6
    print(f"{trials:,} trials, {size:,.0f} MB, written in {time.perf_counter() - started:.0f} s")
    print("\n| what | seconds |\n|---|---|")
    print(f"| report, comparisons computed | {report(home):.2f} |")
    print(f"| report, nothing changed | {seconds(lambda: report(home), 3):.2f} |")
    with closing(sqlite3.connect(database)) as connection:
        for name, query in VIEWS.items():
            print(f"| view {name} | {seconds(_asker(connection, query)):.3f} |")
        ours = seconds(_asker(connection, QUESTION))
    beside_mlflow(database, trials, runs, ours)


def beside_mlflow(database: Path, trials: int, runs: int, ours: float) -> None:
    """Fill an MLflow store, ask it too, and print both times and their ratio."""
    uri = f"sqlite:///{database.parent}/mlflow.db"
    experiment = fill_mlflow(uri, sample(database, runs))
    print("\n| mean score by backbone | trials | seconds | µs per trial |\n|---|---|---|---|")
    print(f"| view `trials_wide` | {trials:,} | {ours:.3f} | {ours / trials * 1e6:.1f} |")
    for most in (runs // 2, runs):
        theirs = seconds(lambda most=most: ask_mlflow(uri, experiment, most), 3)  # type: ignore[misc]
        print(f"| MLflow `search_runs` | {most:,} | {theirs:.3f} | {theirs / most * 1e6:.1f} |")
    ratio = theirs / runs / (ours / trials)
    print(
        f"\nPer trial the view is {ratio:,.0f} times as fast. If its time goes on growing so, "
        f"`search_runs` takes about {theirs / runs * trials:,.0f} s for {trials:,} runs."
    )


def _asker(connection: sqlite3.Connection, query: str) -> Callable[[], object]:
    return lambda: connection.execute(query).fetchall()


if __name__ == "__main__":
    main()
