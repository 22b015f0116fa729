"""Training one trial: epochs, the choice of the epoch on validation, and predictions."""

import copy
import hashlib
import math
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from sslcl.config import TrialConfig
from sslcl.data.balance import select
from sslcl.data.resident import ResidentSplit
from sslcl.data.types import PAD_LABEL, Batch, Dataset, Split, View
from sslcl.errors import Diverged
from sslcl.learning.convergence import waited_enough
from sslcl.learning.linear_probe import LinearProbe
from sslcl.learning.weight_average import WeightAverage
from sslcl.metrics import Ints, confusion_matrix, scores_of
from sslcl.model import SSLCLModel

SCORE = "validation_weighted_f1"
"""The metric that chooses the epoch, stops training and guides search."""
_EVALUATION_BATCH = 32


@dataclass(frozen=True)
class Predictions:
    """Predictions on one split, one entry per labelled utterance in the split's order.

    Args:
        positions: ``(N,)`` place of each utterance among all of the split, from 0.
        conversations: conversation id of each utterance.
        utterances: utterance id of each utterance.
        labels: ``(N,)`` class indices.
        predictions: ``(N,)`` predicted class indices.
        metrics: see :func:`sslcl.metrics.scores_of`.
    """

    positions: Ints
    conversations: tuple[str, ...]
    utterances: tuple[str, ...]
    labels: Ints
    predictions: Ints
    metrics: Mapping[str, float]


