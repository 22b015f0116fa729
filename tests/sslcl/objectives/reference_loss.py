"""The SSLCL loss written out from its formulas, sample by sample, for comparison only."""

import torch
from torch import Tensor


def dot(x: Tensor, y: Tensor) -> Tensor:
    """``x_i . y_i`` for every sample."""
    return torch.stack([a @ b for a, b in zip(x.unbind(), y.unbind(), strict=True)])


def soft_hgr(x: Tensor, y: Tensor) -> Tensor:
    """Released Soft-HGR of ``(N, D)`` features and candidates: N x N sample covariances."""
    x, y = x - x.mean(dim=0), y - y.mean(dim=0)
    alignment = dot(x, y) / (len(x) - 1)
    penalty = (torch.cov(x) * torch.cov(y).T).sum(dim=1)  # the diagonal of their product
    return alignment - penalty / 2


def soft_hgr_textbook(x: Tensor, y: Tensor) -> Tensor:
    """Soft-HGR whose mean over samples is the definition: D x D feature covariances."""
    n = len(x)
    trace = torch.trace(torch.cov(x.T) @ torch.cov(y.T))
    x, y = x - x.mean(dim=0), y - y.mean(dim=0)
    return n / (n - 1) * dot(x, y) - trace / 2


SIMILARITIES = {
    "soft_hgr": soft_hgr,
    "soft_hgr_textbook": soft_hgr_textbook,
    "dot": dot,
    "cosine": dot,
}


def negative_classes(labels: list[int], classes: int) -> list[list[int]]:
    """The released table, entry by entry: ``[r][i]`` is sample ``i``'s class in negative row."""
    table = [[row] * len(labels) for row in range(classes)]
    table[0] = list(labels)
    for i, label in enumerate(labels):
        table[label][i] = 0
    return table[1:]


def unit(rows: Tensor) -> Tensor:
    return torch.stack([row / row.norm() for row in rows])


def sample_label(
    features: Tensor,
    labels: Tensor,
    embeddings: Tensor,
    lambdas: list[float],
    focus: tuple[float, float],
    alpha: float,
    similarity: str = "soft_hgr",
) -> Tensor:
    """L_SL of ``(V, N, D)`` features and ``(C, D)`` embeddings, both as the similarity gets them.

    ``lambdas`` has one weight per view; negatives use the last view.
    """
    measure = SIMILARITIES[similarity]
    views, n, classes = len(features), len(labels), len(embeddings)
    rows = [measure(view, embeddings[labels]) for view in features]
    for candidates in negative_classes(labels.tolist(), classes):
        rows.append(measure(features[-1], embeddings[candidates]))
    stack = torch.stack(rows)  # candidates x N

    counts = [int((labels == c).sum()) for c in range(classes)]
    class_weights = [(n / count) ** alpha if count else 0.0 for count in counts]
    smallest = min(w for w in class_weights if w > 0)

    total = torch.zeros((), dtype=features.dtype)
    # Unbound, because the gradient of an indexed entry is as large as the whole.
    for i, logits in enumerate(stack.unbind(dim=1)):
        p = (logits.exp() / logits.exp().sum()).unbind()
        attraction = sum(
            lambdas[v] * (1 - p[v]) ** focus[0] * torch.log(p[v]) for v in range(views)
        )
        repulsion = sum(p[r] ** focus[1] * torch.log(1 - p[r]) for r in range(views, len(p)))
        weight = class_weights[int(labels[i])] / smallest
        total = total + weight * (attraction / views + repulsion / (classes - 1))
    return -total / n


def label_label(units: Tensor, focus_negative: float) -> Tensor:
    """L_LL of ``(C, D)`` unit embeddings."""
    classes = len(units)
    total = torch.zeros((), dtype=units.dtype)
    for k in range(classes):
        logits = [torch.zeros((), dtype=units.dtype)]
        logits += [units[k] @ units[j] for j in range(classes) if j != k]
        stack = torch.stack(logits)
        p = stack.exp() / stack.exp().sum()
        losses = [p[j] ** focus_negative * torch.log(1 - p[j]) for j in range(1, classes)]
        total = total + sum(losses) / (classes - 1)
    return -total / classes
