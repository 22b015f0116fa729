"""``python -m benchmarks.fusion``: trials an hour when several are trained as one program.

Trains groups of small models of the synthetic conversations (hidden size 48, one thread) and as
many alone, epoch by epoch in turns. A ratio is CPU time of an epoch alone over the share of one
model in an epoch of its group.
"""

import time
from collections.abc import Callable, Iterator, Sequence

import torch

from benchmarks.timing import Figure, Ratio, at_least, of_pairs
from sslcl.config import TrialConfig
from sslcl.data import Dataset, load_dataset
from sslcl.fusion.compatibility import BACKBONES_THAT_FUSE
from sslcl.fusion.trainer import FusedTrainer
from sslcl.training import Trainer

OBJECTIVES = ("cross_entropy", "sslcl")
GROUPS = (5, 8, 16)
BATCHES = (8, 16)
ROUNDS = 5
TARGET = 2.5


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU time of one call."""
    started = time.process_time()
    work()
    return time.process_time() - started


def speed_up(configs: Sequence[TrialConfig], dataset: Dataset) -> Ratio:
    """An epoch of one alone over a model's share in an epoch of all together."""
    group, alone = FusedTrainer(configs, dataset), Trainer(configs[0], dataset)
    group.fit_epoch()
    alone.fit_epoch()
    return of_pairs(
        [
            (cpu_seconds(alone.fit_epoch), cpu_seconds(group.fit_epoch) / len(configs))
            for _ in range(ROUNDS)
        ]
    )


def figures() -> Iterator[Figure]:
    """One line for each backbone, objective, batch size and number of models."""
    dataset = load_dataset("synthetic", {})
    for backbone in BACKBONES_THAT_FUSE:
        for objective in OBJECTIVES:
            for batch_size in BATCHES:
                one = TrialConfig(
                    backbone=backbone,
                    objective=objective,
                    hidden_size=48,
                    dropout=0.2,
                    batch_size=batch_size,
                    epochs=ROUNDS + 1,
                    patience=ROUNDS + 1,
                )
                for models in GROUPS:
                    seeds = [one.replace(seed=seed) for seed in range(models)]
                    what = f"{backbone}, {objective}, batch {batch_size}: {models} models as one"
                    yield at_least(what, speed_up(seeds, dataset), TARGET)


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    print("| what | figure | target | holds |\n|---|---|---|---|")
    for line in figures():
        cells = (line.what, line.value, line.target, "yes" if line.holds else "no")
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
