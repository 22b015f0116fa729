"""Objectives of several models at once, each with its own numbers.

Shapes: ``M`` models; ``V`` views; ``N`` rows, of which each model may lack some; ``C`` classes;
``D`` the width.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.func import functional_call, vmap
from torch.nn import functional as F

from sslcl.config import TrialConfig
from sslcl.data.types import PAD_LABEL
from sslcl.dropout import dropout
from sslcl.fusion.functional import Method
from sslcl.fusion.soft_hgr import stacked_soft_hgr
from sslcl.logit_scale import SMALLEST_SPREAD, LogitScale
from sslcl.objectives import Objective
from sslcl.objectives.sslcl import MEAN_MOMENTUM, SSLCL
from sslcl.similarities import one_hot

State = Mapping[str, Tensor]
"""Parameters and buffers of the objective by name, ``(M, ...)``."""


class StackedLoss(NamedTuple):
    """Losses of the models.

    Args:
        totals: ``(M,)`` with gradient.
        terms: ``(M,)`` each, detached, as the single objective names them.
    """

    totals: Tensor
    terms: dict[str, Tensor]


class Rows(NamedTuple):
    """The rows that carry loss.

    Args:
        labels: ``(M, N)``, any class where there is no row.
        present: ``(M, N)`` float, 1 where there is a row and 0 elsewhere.
        counts: ``(M,)`` float, rows of each model, 1 where it has none.
    """

    labels: Tensor
    present: Tensor
    counts: Tensor

    @classmethod
    def of(cls, labels: Tensor) -> "Rows":
        """From ``(M, N)`` labels, :data:`~sslcl.data.types.PAD_LABEL` where there is no row."""
        present = (labels != PAD_LABEL).float()
        return cls(labels.clamp(min=0), present, present.sum(dim=1).clamp(min=1))

    def mean(self, values: Tensor) -> Tensor:
        """``(M,)`` means over the rows of ``(M, N)`` values, finite where there is no row."""
        return (values * self.present).sum(dim=1) / self.counts


class StackedObjective(ABC):
    """The contract of an objective of several models.

    Args:
        objective: that of any of the models; its numbers are not read.
        configs: of the ``M`` models.
    """

    def __init__(self, objective: Any, configs: Sequence[TrialConfig]) -> None:
        self.objective = objective
        self.scales = torch.tensor([c.scale for c in configs])[:, None, None]  # (M, 1, 1)

    @abstractmethod
    def loss(self, state: State, features: Tensor, labels: Tensor) -> StackedLoss:
        """Losses of one batch of each model; buffers of ``state`` are written to.

        Args:
            state: of the objective.
            features: ``(M, V, N, D)``.
            labels: ``(M, N)`` int64, :data:`~sslcl.data.types.PAD_LABEL` where there is no row.
        """

    @classmethod
    def why_not(cls, config: TrialConfig) -> str | None:
        """Why this trial cannot be fused, for an objective that has a fused form."""
        return None

    def scaled(self, state: State, logits: Tensor, rows: Rows) -> Tensor:
        """``(M, N, K)`` logits times the scale, as :class:`LogitScale` has it."""
        scale: LogitScale = self.objective.logit_scale
        if scale.mode == "released":
            return logits
        if scale.mode == "learned":
            return logits * state["logit_scale.log_scale"].exp()[:, None, None]
        if scale.mode == "matched":
            inverse, known = state["logit_scale.inverse_spread"], state["logit_scale.calibrated"]
            seen = spreads(logits.detach(), rows)
            usable = seen.isfinite() & (seen > SMALLEST_SPREAD) & ~known
            inverse.copy_(torch.where(usable, 1 / seen, inverse))
            known |= usable
            logits = logits * inverse[:, None, None]
        return logits * self.scales


def spreads(logits: Tensor, rows: Rows) -> Tensor:
    """``(M,)`` :func:`~sslcl.logit_scale.spread` of ``(M, N, K)`` logits over each model's rows."""
    squares = (logits - logits.mean(dim=-1, keepdim=True)).square().mean(dim=-1)
    return rows.mean(squares).sqrt()


def logit_terms(logits: Tensor, rows: Rows) -> dict[str, Tensor]:
    """Terms ``logit_std`` and ``logit_max`` of ``(M, N, K)`` logits."""
    seen = logits.detach()
    largest = (seen.abs().amax(dim=-1) * rows.present).amax(dim=1)
    return {"logit_std": spreads(seen, rows), "logit_max": largest}


def cross_entropies(logits: Tensor, rows: Rows) -> Tensor:
    """``(M,)`` mean cross-entropies of ``(M, N, C)`` logits."""
    each = F.cross_entropy(logits.transpose(1, 2), rows.labels, reduction="none")
    return rows.mean(each)


def classified(state: State, features: Tensor) -> Tensor:
    """``(M, N, C)`` logits of the classifiers on the last view of ``(M, V, N, D)`` features."""
    weights, bias = state["classifier.weight"], state["classifier.bias"]
    return torch.baddbmm(bias[:, None], features[:, -1], weights.mT)


def log_softmaxes(logits: Tensor) -> tuple[Tensor, Tensor]:
    """``log p`` and ``log(1 - p)`` of ``p = softmax(logits)`` over the last of ``(..., K)``.

    ``1 - p`` of the largest, which may round to 0, is the sum of the others; that of the others,
    at least one half, is the difference.
    """
    logs = logits.log_softmax(dim=-1)
    largest = torch.zeros_like(logs, dtype=torch.bool)
    largest.scatter_(-1, logs.argmax(dim=-1, keepdim=True), True)
    others = logs.masked_fill(largest, -torch.inf)
    rest = torch.log1p(-others.exp())
    return logs, torch.where(largest, others.logsumexp(dim=-1, keepdim=True), rest)


