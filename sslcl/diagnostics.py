"""The known ways in which sample-label training goes wrong, measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from sslcl.config import TrialConfig
from sslcl.learning.convergence import Convergence
from sslcl.training import Trainer

SMALLEST_DISTANCE = 0.1
SMALLEST_RANK = 1.5
SMALLEST_LOGIT_STD = 0.02
LARGEST_PENALTY_SHARE = 0.25
"""From here on released Soft-HGR lost 2 points and more on the simulator, 5 points at 0.36."""
LARGEST_CLIPPING = 10.0
LARGEST_BELOW_EPS = 0.1
STILL_IMPROVING = "still_improving"
"""Name of the finding that a trial should have been trained for longer."""


@dataclass(frozen=True)
class Finding:
    """One measurement.

    Args:
        name: what was measured.
        value: the measurement.
        warning: what is wrong and what to do about it, or ``None``.
    """

    name: str
    value: float
    warning: str | None = None


def diagnose(
    trainer: Trainer, label_names: Sequence[str], class_f1: Mapping[str, float]
) -> list[Finding]:
    """Measure the failure signatures of a trained model at its best epoch.

    Args:
        trainer: after :meth:`~sslcl.training.Trainer.restore_best`.
        label_names: class names.
        class_f1: validation F1 of each class by name.
    """
    vectors = trainer.model.objective.label_vectors()
    findings: list[Finding] = []
    if vectors is not None:
        findings += label_geometry(vectors, label_names) + label_cosines(vectors, label_names)
    findings += _training_signs(trainer.best_metrics, trainer.config)
    findings.append(_vanishing(trainer.share_below_eps()))
    findings += convergence_findings(trainer)
    return findings + class_gains(class_f1, trainer.class_prior)


def label_geometry(vectors: Tensor, label_names: Sequence[str]) -> list[Finding]:
    """Smallest pairwise distance and effective rank of L2-normalised label embeddings.

    The effective rank is the exponential of the entropy of the normalised singular values of the
    centred ``(C, D)`` matrix (Roy and Vetterli, 2007); at most ``C - 1``.
    """
    vectors = torch.nn.functional.normalize(vectors.detach().double(), dim=-1)
    distances = torch.cdist(vectors, vectors)
    distances.fill_diagonal_(torch.inf)
    smallest = float(distances.min())
    i, j = divmod(int(distances.argmin()), len(vectors))
    spectrum = torch.linalg.svdvals(vectors - vectors.mean(dim=0))
    share = spectrum / spectrum.sum().clamp_min(1e-12)
    rank = float(torch.exp(-(share * share.clamp_min(1e-12).log()).sum()))
    close = (
        f"the label embeddings of {label_names[i]} and {label_names[j]} have collapsed: raise "
        "label_label_weight or learning_rate"
    )
    flat = "the label embeddings lie on one line: use a wider or shallower label network"
    return [
        Finding(
            "label_embedding_distance_min",
            smallest,
            close if smallest < SMALLEST_DISTANCE else None,
        ),
        Finding(
            "label_embedding_effective_rank",
            rank,
            flat if len(vectors) > 3 and rank < SMALLEST_RANK else None,
        ),
    ]


def label_cosines(vectors: Tensor, label_names: Sequence[str]) -> list[Finding]:
    """Cosine of every two label embeddings, in [-1, 1], as ``label_cosine:<a>|<b>``.

    ``a`` comes before ``b`` among the classes. None of them warns: what is too close is told by
    the smallest distance.
    """
    vectors = torch.nn.functional.normalize(vectors.detach().double(), dim=-1)
    cosines = (vectors @ vectors.T).clamp(-1.0, 1.0).tolist()
    return [
        Finding(cosine_name(label_names[i], label_names[j]), cosines[i][j])
        for i, j in combinations(range(len(label_names)), 2)
    ]


def cosine_name(first: str, second: str) -> str:
    """Name of the finding about two classes, the one that comes first among them first."""
    return f"label_cosine:{first}|{second}"


def _training_signs(metrics: Mapping[str, float], config: TrialConfig) -> list[Finding]:
    limits = {
        "logit_std": (
            # Released logits are that small by design, and AdamW undoes what it does to gradients.
            config.logit_scale != "released" and metrics.get("logit_std", 1.0) < SMALLEST_LOGIT_STD,
            "the softmax over candidates is nearly uniform: use logit_scale matched or a larger "
            "scale",
        ),
        "penalty_share": (
            metrics.get("penalty_share", 0.0) > LARGEST_PENALTY_SHARE,
            "the Soft-HGR penalty outweighs the alignment: use a smaller batch_size or a larger "
            "hidden_size",
        ),
        "gradient_norm": (
            metrics.get("gradient_norm", 0.0) > LARGEST_CLIPPING * config.gradient_clip,
            "gradients are clipped to less than a tenth: lower scale or learning_rate",
        ),
    }
    return [
        Finding(name, metrics[name], text if fires else None)
        for name, (fires, text) in limits.items()
        if name in metrics
    ]


def _vanishing(share: float) -> Finding:
    """How many weights hardly learn because AdamW's eps outweighs their gradients."""
    return Finding(
        "below_adam_eps_share",
        share,
        "the gradients of many weights are below adam_eps, which then hardly move: use a smaller "
        "adam_eps, or logit_scale matched"
        if share > LARGEST_BELOW_EPS
        else None,
    )


def convergence_findings(trainer: Trainer) -> list[Finding]:
    """Whether training went on long enough; see :class:`~sslcl.learning.convergence.Convergence`.

    ``still_improving`` is 1 where validation was still rising at the end and 0 elsewhere.
    """
    ended = Convergence.of(trainer.scores)
    return [
        Finding(
            STILL_IMPROVING,
            float(ended.improving),
            "validation was still rising when training ended: raise epochs, or write epochs: "
            "{until: converged, at_most: n}"
            if ended.improving
            else None,
        ),
        Finding("epochs_since_best", float(ended.epochs_since_best)),
        Finding("late_gain", ended.late_gain),
        Finding("steps", float(trainer.steps)),
    ]


def class_gains(class_f1: Mapping[str, float], prior: Mapping[str, float]) -> list[Finding]:
    """F1 of each class above that of guessing by the class prior, which is the prior itself."""
    gains = {name: value - prior[name] for name, value in class_f1.items()}
    return [
        Finding(
            f"class_gain:{name}",
            gain,
            f"class {name} is predicted no better than by its frequency" if gain <= 0 else None,
        )
        for name, gain in gains.items()
    ]
