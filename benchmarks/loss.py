"""The SSLCL loss against its literal form and against cross-entropy."""

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.timing import Figure, Work, at_least, at_most, ratio
from sslcl.config import TrialConfig
from sslcl.objectives import OBJECTIVES, Objective, Shape
from sslcl.similarities import negative_table

WIDTH, CLASSES = 256, 7
MODALITIES = ("text", "audio", "video")
AGAINST_LITERAL = {32: 2.0, 128: 10.0, 512: 50.0, 2048: 300.0}
"""Utterances in a batch to the least speed-up wanted."""
AGAINST_CROSS_ENTROPY = {32: 3.0, 128: 3.0}
"""Utterances in a batch to the largest factor wanted."""


def figures() -> list[Figure]:
    """Speed-up over the literal form by batch size, and the cost over cross-entropy."""
    torch.set_num_threads(1)
    lines = []
    for size, least in AGAINST_LITERAL.items():
        pairs = 3 if size > 1000 else 9
        measured = ratio(literal_step(size), step("sslcl", size), pairs, warm_up=1)
        lines.append(at_least(f"SSLCL loss over its literal form, N = {size}", measured, least))
    for size, most in AGAINST_CROSS_ENTROPY.items():
        measured = ratio(step("sslcl", size), step("cross_entropy", size), 60, warm_up=10)
        what = f"SSLCL loss of 4 views over cross-entropy, N = {size}"
        lines.append(at_most(what, measured, most))
    return lines


def step(name: str, size: int) -> Work:
    """Forward and backward of an objective."""
    objective = _objective(name)
    features = torch.randn(len(objective.views), size, WIDTH, requires_grad=True)
    labels = torch.randint(CLASSES, (size,))

    def work() -> None:
        objective(features, labels).total.backward()
        features.grad = None
        objective.zero_grad(set_to_none=True)

    return work


def literal_step(size: int) -> Work:
    """The same loss row by row, with the N x N covariances of its definition."""
    objective = _objective("sslcl")
    features = torch.randn(len(objective.views), size, WIDTH, requires_grad=True)
    labels = torch.randint(CLASSES, (size,))
    candidates = negative_table(CLASSES)[:, labels]

    def similarity(x: Tensor, y: Tensor) -> Tensor:
        x, y = x - x.mean(dim=0), y - y.mean(dim=0)
        penalty = (torch.cov(x) @ torch.cov(y)).diagonal()
        return (x * y).sum(dim=1) / (size - 1) - penalty / 2

    def work() -> None:
        units = F.normalize(objective.get_submodule("embedding")(), dim=-1)
        views = F.normalize(features, dim=-1)
        rows = [similarity(view, units[labels]) for view in views]
        rows += [similarity(views[-1], units[row]) for row in candidates]
        p = torch.stack(rows).softmax(dim=0)
        count = len(views)
        positives = (1 - p[:count]) ** 2 * p[:count].log()
        negatives = p[count:] ** 0.5 * (1 - p[count:]).log()
        (-(positives.mean(dim=0) + negatives.mean(dim=0)).mean()).backward()  # type: ignore[no-untyped-call]
        features.grad = None
        objective.zero_grad(set_to_none=True)

    return work


def _objective(name: str) -> Objective:
    torch.manual_seed(0)
    prior = torch.full((CLASSES,), 1 / CLASSES)
    config = TrialConfig(objective=name)
    return OBJECTIVES.get(name)(config, Shape(WIDTH, prior, MODALITIES))
