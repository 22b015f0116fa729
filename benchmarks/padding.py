"""Share of padding in the rows of training batches, as conversations are drawn for training."""

import torch

from benchmarks.timing import Figure
from sslcl.config import TrialConfig
from sslcl.data import load_dataset
from sslcl.errors import InputError

MOST, EPOCHS = 0.10, 20
DATASETS = ("mosi", "meld", "synthetic")


def figures() -> list[Figure]:
    """One line for each dataset that is in the data folder, and for generated data."""
    lines = []
    for name in DATASETS:
        try:
            split = load_dataset(name).train
        except InputError:
            continue
        share = padded_share(torch.tensor([len(c) for c in split]), TrialConfig().batch_size)
        what = f"{name}: padding among the rows of a batch, where it is not left out"
        lines.append(Figure(what, f"{share:.3f}", f"at most {MOST:g}", share <= MOST))
    return lines


def padded_share(lengths: torch.Tensor, size: int) -> float:
    """Padded rows over all rows of batches of ``size`` conversations in random order."""
    generator = torch.Generator().manual_seed(0)
    rows = 0
    for _ in range(EPOCHS):
        order = torch.randperm(len(lengths), generator=generator)
        rows += sum(len(b) * int(lengths[b].max()) for b in torch.split(order, size))
    return 1 - EPOCHS * int(lengths.sum()) / rows
