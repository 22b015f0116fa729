"""Share of a training epoch that its matrix products would take at this machine's best rate."""

import click
import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.steps import products
from benchmarks.timing import Figure, seconds
from sslcl.backbones import BACKBONES
from sslcl.config import TrialConfig
from sslcl.data import load_dataset
from sslcl.data.types import Dataset
from sslcl.training import Trainer

LEAST, SIZE, REPEATS, SHOWN = 0.6, 512, 5, 5
PRODUCTS = ("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm")


def figures() -> list[Figure]:
    """One line for each backbone; the costliest other operations are printed besides."""
    torch.set_num_threads(1)
    dataset = load_dataset("synthetic")
    return [_share(name, dataset) for name in BACKBONES.names()]


def _share(name: str, dataset: Dataset) -> Figure:
    operations = products(name, "sslcl", dataset)
    trainer = Trainer(TrialConfig(backbone=name), dataset)
    trainer.train_epoch()
    shares = sorted(operations / _rate() / seconds(trainer.train_epoch) for _ in range(REPEATS))
    share = shares[REPEATS // 2]
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        trainer.train_epoch()
    events = [event for event in profiled.key_averages() if event.key not in PRODUCTS]
    events.sort(key=lambda event: -event.self_cpu_time_total)
    whole = sum(event.self_cpu_time_total for event in profiled.key_averages())
    rest = ", ".join(f"{e.key} {e.self_cpu_time_total / whole:.0%}" for e in events[:SHOWN])
    click.echo(f"{name}, besides matrix products: {rest}", err=True)
    value = f"{share:.2f} ({shares[0]:.2f} to {shares[-1]:.2f})"
    what = f"{name}: matrix products at the best rate, share of an epoch"
    return Figure(what, value, f"at least {LEAST:g}", share >= LEAST)


def _rate() -> float:
    """Operations a second of a large matrix product."""
    left, right = torch.randn(2, SIZE, SIZE)
    left @ right
    return 2 * SIZE**3 / min(seconds(lambda: left @ right) for _ in range(REPEATS))
