"""Objectives and batches for tests, without data or backbone."""

from typing import Any

import torch
from torch import Tensor

from sslcl.config import TrialConfig
from sslcl.objectives import OBJECTIVES, Objective, Shape

WIDTH = 16
MODALITIES = ("text", "audio", "video")


def configure(**changes: Any) -> TrialConfig:
    """A configuration; unvalidated, so that no backbone need exist."""
    defaults: dict[str, Any] = {
        "label_embedding_width": 10,
        "label_embedding_dropout": 0.0,
        "logit_scale": "matched",
        "inference": "similarity",
    }
    return TrialConfig.model_construct(**{**defaults, **changes})


def build_objective(classes: int = 4, **changes: Any) -> Objective:
    """An objective on :data:`WIDTH` features whose classes are unequally frequent."""
    config = configure(**changes)
    prior = torch.arange(classes, 0, -1).float()
    shape = Shape(WIDTH, prior / prior.sum(), MODALITIES)
    return OBJECTIVES.get(config.objective)(config, shape)


def batch(objective: Objective, size: int, classes: int = 4) -> tuple[Tensor, Tensor]:
    """Random features of every view, with gradient, and labels."""
    dtype = next(objective.parameters()).dtype
    features = torch.randn(len(objective.views), size, WIDTH, dtype=dtype)
    return features.requires_grad_(), torch.randint(classes, (size,))


def assert_same_value_and_gradient(value: Tensor, expected: Tensor, leaves: list[Tensor]) -> None:
    """Equal up to the rounding of float64, in all leaves."""
    torch.testing.assert_close(value, expected, rtol=1e-10, atol=1e-12)
    found = torch.autograd.grad(value, leaves, allow_unused=True, materialize_grads=True)
    wanted = torch.autograd.grad(expected, leaves, allow_unused=True, materialize_grads=True)
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-11)
