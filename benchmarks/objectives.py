"""``python -m benchmarks.objectives DATA``: which part of SSLCL helps, judged by validation alone.

Trains cross-entropy and variants of ``sslcl_calibrated`` that each differ in one part, every one at
the learning rate that suits it on a seed of its own, and prints Markdown: mean and standard
deviation of validation weighted F1 over the tested seeds, and the differences to cross-entropy and
to ``sslcl_calibrated`` with 95 % intervals that allow for new seeds and new conversations. No test
split is used. Parts that the package does not have, because they did not help, are defined here.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from sslcl.command import OneLineCommand
from sslcl.config import TrialConfig
from sslcl.data import load_dataset
from sslcl.data.features.text_cache import encode_texts
from sslcl.data.folds import of_fold, with_folds
from sslcl.data.resident import ResidentSplit
from sslcl.data.types import Dataset, View
from sslcl.errors import unknown
from sslcl.metrics import Ints
from sslcl.objectives.sslcl_calibrated import SSLCLCalibrated
from sslcl.training import Predictions, Trainer
from study.stats.comparison import CellComparison, Sample, compare_cells
from study.stats.metrics import Metric

ENCODER = "all-MiniLM-L6-v2"
POOLED = f"{ENCODER}:layers3-6"
BASELINE, METHOD = "cross_entropy", "sslcl_calibrated"
WITH_VIEWS = {"objective": METHOD, "augmentation": "text_plus_one"}
"""The form of the method that the variants depart from; its own default is without views."""
TUNING_SEED = 0


@dataclass(frozen=True)
class Data:
    """A corpus and the settings in which all variants are trained on it.

    Args:
        name: in the catalog.
        rates: learning rates to choose from.
        settings: fields of the trial.
        options: of the dataset.
        folds: how the corpus is divided, if it is.
        validated_by: options of the corpus that validates, where it is another one.
    """

    name: str
    rates: Sequence[float]
    settings: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    folds: str | None = None
    validated_by: Mapping[str, Any] | None = None

    def load(self, data_dir: Path | None) -> list[Dataset]:
        """The corpus or its folds, without test splits."""
        corpus = load_dataset(self.name, self.options, data_dir)
        if self.validated_by is not None:
            other = load_dataset(self.name, self.validated_by, data_dir)
            return [replace(corpus, validation=other.validation).sealed()]
        if self.folds is None:
            return [corpus.sealed()]
        divided = with_folds(corpus, self.folds)
        return [of_fold(divided, fold.name).sealed() for fold in divided.folds]


SHARED = {"schedule": "cosine", "batch_size": 8}
STRONG_DROPOUT = {**SHARED, "dropout": 0.4, "input_dropout": 0.5, "hidden_size": 128}
IEMOCAP_TEXT = {"path": "published/cosmic_labels_iemocap", "task": "emotion", "encoder": POOLED}
DATA: Mapping[str, Data] = {
    # The simulator has more conversations than its 30 that validate; training is as shipped.
    "synthetic": Data(
        "synthetic",
        [2e-3, 5e-3, 1e-2],
        {**SHARED, "hidden_size": 96, "dropout": 0.2, "epochs": 12},
        validated_by={"conversations": 1050},
    ),
    # Not by the released features, which the labels of its training videos have taught.
    "mosi": Data(
        "mosi", [1e-3, 3e-3], {**STRONG_DROPOUT, "epochs": 8}, {"encoder": POOLED}, folds="3"
    ),
    "iemocap_text": Data(
        "path", [1e-3, 3e-3], {**STRONG_DROPOUT, "epochs": 8}, IEMOCAP_TEXT, "session"
    ),
    "meld": Data(
        "meld",
        [1e-3],
        {**STRONG_DROPOUT, "batch_size": 32, "epochs": 8, "modalities": ("text", "timing")},
        {"task": "emotion", "encoder": POOLED},
    ),
}


@dataclass(frozen=True)
class Variant:
    """One way to train.

    Args:
        changes: fields of the trial.
        trainer: the class that trains it.
    """

    changes: Mapping[str, Any] = field(default_factory=dict)
    trainer: type[Trainer] = Trainer


class ViewEnsemble(Trainer):
    """Predicts by the mean posterior of the full and the masked views, each with its weight."""

    def _predict(self, split: ResidentSplit, view: View | None = None) -> Predictions:
        objective = self.model.objective
        if view is not None or not isinstance(objective, SSLCLCalibrated):
            return super()._predict(split, view)
        weighted = [
            weight * self._rows(split, self.model.scores, one).softmax(dim=-1)
            for one, weight in zip(objective.views, objective.lambdas, strict=True)
        ]
        return self.predictions(split, torch.stack(weighted).sum(dim=0))


class NamedClasses(Trainer):
    """Gives the label network frozen embeddings of the class names in place of its own table."""

    def __init__(
        self, config: TrialConfig, dataset: Dataset, device: torch.device | str = "cpu"
    ) -> None:
        vectors = named(dataset.label_names)
        super().__init__(config.replace(label_embedding_width=vectors.shape[1]), dataset, device)
        objective = self.model.objective
        assert isinstance(objective, SSLCLCalibrated)
        table = objective.embedding.table.weight
        table.data.copy_(vectors)
        table.requires_grad_(False)


class WithoutPrior(Trainer):
    """Trains and predicts without the log prior: as if classes were equally frequent."""

    def __init__(
        self, config: TrialConfig, dataset: Dataset, device: torch.device | str = "cpu"
    ) -> None:
        super().__init__(config, dataset, device)
        prior = self.model.objective.get_buffer("class_prior")
        prior.fill_(1 / len(prior))


def named(names: Sequence[str]) -> Tensor:
    """``(C, 384)`` embeddings of class names, centred, with a root mean square of 1 in each."""
    vectors = torch.tensor(encode_texts(list(names), ENCODER))
    centred: Tensor = vectors - vectors.mean(dim=0)
    unit: Tensor = F.normalize(centred, dim=-1)
    return unit * math.sqrt(centred.shape[1])


VARIANTS: Mapping[str, Variant] = {
    BASELINE: Variant({"objective": BASELINE}),
    METHOD: Variant(),
    "without masked views": Variant({"augmentation": "none"}),
    "masked views predict too": Variant(trainer=ViewEnsemble),
    "free label vectors": Variant({"label_embedding_depth": 0}),
    "label network of 4 layers": Variant({"label_embedding_depth": 4}),
    "embedded class names": Variant(trainer=NamedClasses),
    "without label dropout": Variant({"label_embedding_dropout": 0.0}),
    "without label-label term": Variant({"label_label_weight": 0.0}),
    "without prior": Variant(trainer=WithoutPrior),
    "scale 4": Variant({"scale": 4.0}),
    "learned scale": Variant({"logit_scale": "learned", "scale": 10.0}),
    "with cross-entropy": Variant({"cross_entropy_weight": 1.0}),
    "half the batch": Variant({"batch_size": 4}),
    "sslcl by the cosine": Variant({"objective": "sslcl", "similarity": "cosine"}),
}


def config_of(data: Data, variant: Variant, dataset: Dataset) -> TrialConfig:
    """The configuration of a variant, at the first rate and the tuning seed."""
    settings = {"dataset": data.name, **WITH_VIEWS, **data.settings, **variant.changes}
    fold = {"folds": data.folds, "fold": dataset.fold} if dataset.fold else {}
    return TrialConfig.parse({**settings, **fold, "patience": settings["epochs"]})


def trained(trainer: Trainer) -> Predictions:
    """The predictions of validation at its best epoch."""
    while not trainer.finished:
        trainer.fit_epoch()
    trainer.restore_best()
    return trainer.validation()


class Screening:
    """Trains variants on the corpora or folds of one :class:`Data`."""

    def __init__(self, data: Data, data_dir: Path | None) -> None:
        self.data = data
        self.datasets = data.load(data_dir)
        self.metric = Metric.named("weighted_f1", self.datasets[0].label_names)
        ids = {(d.fingerprint, c.id) for d in self.datasets for c in d.validation}
        self.places = {name: place for place, name in enumerate(sorted(ids))}

    def applicable(self) -> dict[str, Variant]:
        """The variants that can change anything on this data."""
        seen: dict[tuple[str, type[Trainer]], str] = {}
        for name, variant in VARIANTS.items():
            config = config_of(self.data, variant, self.datasets[0])
            if variant.trainer is ViewEnsemble and len(self.datasets[0].modalities) == 1:
                continue
            seen.setdefault((config.digest(), variant.trainer), name)
        return {name: VARIANTS[name] for name in seen.values()}

    def sample(self, variant: Variant, seeds: int) -> tuple[float, Sample]:
        """The chosen learning rate, and what the variant predicts at it on the tested seeds."""
        rates = self.data.rates
        rate = rates[0]
        if len(rates) > 1:
            scores = [self._score(self._counts(variant, TUNING_SEED, one)) for one in rates]
            rate = rates[int(np.argmax(scores))]
        tested = range(TUNING_SEED + 1, TUNING_SEED + 1 + seeds)
        counts = np.stack([self._counts(variant, seed, rate) for seed in tested])
        return rate, Sample(tuple(tested), counts)

    def _score(self, counts: Ints) -> float:
        return float(self.metric.score(self.metric.margins(counts[None]).sum(1))[0])

    def _counts(self, variant: Variant, seed: int, rate: float) -> Ints:
        """``(K, C, C)`` counts of each validation conversation, label by prediction."""
        classes = len(self.datasets[0].label_names)
        counts = np.zeros((len(self.places), classes, classes), dtype=np.int64)
        for dataset in self.datasets:
            config = config_of(self.data, variant, dataset)
            trainer = variant.trainer(config.replace(seed=seed, learning_rate=rate), dataset)
            predicted = trained(trainer)
            names = predicted.conversations
            at = np.array([self.places[dataset.fingerprint, name] for name in names])
            np.add.at(counts, (at, predicted.labels, predicted.predictions), 1)
        return counts


def rows(samples: Mapping[str, Sample], rates: Mapping[str, float], metric: Metric) -> list[str]:
    """Lines of the table, in percent; the differences to a variant that is not there are left out.

    Args:
        samples: what each variant predicts.
        rates: at which learning rate.
        metric: what is scored.
    """
    compared = {
        reference: compare_cells(samples, reference, metric)
        for reference in (BASELINE, METHOD)
        if reference in samples
    }
    lines = []
    for name, sample in samples.items():
        scores = 100 * sample.scores(metric)
        differences = [_difference(cells[name]) for cells in compared.values()]
        shown = [name, f"{rates[name]:g}", f"{scores.mean():.2f} ± {scores.std(ddof=1):.2f}"]
        lines.append(f"| {' | '.join([*shown, *differences])} |")
    return lines


def _difference(cell: CellComparison) -> str:
    if cell.ci_low == cell.ci_high:
        return "-"
    low, high = 100 * cell.ci_low, 100 * cell.ci_high
    return f"{100 * cell.difference:+.2f} [{low:+.2f}, {high:+.2f}]"


@click.command(cls=OneLineCommand)
@click.argument("data")
@click.option("--data-dir", type=click.Path(path_type=Path, exists=True))
@click.option("--seeds", type=click.IntRange(min=2), default=5, show_default=True)
@click.option("--variant", "chosen", multiple=True, help="Only these beside the first two.")
def main(data: str, data_dir: Path | None, seeds: int, chosen: tuple[str, ...]) -> int:
    """Print the table of DATA in docs/methods.md."""
    if data not in DATA:
        raise unknown("data", data, DATA)
    for name in chosen:
        if name not in VARIANTS:
            raise unknown("variant", name, VARIANTS)
    torch.set_num_threads(1)
    screening = Screening(DATA[data], data_dir)
    variants = screening.applicable()
    if chosen:
        variants = {n: v for n, v in variants.items() if n in (BASELINE, METHOD, *chosen)}
    samples: dict[str, Sample] = {}
    rates: dict[str, float] = {}
    for name, variant in variants.items():
        rates[name], samples[name] = screening.sample(variant, seeds)
        # What is known so far, because training the rest takes long.
        click.echo(rows(samples, rates, screening.metric)[-1], err=True)
    print(f"| {data}: variant | rate | weighted F1 | to {BASELINE} | to {METHOD} |")
    print("|---|---|---|---|---|")
    print("\n".join(rows(samples, rates, screening.metric)))
    return 0


if __name__ == "__main__":
    main()
