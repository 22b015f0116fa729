"""Recorded curves of random candidates of a search, for simulated searches.

``python -m benchmarks.curves`` trains them and writes ``curves.json`` beside this file: levels,
validation scores and processor seconds of every epoch. Processor seconds, because what else the
machine does must not make a candidate dear.
"""

import json
import multiprocessing
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import optuna

from search_spaces import load_study
from sslcl.command import OneLineCommand
from sslcl.data import load_dataset
from sslcl.files import write_whole
from sslcl.identity import code_fingerprint
from sslcl.training import Trainer
from study.design.space import suggest
from study.design.tuning import search_of

STUDY = str(Path(__file__).with_name("recorded_search.yaml"))
FILE = Path(__file__).with_name("curves.json")
COMMAND = "python -m benchmarks.curves"
_FIRST_SEED = 20_000


@dataclass(frozen=True)
class Curve:
    """One candidate, trained to its last epoch.

    Args:
        levels: factor to level.
        scores: validation weighted F1 after each epoch, in [0, 1].
        seconds: of the processor, of each epoch.
    """

    levels: Mapping[str, Any]
    scores: tuple[float, ...]
    seconds: tuple[float, ...]


def recorded() -> tuple[Curve, ...]:
    """The curves of the file."""
    content = json.loads(FILE.read_text(encoding="utf-8"))
    return tuple(
        Curve(c["levels"], tuple(c["scores"]), tuple(c["seconds"])) for c in content["curves"]
    )


def record(number: int) -> dict[str, Any]:
    """Train the random candidate with this number."""
    study = load_study(STUDY)
    tuning = search_of(study)
    sampler = optuna.samplers.RandomSampler(seed=_FIRST_SEED + number)
    drawn = suggest(tuning, optuna.create_study(sampler=sampler).ask())
    dataset = load_dataset(study.dataset).sealed()
    trainer = Trainer(study.config(drawn, tuning.settings.seed), dataset)
    scores, seconds = [], []
    while not trainer.finished:
        started = time.process_time()
        scores.append(round(trainer.fit_epoch()["validation_weighted_f1"], 5))
        seconds.append(round(time.process_time() - started, 4))
    return {"levels": dict(drawn), "scores": scores, "seconds": seconds}


def _begin() -> None:
    import torch

    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)


@click.command(cls=OneLineCommand)
@click.option("--candidates", type=click.IntRange(min=1), default=256, show_default=True)
@click.option("--minutes", type=click.FloatRange(min=0.1), default=15.0, show_default=True)
def main(candidates: int, minutes: float) -> int:
    """Train candidates in two processes, as many as the minutes allow, and write the file."""
    ends = time.monotonic() + 60 * minutes
    curves: list[dict[str, Any]] = []
    with multiprocessing.get_context("spawn").Pool(2, initializer=_begin) as pool:
        # In the order of their numbers: those that are slow must not be the ones left out.
        for curve in pool.imap(record, range(candidates)):
            curves.append(curve)
            _write(curves)
            if time.monotonic() > ends:
                pool.terminate()
                break
    click.echo(f"{len(curves)} curves in {FILE}")
    return 0


def _write(curves: list[dict[str, Any]]) -> None:
    head = {
        "command": COMMAND,
        "code": code_fingerprint(load_study(STUDY).base_config(0)),
        "study": Path(STUDY).name,
    }
    lines = ",\n".join(json.dumps(curve, separators=(",", ":")) for curve in curves)
    text = json.dumps(head)[:-1] + f', "curves": [\n{lines}\n]}}\n'
    write_whole(FILE, text)


if __name__ == "__main__":
    main()
