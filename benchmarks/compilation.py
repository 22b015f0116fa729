"""Trials whose loss and backbone are compiled by ``torch.compile``, against trials as they are."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from statistics import median

import torch

from benchmarks.timing import Figure, Ratio, at_least, at_most, of_pairs, seconds
from sslcl.config import TrialConfig
from sslcl.data import load_dataset
from sslcl.errors import InputError
from sslcl.training import Trainer

BACKBONES = ("utterance", "transformer")
EPOCHS = 20
"""Of the trial that pays for compiling."""
ROUNDS = 6


def figures() -> list[Figure]:
    """Three lines for each backbone.

    Raises:
        InputError: where there is no compiler.
    """
    if not any(shutil.which(name) for name in ("g++", "clang++", "c++")):
        raise InputError("benchmark compile: no C++ compiler, expected g++ or clang++")
    return [line for name in BACKBONES for line in _of_backbone(name)]


def _of_backbone(name: str) -> list[Figure]:
    (first, pairs, digest), (_, _, again) = _measured(name), _measured(name)
    alone, compiled = (median(column) for column in zip(*pairs, strict=True))
    trial = (first + (EPOCHS - 1) * compiled) / (EPOCHS * alone)
    same = digest == again
    return [
        at_least(f"{name}: epoch as it is over one compiled", of_pairs(pairs), 1.0),
        at_most(
            f"{name}: trial of {EPOCHS} epochs compiled over one as it is",
            Ratio(trial, trial, trial),
            1.0,
        ),
        Figure(
            f"{name}: compiled in two processes",
            "same bits" if same else "other bits",
            "same bits",
            same,
        ),
    ]


def _measured(name: str) -> tuple[float, list[tuple[float, float]], str]:
    """What :func:`measure` prints in a process of its own that has compiled nothing yet."""
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "benchmarks.compilation", name],
            env={**os.environ, "TORCHINDUCTOR_CACHE_DIR": empty},
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
    first, pairs, digest = json.loads(done.stdout)
    return first, [(alone, compiled) for alone, compiled in pairs], digest


def measure(name: str) -> None:
    """Print seconds of the first compiled epoch, of pairs of epochs, and a digest of weights."""
    torch.set_num_threads(1)
    config = TrialConfig(backbone=name, epochs=ROUNDS + 1, patience=ROUNDS + 1)
    alone, compiled = (Trainer(config, load_dataset("synthetic", {})) for _ in range(2))
    compiled.model.loss = torch.compile(compiled.model.loss)  # type: ignore[method-assign]
    alone.fit_epoch()
    first = seconds(compiled.fit_epoch)
    pairs = [(seconds(alone.fit_epoch), seconds(compiled.fit_epoch)) for _ in range(ROUNDS)]
    bits = hashlib.sha256()
    for tensor in compiled.model.state_dict().values():
        bits.update(tensor.numpy().tobytes())
    print(json.dumps([first, pairs, bits.hexdigest()]))


if __name__ == "__main__":
    measure(sys.argv[1])
