"""``python -m benchmarks.fusion``: trials an hour when several are trained as one program.

Trains groups of models of the synthetic conversations (hidden size 48 and wider, one thread) and as
many alone, epoch by epoch in turns. A ratio is CPU time of an epoch alone over the share of one
model in an epoch of its group.
"""

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import product

import torch

from benchmarks.timing import Figure, Ratio, at_least, of_pairs
from sslcl.config import TrialConfig
from sslcl.data import Dataset, load_dataset
from sslcl.fusion.compatibility import BACKBONES_THAT_FUSE
from sslcl.fusion.trainer import FusedTrainer
from sslcl.profiling import peak_memory_mb, reset_peak_memory
from sslcl.training import Trainer
from study.design.data_facts import DataFacts
from study.design.fresh_seeds import auto_members, step_products

OBJECTIVES = ("cross_entropy", "sslcl")
GROUPS = (5, 8, 16)
BATCHES = (8, 16)
ROUNDS = 5
TARGET = 2.5
WIDER = (64, 128, 256)
"""Hidden sizes at which the smallest group is measured once more, in the larger batches."""
MOST_MEGABYTES = 200


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
    """Gain by backbone, objective, batch size, width and number of models; and memory."""
    dataset = load_dataset("synthetic", {})
    facts = DataFacts.of(dataset)
    one = TrialConfig(dropout=0.2, epochs=ROUNDS + 1, patience=ROUNDS + 1)
    narrow = [(48, size, models) for size in BATCHES for models in GROUPS]
    wide = [(width, BATCHES[-1], GROUPS[0]) for width in WIDER]
    for backbone, objective in product(BACKBONES_THAT_FUSE, OBJECTIVES):
        for width, batch_size, models in (*narrow, *wide):
            config = one.replace(
                backbone=backbone, objective=objective, hidden_size=width, batch_size=batch_size
            )
            products = step_products(config, facts)
            seeds = [config.replace(seed=seed) for seed in range(models)]
            gain = speed_up(seeds, dataset)
            what = f"{backbone}, {objective}, width {width}, batch {batch_size}"
            million = f"{products / 1e6:.1f} million products"
            yield at_least(f"{what}, {million}: {models} models as one", gain, TARGET)
    for backbone in BACKBONES_THAT_FUSE:
        yield _memory(one.replace(backbone=backbone), auto_members(one, facts))


def _memory(config: TrialConfig, models: int) -> Figure:
    # Each in a process of its own, since freed memory stays with a process.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
        grown = fresh.submit(megabytes_of_group, config, models).result()
    what = f"{config.backbone} as it is by default: memory that a group of {models} adds to one"
    target = f"at most {MOST_MEGABYTES} MB"
    return Figure(what, f"{grown:.0f} MB", target, grown <= MOST_MEGABYTES)


def megabytes_of_group(config: TrialConfig, models: int) -> float:
    """What an epoch of a group takes over an epoch of one model, in a fresh process."""
    torch.set_num_threads(1)
    dataset = load_dataset("synthetic", {})
    Trainer(config, dataset).fit_epoch()
    reset_peak_memory()
    before = peak_memory_mb()
    FusedTrainer([config.replace(seed=seed) for seed in range(models)], dataset).fit_epoch()
    return peak_memory_mb() - before


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    print("| what | figure | target | holds |\n|---|---|---|---|")
    for line in figures():
        cells = (line.what, line.value, line.target, "yes" if line.holds else "no")
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