class StackedCrossEntropy(StackedObjective):
    """:class:`~sslcl.objectives.cross_entropy.CrossEntropy` of several models."""

    def loss(self, state: State, features: Tensor, labels: Tensor) -> StackedLoss:
        """The mean negative log-likelihoods."""
        rows = Rows.of(labels)
        logits = self.scaled(state, classified(state, features), rows)
        return StackedLoss(cross_entropies(logits, rows), logit_terms(logits, rows))


class StackedSSLCL(StackedObjective):
    """:class:`~sslcl.objectives.sslcl.SSLCL` of several models, with the released Soft-HGR."""

    SIMILARITIES: ClassVar[frozenset[str]] = frozenset({"soft_hgr"})

    def __init__(self, objective: Objective, configs: Sequence[TrialConfig]) -> None:
        super().__init__(objective, configs)
        self.objective: SSLCL

        def numbers(name: str) -> Tensor:
            return torch.tensor([getattr(config, name) for config in configs])  # (M,)

        self.focus_positive = numbers("focus_positive")[:, None, None]
        self.focus_negative = numbers("focus_negative")[:, None, None]
        self.class_exponent = numbers("class_weight_exponent")[:, None]
        self.label_label_weight = numbers("label_label_weight")
        self.cross_entropy_weight = numbers("cross_entropy_weight")
        self.label_dropout = numbers("label_embedding_dropout")[:, None, None]
        self._vectors = Method(self.objective.embedding, "vectors")

    @classmethod
    def why_not(cls, config: TrialConfig) -> str | None:
        """Another similarity."""
        if config.similarity not in cls.SIMILARITIES:
            return f"similarity {config.similarity} has no fused form"
        return None

    def loss(self, state: State, features: Tensor, labels: Tensor) -> StackedLoss:
        """L_SL, the weighted L_LL and the weighted cross-entropy."""
        rows = Rows.of(labels)
        embeddings = self._embeddings(state)
        members = one_hot(rows.labels, embeddings.shape[1], features.dtype)
        members = members * rows.present[..., None]  # (M, N, C)
        self._update_mean(state, features[:, -1].detach(), rows)
        positives, negatives, alignment, penalty = stacked_soft_hgr(
            features, F.normalize(embeddings, dim=-1), members
        )
        raw = torch.cat([positives.transpose(1, 2), negatives], dim=-1)  # (M, N, V + C - 1)
        logits = self.scaled(state, raw, rows)
        sample_label = self._sample_label(logits, members, rows)
        label_label = self._label_label(embeddings)
        totals = sample_label + self.label_label_weight * label_label
        terms = {
            "sample_label": sample_label.detach(),
            "label_label": label_label.detach(),
            **logit_terms(logits, rows),
            "penalty_share": _share(rows.mean(penalty.abs()), rows.mean(alignment.abs())),
        }
        if self.objective.cross_entropy_weight > 0:  # Of all models or of none.
            added = cross_entropies(classified(state, features), rows)
            totals = totals + self.cross_entropy_weight * added
            terms["cross_entropy"] = added.detach()
        return StackedLoss(totals, terms)

    def _embeddings(self, state: State) -> Tensor:
        """``(M, C, D)`` with dropout."""
        prefix = "embedding."
        own = {
            f"module.{n.removeprefix(prefix)}": x for n, x in state.items() if n.startswith(prefix)
        }
        vectors = vmap(lambda own: functional_call(self._vectors, own, ()))(own)
        return dropout(vectors, self.label_dropout, training=True)

    @torch.no_grad()
    def _update_mean(self, state: State, features: Tensor, rows: Rows) -> None:
        seen, running = state["batches_seen"], state["feature_mean"]
        there = rows.present.any(dim=1)
        seen += there.long()
        weight = ((1 / seen.clamp(min=1)).clamp(min=MEAN_MOMENTUM) * there)[:, None]
        units = F.normalize(features, dim=-1) * rows.present[..., None]
        running += weight * (units.sum(dim=1) / rows.counts[:, None] - running)

    def _sample_label(self, logits: Tensor, members: Tensor, rows: Rows) -> Tensor:
        lambdas = self.objective.lambdas
        views = len(lambdas)
        logs, rest = log_softmaxes(logits)  # (M, N, V + C - 1)
        attraction = (rest[..., :views] * self.focus_positive).exp() * logs[..., :views]
        repulsion = (logs[..., views:] * self.focus_negative).exp() * rest[..., views:]
        own = attraction @ (lambdas / views) + repulsion.mean(dim=-1)  # (M, N)
        counts = members.sum(dim=1)  # (M, C)
        same = (members @ counts[..., None]).squeeze(-1).clamp(min=1)  # (M, N)
        weights = (counts.amax(dim=1, keepdim=True) / same) ** self.class_exponent
        return -rows.mean(weights * own)

    def _label_label(self, embeddings: Tensor) -> Tensor:
        units = F.normalize(embeddings, dim=-1)
        classes = units.shape[1]
        others = 1 - torch.eye(classes, device=units.device)
        logs, rest = log_softmaxes((units @ units.mT) * others)
        focused = (logs * self.focus_negative).exp() * rest * others
        alike: Tensor = focused.sum(dim=(1, 2)) / (-classes * (classes - 1))
        return alike


def _share(part: Tensor, other: Tensor) -> Tensor:
    """The part of a part and another, 0 where both are 0."""
    return part / (part + other).clamp(min=torch.finfo(part.dtype).tiny)


FUSED_OBJECTIVES: Mapping[str, type[StackedObjective]] = {
    "cross_entropy": StackedCrossEntropy,
    "sslcl": StackedSSLCL,
}
"""Objectives that have a fused form."""
