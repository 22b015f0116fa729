"""The SSLCL loss against its literal form and against cross-entropy."""

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.timing import Figure, Work, at_least, at_most, ratio
from sslcl.config import TrialConfig
from sslcl.objectives import OBJECTIVES, Objective, Shape

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
    """The published formulas taken literally: one row at a time, N x N, and tables filled by loops.

    Soft-HGR is compared for every view and every row of the negative table, with the covariance
    of samples; the label-label term has a table of its own.
    """
    objective = _objective("sslcl")
    config = TrialConfig(objective="sslcl")
    features = torch.randn(len(objective.views), size, WIDTH, requires_grad=True)
    labels = torch.randint(CLASSES, (size,))
    lambdas = objective.get_buffer("lambdas").tolist()

    def work() -> None:
        raw = objective.get_submodule("embedding")()
        loss = _literal_sample_label(features, labels, F.normalize(raw, dim=-1), lambdas)
        loss = loss + config.label_label_weight * _literal_label_label(F.normalize(raw, dim=-1))
        loss.backward()  # type: ignore[no-untyped-call]
        features.grad = None
        objective.zero_grad(set_to_none=True)

    return work


def _literal_table(labels: Tensor) -> Tensor:
    """Row ``r`` holds class ``r``, row 0 the labels; an utterance's own class is 0 elsewhere."""
    table = torch.arange(CLASSES).unsqueeze(1).repeat(1, len(labels))
    table[0] = labels
    for place, label in enumerate(labels.tolist()):
        if label:
            table[label, place] = 0
    return table


def _literal_soft_hgr(x: Tensor, y: Tensor) -> Tensor:
    x, y = x - x.mean(dim=0), y - y.mean(dim=0)
    penalty = (torch.cov(x) @ torch.cov(y)).diagonal()
    return (x * y).sum(dim=1) / (len(x) - 1) - penalty / 2


def _positive(p: Tensor) -> Tensor:
    return (1 - p) ** TrialConfig().focus_positive * p.log()


def _negative(p: Tensor) -> Tensor:
    return p ** TrialConfig().focus_negative * (1 - p).log()


def _literal_sample_label(
    features: Tensor, labels: Tensor, units: Tensor, lambdas: list[float]
) -> Tensor:
    table = _literal_table(labels)
    views = [F.normalize(view, dim=-1) for view in features]
    rows = [_literal_soft_hgr(view, units[table[0]]) for view in views]
    rows += [_literal_soft_hgr(views[-1], units[table[row]]) for row in range(1, CLASSES)]
    p = torch.stack(rows).softmax(dim=0)
    positive = torch.zeros(len(labels))
    for row, weight in enumerate(lambdas):
        positive = positive + weight * _positive(p[row]) / len(views)
    negative = torch.zeros(len(labels))
    for row in range(len(views), len(rows)):
        negative = negative + _negative(p[row]) / (CLASSES - 1)
    counts = torch.stack([(labels == label).sum() for label in labels])
    weights = (len(labels) / counts) ** TrialConfig().class_weight_exponent
    return -(weights / weights.min() * (positive + negative)).mean()


def _literal_label_label(units: Tensor) -> Tensor:
    every = torch.arange(CLASSES)
    table = _literal_table(every)
    rows = [torch.zeros(CLASSES)]
    rows += [(units * units[table[row]]).sum(dim=1) for row in range(1, CLASSES)]
    p = torch.stack(rows).softmax(dim=0)
    losses = [_negative(p[row]) for row in range(1, CLASSES)]
    return -torch.stack(losses).mean(dim=0).mean()


def _objective(name: str) -> Objective:
    torch.manual_seed(0)
    prior = torch.full((CLASSES,), 1 / CLASSES)
    config = TrialConfig(objective=name)
    return OBJECTIVES.get(name)(config, Shape(WIDTH, prior, MODALITIES))
