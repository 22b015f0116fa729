"""GCNet's pickles: how many classes there are, and scores as classes."""

from pathlib import Path

import numpy as np
import pytest

from sslcl.data.formats import format_of, recognise
from sslcl.data.formats.pickles._scores import STEPS, by_step
from sslcl.data.published.corpora.iemocap import IEMOCAP, IEMOCAP_FOUR
from sslcl.data.reading.path_contents import PathContents
from sslcl.errors import InputError
from sslcl.metrics import Score, confusion_matrix

from ...writers import gcnet, made_up


def test_a_label_above_three_makes_six_classes(tmp_path: Path) -> None:
    made_up.write(tmp_path / "a.pkl", gcnet.iemocap([0, 1, 2, 3, 4, 5]))
    corpus = recognise(tmp_path)
    assert corpus.task("emotion").classes == IEMOCAP
    assert list(corpus.tasks) == ["emotion", "emotion4", "emotion4_merged"]


def test_labels_up_to_three_are_the_four_classes(tmp_path: Path) -> None:
    made_up.write(tmp_path / "a.pkl", gcnet.iemocap([0, 1, 2, 3, -1]))
    corpus = recognise(tmp_path)
    assert list(corpus.tasks) == ["emotion4"]
    assert corpus.task().classes == IEMOCAP_FOUR
    assert corpus.table["emotion4"].tolist()[:4] == list(IEMOCAP_FOUR)
    assert corpus.table["emotion4"].isna().sum() == 3


def test_more_happy_utterances_than_there_are_have_excited_ones_among_them(tmp_path: Path) -> None:
    made_up.write(tmp_path / "a.pkl", gcnet.iemocap([0] * 300 + [1, 2, 3]))
    corpus = recognise(tmp_path)
    assert list(corpus.tasks) == ["emotion4_merged"]
    assert "900 happy utterances, 648 usually: excited ones are among them" in corpus.notes


def test_scores_are_classes_by_sign_and_in_seven_steps(tmp_path: Path) -> None:
    made_up.write(tmp_path / "a.pkl", gcnet.mosi())
    assert format_of(PathContents(tmp_path)).name == "gcnet_scores"
    corpus = recognise(tmp_path)
    rows = corpus.table[corpus.table["conversation"] == "c"]
    assert set(rows["split"]) == {"validation"}
    assert rows["sentiment3"].tolist() == ["negative"] * 2 + ["neutral"] + ["positive"] * 2
    assert rows["sentiment2"].isna().tolist() == [False, False, True, False, False]
    steps = ["strongly negative", "weakly negative", "neutral", "neutral", "strongly positive"]
    assert rows["sentiment7"].tolist() == steps


def test_a_score_beyond_the_scale_is_told(tmp_path: Path) -> None:
    made_up.write(tmp_path / "a.pkl", gcnet.mosi((0.0, 7.5)))
    with pytest.raises(InputError, match=r"score of 'a_1' is 7\.5, expected a number from -3 to 3"):
        recognise(tmp_path)


def test_acc7_of_binned_scores_is_that_of_rounded_ones() -> None:
    rng = np.random.default_rng(0)
    labels, predictions = rng.uniform(-3.5, 3.5, (2, 200))
    expected = np.mean(np.round(np.clip(labels, -3, 3)) == np.round(np.clip(predictions, -3, 3)))
    rows, columns = (
        [STEPS.index(step) for step in by_step(scores)] for scores in (labels, predictions)
    )
    counts = confusion_matrix(rows, columns, len(STEPS))
    assert Score.named("acc7", STEPS).of(counts) == pytest.approx(expected)
