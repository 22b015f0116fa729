"""``python -m benchmarks.objectives --data-dir PATH``: objectives judged by validation alone.

Trains each objective with the default configuration and a recurrent backbone on ``synthetic``, on
MOSI and on MELD (text by the packaged encoder, and timing), and prints Markdown: mean and standard
deviation of validation weighted F1 over the seeds. No test split is used.
"""

from pathlib import Path
from statistics import fmean, stdev

import click
import torch
from rich.console import Console
from rich.progress import track

from sslcl.config import TrialConfig
from sslcl.data import load_dataset
from sslcl.data.types import Dataset
from sslcl.training import Trainer

ENCODER = "all-MiniLM-L6-v2:layers3-6"
VARIANTS: dict[str, dict[str, str]] = {
    "`cross_entropy`": {"objective": "cross_entropy"},
    "`sslcl`, `soft_hgr`": {"objective": "sslcl", "similarity": "soft_hgr"},
    "`sslcl`, `cosine`": {"objective": "sslcl", "similarity": "cosine"},
    "`sslcl_calibrated`": {"objective": "sslcl_calibrated"},
}


def score(config: TrialConfig, dataset: Dataset) -> float:
    """Best validation weighted F1 of one training."""
    trainer = Trainer(config, dataset)
    while not trainer.finished:
        trainer.fit_epoch()
    return trainer.best_score


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--seeds", default=3, show_default=True)
def main(data_dir: Path, seeds: int) -> None:
    """Print the table of objectives in docs/methods.md."""
    torch.set_num_threads(1)
    datasets = {
        "synthetic": load_dataset("synthetic").sealed(),
        "mosi": load_dataset("mosi", data_dir=data_dir).sealed(),
        "meld": load_dataset("meld", {"encoder": ENCODER}, data_dir).sealed(),
    }
    cells = [(variant, name) for variant in VARIANTS for name in datasets]
    found = {}
    for variant, name in track(cells, "training", console=Console(stderr=True)):
        base = TrialConfig.parse(VARIANTS[variant] | {"epochs": 12, "learning_rate": 2e-3})
        found[variant, name] = [
            100 * score(base.replace(seed=seed), datasets[name]) for seed in range(1, seeds + 1)
        ]
    print(f"| objective | {' | '.join(datasets)} |")
    print("|---" * (1 + len(datasets)) + "|")
    for variant in VARIANTS:
        row = [found[variant, name] for name in datasets]
        print(f"| {variant} | {' | '.join(f'{fmean(x):.2f} ± {stdev(x):.2f}' for x in row)} |")


if __name__ == "__main__":
    main()
