"""Training on a GPU against training on the CPU."""

import torch

from benchmarks.timing import Figure, Work, at_least, ratio
from sslcl.backbones import BACKBONES
from sslcl.config import TrialConfig
from sslcl.data import load_dataset
from sslcl.data.types import Dataset
from sslcl.errors import InputError
from sslcl.training import Trainer


def figures() -> list[Figure]:
    """Epochs of every backbone, in single precision and in bfloat16.

    Raises:
        InputError: where there is no device.
    """
    if not torch.cuda.is_available():
        raise InputError("benchmark gpu: no CUDA device, expected one")
    dataset = load_dataset("synthetic")
    return [
        at_least(
            f"{name}: epoch on the CPU over one on the GPU, {precision}",
            ratio(
                _epoch(name, dataset, "float32", "cpu"),
                _epoch(name, dataset, precision, "cuda"),
                pairs=5,
                warm_up=1,
            ),
            1.0,
        )
        for name in BACKBONES.names()
        for precision in ("float32", "bfloat16")
    ]


def _epoch(name: str, dataset: Dataset, precision: str, device: str) -> Work:
    config = TrialConfig.parse({"backbone": name, "precision": precision})
    trainer = Trainer(config, dataset, device)

    def work() -> None:
        trainer.train_epoch()
        if device == "cuda":
            torch.cuda.synchronize()

    return work