class Trainer:
    """Trains one configuration and keeps the epoch that validation likes best.

    On the CPU with one thread, the same configuration on the same data gives the same bits in
    any process, in any order and next to any other trainer: every epoch draws from a generator
    seeded by (seed, epoch). It reads the training and validation splits only.

    Args:
        config: the trial.
        dataset: its test split is never looked at here.
        device: where to train.
    """

    def __init__(
        self, config: TrialConfig, dataset: Dataset, device: torch.device | str = "cpu"
    ) -> None:
        self.config = config
        self.device = torch.device(device)
        balanced = replace(
            dataset,
            train=select(dataset.train, config.balance),
            validation=select(dataset.validation, config.balance),
        )
        self._label_names = dataset.label_names
        self._seed("initialisation")
        self.model = SSLCLModel(config, balanced)
        self._train, self._validation = (
            self._resident(split) for split in (balanced.train, balanced.validation)
        )
        self.model = self.model.to(self.device)
        self._parameters = list(self.model.parameters())
        self._optimiser = torch.optim.AdamW(
            self._parameters,
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            eps=config.adam_eps,
            fused=True,
        )
        decay = config.weight_average
        self._average = WeightAverage(self.model, decay) if decay else None
        shares = self.model.class_prior.tolist()
        self.class_prior = dict(zip(dataset.label_names, shares, strict=True))
        self.epoch = 0
        self.best_epoch = 0
        self.best_score = -math.inf
        self.best_metrics: dict[str, float] = {}
        self.scores: list[float] = []
        self.steps = 0
        self.seconds = 0.0
        self._best_state: dict[str, Tensor] = {}

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or patience has run out."""
        return self.epoch >= self.config.epochs or self.stopped_early

    @property
    def stopped_early(self) -> bool:
        """Whether validation has not risen for as long as the stop rule waits."""
        return waited_enough(self.scores, self.config.stop, self.config.patience)

    def fit_epoch(self) -> dict[str, float]:
        """Train one epoch, score validation and remember the model if it is the best so far.

        With a weight average it is the averaged model that is scored and remembered; training
        goes on from the weights themselves.

        Returns:
            Metrics of the epoch: ``train_loss`` and its terms, ``gradient_norm``,
            ``learning_rate``, ``seconds`` and ``validation_*`` scores.

        Raises:
            Diverged: when the loss, the gradient or a validation score of a class is not finite.
        """
        started = time.perf_counter()
        self.epoch += 1
        metrics = self.train_epoch()
        with self._average.in_place() if self._average else nullcontext():
            validation = self._choose_read_out().metrics
            metrics |= {
                f"validation_{name}": validation[name]
                for name in ("weighted_f1", "macro_f1", "accuracy")
            }
            metrics["seconds"] = time.perf_counter() - started
            self.seconds += metrics["seconds"]
            self.scores.append(metrics[SCORE])
            if metrics[SCORE] > self.best_score:
                self.best_epoch, self.best_score = self.epoch, metrics[SCORE]
                self.best_metrics = metrics
                self._best_state = copy.deepcopy(self.model.state_dict())
        return metrics

    def _choose_read_out(self) -> Predictions:
        """Predict validation, by the read-out rule that does best on it where there is a choice."""
        objective = self.model.objective
        if objective.reads_training:
            objective.fit_read_out(*self._training_features())
        if len(objective.rules) < 2:
            return self._predict(self._validation)
        tried = []
        for rule in objective.rules:
            objective.use_rule(rule)
            tried.append(self._predict(self._validation))
        best = max(range(len(tried)), key=lambda i: tried[i].metrics["weighted_f1"])
        objective.use_rule(objective.rules[best])
        return tried[best]

    def train_epoch(self) -> dict[str, float]:
        """One pass over the training split, without scoring or counting it as an epoch.

        Returns:
            Means over the steps of ``train_loss``, its terms and ``gradient_norm``; and
            ``learning_rate``.

        Raises:
            Diverged: when one of them is not finite; weights stay as before the first such step.
        """
        config = self.config
        self._seed("epoch", self.epoch)
        rate = self._learning_rate()
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self.model.train()
        steps: list[Tensor] = []
        names: tuple[str, ...] = ()
        order = torch.randperm(len(self._train))
        for chosen in torch.split(order, config.batch_size):
            if not self._train.labelled[chosen].any():
                continue
            with self._precision():
                loss = self.model.loss(self._train.batch(chosen))
            self._optimiser.zero_grad(set_to_none=True)
            loss.total.backward()  # type: ignore[no-untyped-call]
            norm = clip_grad_norm_(self._parameters, config.gradient_clip, foreach=True)
            terms = {"train_loss": loss.total.detach(), **loss.terms, "gradient_norm": norm}
            steps.append(torch.stack([value.detach().float() for value in terms.values()]))
            names = tuple(terms)
            # The fused optimiser leaves the weights as they are where this is 1.
            self._optimiser.found_inf = (~steps[-1].isfinite().all()).float()  # type: ignore[attr-defined]
            self._optimiser.step()
            self.steps += 1
            if self._average:
                self._average.update()
        # Read once an epoch: each reading would make the device wait.
        values = torch.stack(steps).cpu()
        for step in (~values.isfinite()).nonzero()[:1].tolist():
            raise Diverged(self.epoch, names[step[1]])
        means = values.double().mean(dim=0).tolist()
        return dict(zip(names, means, strict=True)) | {"learning_rate": rate}

    def _seed(self, *purpose: object) -> None:
        """Start all random numbers from what the seed and a purpose give."""
        seed = _derived_seed(self.config.seed, *purpose)
        if self.device.type == "cpu":
            # torch.manual_seed keeps a formatted stack of calls for each kind of GPU there is not.
            torch.default_generator.manual_seed(seed)
        else:
            torch.manual_seed(seed)

    def _learning_rate(self) -> float:
        if self.config.schedule == "constant":
            return self.config.learning_rate
        done = (self.epoch - 1) / self.config.epochs
        return self.config.learning_rate * 0.5 * (1 + math.cos(math.pi * done))

    def _precision(self) -> AbstractContextManager[Any]:
        enabled = self.config.precision == "bfloat16"
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=enabled)

    def _resident(self, split: Split) -> ResidentSplit:
        model = self.model
        return ResidentSplit.of(split, model.modalities, self.device, model.standardised_rows)

    def evaluate(self, split: Split, view: View | None = None) -> Predictions:
        """Predict ``split`` with the model as it stands, from all modalities or from a view.

        Raises:
            Diverged: when a class score is not finite, so that its prediction would mean nothing.
        """
        return self._predict(self._resident(split), view)

    def _predict(self, split: ResidentSplit, view: View | None = None) -> Predictions:
        return self._predictions(split, self._rows(split, self.model.scores, view))

    def _rows(
        self,
        split: ResidentSplit,
        read: Callable[[Batch, View | None], Tensor],
        view: View | None = None,
    ) -> Tensor:
        """What ``read`` gives for each utterance, ``(U, ...)`` in the split's order."""
        self.model.eval()
        # Conversations of like lengths together, which saves padding and changes no feature.
        order = split.lengths.argsort(stable=True)
        with torch.no_grad(), self._precision():
            parts = torch.cat(
                [read(batch, view) for batch in split.batches(order, _EVALUATION_BATCH)]
            )
        rows = torch.cat([torch.arange(n) + s for s, n in split.spans(order)])
        everything = torch.empty_like(parts)
        everything[rows.to(parts.device)] = parts
        return everything

    def _training_features(self) -> tuple[Tensor, Tensor]:
        """``(N, D)`` full-view features of the labelled training utterances, and their labels."""
        labels = self._train.labels[:-1]
        carries = labels != PAD_LABEL
        return self._rows(self._train, self.model.features)[carries].float(), labels[carries]

    def _predictions(self, split: ResidentSplit, class_scores: Tensor) -> Predictions:
        if not class_scores.isfinite().all():
            raise Diverged(self.epoch, "class_scores")
        everything = class_scores.argmax(dim=-1).cpu()
        all_labels = split.labels[:-1].cpu()
        positions: Ints = (all_labels != PAD_LABEL).nonzero().squeeze(1).numpy()
        labels, predictions = all_labels.numpy()[positions], everything.numpy()[positions]
        confusion = confusion_matrix(labels, predictions, len(self._label_names))
        metrics = scores_of(confusion, self._label_names)
        return Predictions(
            positions=positions,
            conversations=tuple(split.names[i][0] for i in positions),
            utterances=tuple(split.names[i][1] for i in positions),
            labels=labels,
            predictions=predictions,
            metrics={name: float(score) for name, score in metrics.items()},
        )

    def validation(self) -> Predictions:
        """Predict the validation split."""
        return self._predict(self._validation)

    def test(self, split: Split) -> Predictions:
        """Predict the test split, from the modalities and in the balance of the configuration."""
        return self.evaluate(select(split, self.config.balance), self.model.test_view)

    def probe(self, split: Split) -> Predictions:
        """Predict the test split by a linear probe of the model's features as they stand.

        The probe is fitted to the training split's features; it teaches the model nothing and
        chooses nothing. It says what the representation holds apart from how it is read.
        """
        probe = LinearProbe.fit(*self._training_features(), len(self._label_names))
        resident = self._resident(select(split, self.config.balance))
        features = self._rows(resident, self.model.features, self.model.test_view)
        return self._predictions(resident, probe.scores(features))

    def share_below_eps(self) -> float:
        """Share of the weights whose root mean square gradient is at most ``adam_eps``.

        AdamW moves those by half of what it would, or less. Weights that never had a gradient,
        such as embeddings of what does not occur, are left out; 0 before the first step.
        """
        states = [state for state in self._optimiser.state.values() if "exp_avg_sq" in state]
        steps = max((float(state["step"]) for state in states), default=0.0)
        if not steps:
            return 0.0
        bias = 1 - self._optimiser.defaults["betas"][1] ** steps
        squares = torch.cat([state["exp_avg_sq"].flatten() for state in states]) / bias
        moved = squares > 0
        below = moved & (squares.sqrt() <= self.config.adam_eps)
        return float(below.sum() / moved.sum().clamp(min=1))

    def restore_best(self) -> None:
        """Put back the model of the best epoch."""
        if self._best_state:
            self.model.load_state_dict(self._best_state)

    def state_dict(self) -> dict[str, Any]:
        """A copy of everything needed to go on from here, as tensors and plain values."""
        state = {
            "model": self.model.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "best_state": self._best_state,
            "best_epoch": self.best_epoch,
            "best_score": self.best_score,
            "best_metrics": self.best_metrics,
            "scores": self.scores,
            "steps": self.steps,
            "average": self._average.state_dict() if self._average else None,
            "epoch": self.epoch,
            "seconds": self.seconds,
        }
        return copy.deepcopy(state)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a :meth:`state_dict`: the same bits as without the interruption."""
        self.model.load_state_dict(state["model"])
        # The optimiser would otherwise go on in the tensors of ``state`` themselves.
        self._optimiser.load_state_dict(copy.deepcopy(state["optimiser"]))
        self._best_state = dict(state["best_state"])
        self.best_epoch = state["best_epoch"]
        self.best_score = state["best_score"]
        self.best_metrics = dict(state["best_metrics"])
        self.scores = list(state["scores"])
        self.steps = state["steps"]
        if self._average:
            self._average.load_state_dict(state["average"])
        self.epoch = state["epoch"]
        self.seconds = state["seconds"]


def _derived_seed(*parts: object) -> int:
    """A well-mixed seed, so that neighbouring seeds and epochs share nothing."""
    text = ":".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
