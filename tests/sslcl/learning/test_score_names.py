"""Every score by name: against scikit-learn, or counted utterance by utterance."""

from typing import Any

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from sslcl.errors import InputError
from sslcl.learning.score_names import (
    GENERAL_SCORES,
    check_score_form,
    score_names,
    score_title,
    signs_of,
)
from sslcl.metrics import SCORES, Score, confusion_matrix

EMOTIONS = ("neutral", "joy", "anger", "fear")
STEPS = (
    "strongly negative",
    "negative",
    "weakly negative",
    "neutral",
    "weakly positive",
    "positive",
    "strongly positive",
)
SIGNS = (-1, -1, -1, 0, 1, 1, 1)

Pairs = list[tuple[int, int]]


def pairs(classes: int) -> st.SearchStrategy[Pairs]:
    """Label and prediction of each utterance."""
    one = st.integers(0, classes - 1)
    return st.lists(st.tuples(one, one), min_size=1, max_size=40)


def scored(name: str, drawn: Pairs, label_names: tuple[str, ...]) -> float:
    labels, predictions = zip(*drawn, strict=True)
    counts = confusion_matrix(labels, predictions, len(label_names))
    return float(Score.named(name, label_names).of(counts))


def split(drawn: Pairs) -> tuple[list[int], list[int]]:
    return [label for label, _ in drawn], [predicted for _, predicted in drawn]


@settings(deadline=None)
@given(pairs(4))
@pytest.mark.filterwarnings("ignore:y_pred contains classes")
@pytest.mark.filterwarnings("ignore:A single label")
def test_uar_is_balanced_accuracy(drawn: Pairs) -> None:
    expected = sklearn.metrics.balanced_accuracy_score(*split(drawn))
    assert scored("uar", drawn, EMOTIONS) == pytest.approx(expected, abs=1e-12)


@settings(deadline=None)
@given(pairs(4))
@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("micro_f1-neutral", [1, 2, 3]),
        ("micro_f1-fear+joy", [0, 2]),
        ("f1:anger", [2]),
    ],
)
def test_pooled_f1_is_that_of_the_kept_labels(name: str, kept: list[int], drawn: Pairs) -> None:
    options: dict[str, Any] = {"labels": kept, "average": "micro", "zero_division": 0}
    expected = sklearn.metrics.f1_score(*split(drawn), **options)
    assert scored(name, drawn, EMOTIONS) == pytest.approx(expected, abs=1e-12)


@settings(deadline=None)
@given(pairs(7))
def test_sentiment_scores_count_signs(drawn: Pairs) -> None:
    signs = [(SIGNS[label], SIGNS[predicted]) for label, predicted in drawn]
    has0 = [(label >= 0) == (predicted >= 0) for label, predicted in signs]
    non0 = [(label > 0) == (predicted > 0) for label, predicted in signs if label]
    assert scored("acc2_has0", drawn, STEPS) == pytest.approx(np.mean(has0))
    assert scored("acc2_non0", drawn, STEPS) == pytest.approx(np.mean(non0) if non0 else 0.0)
    same = [label == predicted for label, predicted in drawn]
    assert scored("acc7", drawn, STEPS) == pytest.approx(np.mean(same))


@settings(deadline=None)
@given(st.lists(pairs(7), min_size=2, max_size=4))
@pytest.mark.parametrize("name", score_names(STEPS))
def test_margins_add_up_over_conversations(name: str, conversations: list[Pairs]) -> None:
    score = Score.named(name, STEPS)
    counts = np.stack([confusion_matrix(*split(drawn), 7) for drawn in conversations])
    assert score.score(score.margins(counts).sum(0)) == pytest.approx(score.of(counts.sum(0)))


def test_names_and_formulas_are_the_same() -> None:
    assert tuple(SCORES) == GENERAL_SCORES


@pytest.mark.parametrize(
    ("label_names", "signs"),
    [
        (("neutral", "positive", "negative"), (0, 1, -1)),
        (("-1", "0", "1.0"), (-1, 0, 1)),
        (("weakly_negative", "neutral", "positive"), (-1, 0, 1)),
        (("negative", "positive"), ()),
        (EMOTIONS, ()),
    ],
)
def test_signs_are_told_by_the_names_of_classes(
    label_names: tuple[str, ...], signs: tuple[int, ...]
) -> None:
    assert signs_of(label_names) == signs
    assert ("acc2_has0" in score_names(label_names)) == bool(signs)


def test_a_class_whose_name_holds_a_plus_is_that_class() -> None:
    names = ("a+b", "a", "b")
    assert Score.named("micro_f1-a+b", names).classes == (1, 2)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("micro_f1-neutrl", "did you mean 'micro_f1-neutral'"),
        ("micro_f1", "expected accuracy, or micro_f1-<class>"),
        ("micro_f1-joy+joy", "unknown score"),
        ("micro_f1-neutral+joy+anger+fear", "unknown score"),
        ("f1:hapy", "unknown score 'f1:hapy'"),
        ("acc7", "unknown score 'acc7'"),
        ("uarr", "did you mean 'uar'"),
    ],
)
def test_a_wrong_name_is_refused_with_the_nearest(name: str, said: str) -> None:
    with pytest.raises(InputError, match=said.replace("+", r"\+")) as refusal:
        Score.named(name, EMOTIONS)
    assert "\n" not in str(refusal.value)


def test_without_classes_only_the_form_is_checked() -> None:
    for name in ("uar", "acc7", "f1:any", "micro_f1-any+other"):
        assert check_score_form(name) == name
    for name in ("f1:", "micro_f1", "macro"):
        with pytest.raises(InputError, match="unknown score"):
            check_score_form(name)


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("weighted_f1", "Weighted F1"),
        ("f1:joy", "F1 of joy"),
        ("micro_f1-neutral", "Micro F1 without neutral"),
        ("micro_f1-neutral+other", "Micro F1 without neutral and other"),
        ("acc2_non0", "Acc-2 (non0)"),
    ],
)
def test_titles(name: str, title: str) -> None:
    assert score_title(name) == title
