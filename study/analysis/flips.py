"""Which utterances two models label differently, and what that is worth."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sslcl.errors import InputError
from study.stats.comparison import Sample
from tracking.records import Evaluation


@dataclass(frozen=True)
class Flip:
    """One utterance at one seed of which one model was right and the other wrong.

    Args:
        seeds: of the first and of the second model.
        conversation, utterance: their ids.
        label, first, second: class indices of the label and of both predictions.
    """

    seeds: tuple[int, int]
    conversation: str
    utterance: str
    label: int
    first: int
    second: int

    @property
    def gained(self) -> bool:
        """Whether the second model is the right one."""
        return self.second == self.label


@dataclass(frozen=True)
class Pairing:
    """Predictions of two models on the same utterances, pair of seeds by pair of seeds.

    Args:
        first, second: the evaluations, one a pair, in the same order.
        seeds: of both members of every pair.
    """

    first: tuple[Evaluation, ...]
    second: tuple[Evaluation, ...]
    seeds: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        gold = _gold(self.first[0])
        if any(_gold(evaluation) != gold for evaluation in (*self.first, *self.second)):
            raise InputError(
                "the two were tested on different utterances or labels: expected the same data"
            )

    def counts(self) -> Counter[tuple[bool, bool]]:
        """Predictions by whether the first and whether the second model is right."""
        counts: Counter[tuple[bool, bool]] = Counter()
        for first, second in zip(self.first, self.second, strict=True):
            rows = zip(first.labels, first.predictions, second.predictions, strict=True)
            counts.update((a == label, b == label) for label, a, b in rows)
        return counts

    def flips(self) -> list[Flip]:
        """Those that flip at the most seeds first, then in the order of the split."""
        placed: list[tuple[int, Flip]] = []
        for seeds, first, second in zip(self.seeds, self.first, self.second, strict=True):
            for place, label in enumerate(first.labels):
                a, b = first.predictions[place], second.predictions[place]
                if (a == label) != (b == label):
                    where = (first.conversations[place], first.utterances[place])
                    placed.append((place, Flip(seeds, *where, label, a, b)))
        often = Counter(place for place, _ in placed)
        placed.sort(key=lambda item: (-often[item[0]], item[0]))
        return [flip for _, flip in placed]

    def samples(self, classes: int) -> tuple[Sample, Sample]:
        """Confusion counts of both, the pairs numbered alike so that they pair."""
        numbers = tuple(range(len(self.seeds)))
        return (
            Sample(numbers, _confusion(self.first, classes)),
            Sample(numbers, _confusion(self.second, classes)),
        )


def _gold(evaluation: Evaluation) -> tuple[list[str], list[str], list[int]]:
    return (
        list(evaluation.conversations),
        list(evaluation.utterances),
        list(evaluation.labels),
    )


def _confusion(
    evaluations: Sequence[Evaluation], classes: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    names = dict.fromkeys(evaluations[0].conversations)
    place = {name: index for index, name in enumerate(names)}
    counts = np.zeros((len(evaluations), len(place), classes, classes), dtype=np.int64)
    for index, evaluation in enumerate(evaluations):
        conversation = [place[name] for name in evaluation.conversations]
        np.add.at(counts[index], (conversation, evaluation.labels, evaluation.predictions), 1)
    return counts
