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
from sslcl.learning.score_names import validation_metric
from sslcl.learning.weight_average import WeightAverage
from sslcl.metrics import Ints, Score, confusion_matrix, scores_of
from sslcl.model import SSLCLModel

_EPOCH_SCORES = ("weighted_f1", "macro_f1", "accuracy")
"""Validation scores of every epoch, beside the criterion."""


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
        if config.fold != dataset.fold:
            raise ValueError(f"a trial of fold {config.fold} on the data of fold {dataset.fold}")
        self.config = config
        self.device = torch.device(device)
        balanced = replace(
            dataset,
            train=select(dataset.train, config.balance),
            validation=select(dataset.validation, config.balance),
        )
        self._label_names = dataset.label_names
        self._criterion = Score.named(config.criterion, dataset.label_names).name
        self._start_random(derived_seed(config.seed, "initialisation"))
        self.model = SSLCLModel(config, balanced)
        self.train_split, self.validation_split = (
            self._resident(split) for split in (balanced.train, balanced.validation)
        )
        self.model = self.model.to(self.device)
        self._parameters = list(self.model.parameters())
        self.optimiser = torch.optim.AdamW(
            self._parameters,
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            eps=config.adam_eps,
            fused=True,
        )
        decay = config.weight_average
        self.average = WeightAverage(self.model, decay) if decay else None
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
        training = self.train_epoch()
        with self.averaged():
            validation = self._choose_read_out()
            seconds = time.perf_counter() - started
            return self.close_epoch(training, validation, seconds)

    def averaged(self) -> AbstractContextManager[None]:
        """Within, the model has its averaged weights, where the configuration asks for these."""
        return self.average.in_place() if self.average else nullcontext()

    def close_epoch(
        self, training: Mapping[str, float], validation: Predictions, seconds: float
    ) -> dict[str, float]:
        """Count an epoch that has been trained, and remember the model if it is the best so far.

        Args:
            training: metrics of the steps.
            validation: predictions of the model as it stands.
            seconds: what training and predicting took.

        Returns:
            All metrics of the epoch, as :meth:`fit_epoch` has them.
        """
        metrics = dict(training)
        for name in dict.fromkeys((*_EPOCH_SCORES, self._criterion)):
            metrics[validation_metric(name)] = validation.metrics[name]
        metrics["seconds"] = seconds
        self.seconds += seconds
        score = validation.metrics[self._criterion]
        self.scores.append(score)
        if score > self.best_score:
            self.best_epoch, self.best_score = self.epoch, score
            self.best_metrics = metrics
            self._best_state = _copied(self.model.state_dict())
        return metrics

    def _choose_read_out(self) -> Predictions:
        """Predict validation, by the read-out rule that does best on it where there is a choice."""
        objective = self.model.objective
        if objective.reads_training:
            objective.fit_read_out(*self._training_features())
        if len(objective.rules) < 2:
            return self._predict(self.validation_split)
        tried = []
        for rule in objective.rules:
            objective.use_rule(rule)
            tried.append(self._predict(self.validation_split))
        best = max(range(len(tried)), key=lambda i: tried[i].metrics[self._criterion])
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
        self._start_random(self.epoch_seed())
        rate = self.learning_rate()
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.model.train()
        steps: list[Tensor] = []
        names: tuple[str, ...] = ()
        order = torch.randperm(len(self.train_split))
        for chosen in torch.split(order, config.batch_size):
            if not self.train_split.labelled[chosen].any():
                continue
            with self._precision():
                loss = self.model.loss(self.train_split.batch(chosen))
            self.optimiser.zero_grad(set_to_none=True)
            loss.total.backward()  # type: ignore[no-untyped-call]
            norm = clip_grad_norm_(self._parameters, config.gradient_clip, foreach=True)
            terms = {"train_loss": loss.total.detach(), **loss.terms, "gradient_norm": norm}
            steps.append(torch.stack([value.detach().float() for value in terms.values()]))
            names = tuple(terms)
            # The fused optimiser leaves the weights as they are where this is 1.
            self.optimiser.found_inf = (~steps[-1].isfinite().all()).float()  # type: ignore[attr-defined]
            self.optimiser.step()
            self.steps += 1
            if self.average:
                self.average.update()
        # Read once an epoch: each reading would make the device wait.
        values = torch.stack(steps).cpu()
        for step in (~values.isfinite()).nonzero()[:1].tolist():
            raise Diverged(self.epoch, names[step[1]])
        means = values.double().mean(dim=0).tolist()
        return dict(zip(names, means, strict=True)) | {"learning_rate": rate}

    def epoch_seed(self) -> int:
        """What the epoch's order of conversations and dropout are drawn from."""
        return derived_seed(self.config.seed, "epoch", self.epoch)

    def _start_random(self, seed: int) -> None:
        if self.device.type == "cpu":
            # torch.manual_seed keeps a formatted stack of calls for each kind of GPU there is not.
            torch.default_generator.manual_seed(seed)
        else:
            torch.manual_seed(seed)

    def learning_rate(self) -> float:
        """Learning rate of the epoch."""
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
        return self.predictions(split, self._rows(split, self.model.scores, view))

    def _rows(
        self,
        split: ResidentSplit,
        read: Callable[[Batch, View | None], Tensor],
        view: View | None = None,
    ) -> Tensor:
        """What ``read`` gives for each utterance, ``(U, ...)`` in the split's order."""
        self.model.eval()
        with torch.no_grad(), self._precision():
            return split.joined([read(batch, view) for batch in split.evaluation_batches()])

    def _training_features(self) -> tuple[Tensor, Tensor]:
        """``(N, D)`` full-view features of the labelled training utterances, and their labels."""
        labels = self.train_split.labels[:-1]
        carries = labels != PAD_LABEL
        return self._rows(self.train_split, self.model.features)[carries].float(), labels[carries]

    def predictions(self, split: ResidentSplit, class_scores: Tensor) -> Predictions:
        """What class scores predict.

        Args:
            split: what was scored.
            class_scores: ``(N, C)``, in the split's order.

        Raises:
            Diverged: when a score is not finite, so that its prediction would mean nothing.
        """
        if not class_scores.isfinite().all():
            raise Diverged(self.epoch, "class_scores")
        everything = class_scores.argmax(dim=-1).cpu()
        all_labels = split.labels[:-1].cpu()
        positions: Ints = (all_labels != PAD_LABEL).nonzero().squeeze(1).numpy()
        labels, predictions = all_labels.numpy()[positions], everything.numpy()[positions]
        confusion = confusion_matrix(labels, predictions, len(self._label_names))
        metrics = scores_of(confusion, self._label_names, self._criterion)
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
        return self._predict(self.validation_split)

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
        return self.predictions(resident, probe.scores(features))

    def share_below_eps(self) -> float:
        """Share of the weights whose root mean square gradient is at most ``adam_eps``.

        AdamW moves those by half of what it would, or less. Weights that never had a gradient,
        such as embeddings of what does not occur, are left out; 0 before the first step.
        """
        states = [state for state in self.optimiser.state.values() if "exp_avg_sq" in state]
        steps = max((float(state["step"]) for state in states), default=0.0)
        if not steps:
            return 0.0
        bias = 1 - self.optimiser.defaults["betas"][1] ** steps
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
            "optimiser": self.optimiser.state_dict(),
            "best_state": self._best_state,
            "best_epoch": self.best_epoch,
            "best_score": self.best_score,
            "best_metrics": self.best_metrics,
            "scores": self.scores,
            "steps": self.steps,
            "average": self.average.state_dict() if self.average else None,
            "epoch": self.epoch,
            "seconds": self.seconds,
        }
        return dict(_copied(state))

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a :meth:`state_dict`: the same bits as without the interruption."""
        self.model.load_state_dict(state["model"])
        # The optimiser would otherwise go on in the tensors of ``state`` themselves.
        self.optimiser.load_state_dict(copy.deepcopy(state["optimiser"]))
        self._best_state = dict(state["best_state"])
        self.best_epoch = state["best_epoch"]
        self.best_score = state["best_score"]
        self.best_metrics = dict(state["best_metrics"])
        self.scores = list(state["scores"])
        self.steps = state["steps"]
        if self.average:
            self.average.load_state_dict(state["average"])
        self.epoch = state["epoch"]
        self.seconds = state["seconds"]


def _copied(value: Any) -> Any:
    """A copy whose tensors own their memory; a deep copy of a part of a tensor copies all of it."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def derived_seed(*parts: object) -> int:
    """A well-mixed seed, so that neighbouring seeds and epochs share nothing."""
    text = ":".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
