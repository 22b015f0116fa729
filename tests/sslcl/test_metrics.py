"""Scores agree with scikit-learn on any labels, classes that never occur included."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from sslcl.metrics import class_f1, confusion_matrix, margins, scores_of

pytestmark = pytest.mark.filterwarnings("ignore:A single label was found")

CLASSES = st.integers(1, 7)
Labels: TypeAlias = npt.NDArray[np.int64]
Answers: TypeAlias = tuple[Labels, Labels, int]


@st.composite
def answers(draw: st.DrawFn) -> Answers:
    """Labels, predictions and the number of classes, some of which may never occur."""
    classes = draw(CLASSES)
    index = st.integers(0, classes - 1)
    pairs = draw(st.lists(st.tuples(index, index), min_size=1, max_size=60))
    labels, predictions = np.array(pairs, dtype=np.int64).T
    return labels, predictions, classes


def names(classes: int) -> list[str]:
    return [f"class{k}" for k in range(classes)]


@settings(deadline=None)
@given(answers())
def test_the_confusion_matrix_counts_true_classes_in_rows(drawn: Answers) -> None:
    labels, predictions, classes = drawn
    expected = sklearn.metrics.confusion_matrix(labels, predictions, labels=range(classes))
    np.testing.assert_array_equal(confusion_matrix(labels, predictions, classes), expected)


@settings(deadline=None)
@given(answers())
def test_scores_are_those_of_scikit_learn(drawn: Answers) -> None:
    labels, predictions, classes = drawn
    found = scores_of(confusion_matrix(labels, predictions, classes), names(classes))

    def f1(average: str | None, **more: Any) -> Any:
        return sklearn.metrics.f1_score(
            labels, predictions, average=average, zero_division=0, **more
        )

    # Without a list of labels scikit-learn averages the classes that occur or are predicted.
    assert found["macro_f1"] == pytest.approx(f1("macro"), abs=1e-12)
    assert found["weighted_f1"] == pytest.approx(f1("weighted"), abs=1e-12)
    accuracy = sklearn.metrics.accuracy_score(labels, predictions)
    assert found["accuracy"] == pytest.approx(accuracy, abs=1e-12)
    each = [found[f"f1:{name}"] for name in names(classes)]
    assert each == pytest.approx(f1(None, labels=range(classes)).tolist(), abs=1e-12)


@settings(deadline=None)
@given(st.lists(answers(), min_size=1, max_size=4))
def test_many_confusion_matrices_at_once_are_each_by_itself(drawn: list[Answers]) -> None:
    tables = np.stack(
        [confusion_matrix(labels, predictions, 7) for labels, predictions, _ in drawn]
    )
    together = scores_of(tables, names(7))
    for index, table in enumerate(tables):
        alone = scores_of(table, names(7))
        assert {name: score[index] for name, score in together.items()} == alone


def test_no_utterances_score_0() -> None:
    found = scores_of(np.zeros((2, 2), dtype=np.int64), names(2))
    assert {float(score) for score in found.values()} == {0.0}


def test_guessing_by_the_class_prior_has_the_prior_as_f1() -> None:
    prior = np.array([50, 30, 15, 5])
    # Row k is how guesses that ignore the utterance fall on the utterances of class k.
    np.testing.assert_allclose(class_f1(margins(np.outer(prior, prior))), prior / prior.sum())
