"""Every valid pair of levels of the model's factors trains; every invalid one is refused."""

import itertools
import math
import random
from collections.abc import Iterator
from typing import get_args

import pytest

from sslcl.augmentation import AUGMENTATIONS
from sslcl.backbones import BACKBONES
from sslcl.config import TrialConfig
from sslcl.data import load_dataset
from sslcl.data.types import Dataset
from sslcl.errors import InputError
from sslcl.objectives import OBJECTIVES
from sslcl.similarities import SIMILARITIES
from sslcl.training import Trainer
from sslcl.validation import LogitScaleMode

pytestmark = pytest.mark.medium

LEVELS: dict[str, tuple[object, ...]] = {
    "backbone": BACKBONES.names(),
    "objective": OBJECTIVES.names(),
    "similarity": SIMILARITIES.names(),
    "logit_scale": get_args(LogitScaleMode),
    "augmentation": AUGMENTATIONS,
    "label_embedding_depth": (0, 1, 2, 3, 6),
}
Row = dict[str, object]
Pair = tuple[tuple[str, object], tuple[str, object]]


def pairs_of(row: Row) -> set[Pair]:
    return set(itertools.combinations(row.items(), 2))


def covering_rows() -> Iterator[Row]:
    """Few rows in which each pair of levels of two factors occurs at least once."""
    draw = random.Random(0)
    missing = {
        ((a, x), (b, y))
        for a, b in itertools.combinations(LEVELS, 2)
        for x, y in itertools.product(LEVELS[a], LEVELS[b])
    }
    while missing:
        seed = min(missing, key=str)
        rows = [
            {name: dict(seed).get(name, draw.choice(levels)) for name, levels in LEVELS.items()}
            for _ in range(30)
        ]
        best = max(rows, key=lambda row: len(pairs_of(row) & missing))
        missing -= pairs_of(best)
        yield best


ROWS = list(covering_rows())


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return load_dataset("synthetic", {"conversations": 14})


def test_the_rows_cover_every_pair() -> None:
    covered = set().union(*(pairs_of(row) for row in ROWS))
    wanted = sum(len(LEVELS[a]) * len(LEVELS[b]) for a, b in itertools.combinations(LEVELS, 2))
    assert len(covered) == wanted


def invalid(row: Row) -> str | None:
    """The word that the refusal must contain, where a combination makes no sense."""
    if row["objective"] == "supcon_multiview" and row["augmentation"] == "none":
        return "augmentation"
    return None


def values_of(row: Row) -> dict[str, object]:
    sizes = {"hidden_size": 8, "label_embedding_width": 8, "batch_size": 4, "epochs": 1}
    return {**row, **sizes, "dataset_options": {"conversations": 14}, "cross_entropy_weight": 0.5}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(map(str, row.values())))
def test_a_row_trains_two_steps_or_is_refused_with_a_reason(row: Row, dataset: Dataset) -> None:
    reason = invalid(row)
    if reason is not None:
        with pytest.raises(InputError, match=reason):
            TrialConfig.parse(values_of(row))
        return
    metrics = Trainer(TrialConfig.parse(values_of(row)), dataset).fit_epoch()
    assert math.isfinite(metrics["train_loss"])


@pytest.mark.parametrize("objective", ["supcon", "supcon_multiview", "swfc"])
def test_an_objective_that_cannot_predict_alone_is_refused_without_a_classifier(
    objective: str,
) -> None:
    with pytest.raises(InputError, match="cross_entropy_weight"):
        TrialConfig.parse({"objective": objective, "cross_entropy_weight": 0.0})
