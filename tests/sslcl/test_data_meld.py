"""MELD's CSV files: what the release holds, and what is said of files that do not hold it."""

from pathlib import Path

import numpy as np
import pytest

from sslcl.data._checks import check_dataset
from sslcl.data.corpus import Corpus, dataset_of
from sslcl.data.formats import recognise
from sslcl.data.formats.meld_csv import EMOTIONS, SENTIMENTS

EMOTION_COUNTS = {
    "train": [4710, 1205, 268, 683, 1743, 271, 1109],
    "validation": [470, 150, 40, 111, 163, 22, 153],
    "test": [1256, 281, 50, 208, 402, 68, 345],
}
SENTIMENT_COUNTS = {
    "train": [4710, 2334, 2945],
    "validation": [470, 233, 406],
    "test": [1256, 521, 833],
}
DIALOGUES = {"train": 1038, "validation": 114, "test": 280}


@pytest.fixture(scope="module")
def release(data_dir: Path) -> Corpus:
    if not (data_dir / "meld").is_dir():
        pytest.skip(f"no folder meld in {data_dir}")
    return recognise(data_dir / "meld")


class TestRelease:
    def test_counts_by_split_and_class(self, release: Corpus) -> None:
        assert release.name == "meld"
        assert release.task("emotion").classes == EMOTIONS
        assert release.task("sentiment").classes == SENTIMENTS
        assert release.counts("emotion") == EMOTION_COUNTS
        assert release.counts("sentiment") == SENTIMENT_COUNTS
        assert release.table.groupby("split")["conversation"].nunique().to_dict() == DIALOGUES

    def test_it_is_a_valid_dataset_for_either_task(self, release: Corpus) -> None:
        for task, classes in (("emotion", EMOTIONS), ("sentiment", SENTIMENTS)):
            dataset = dataset_of(release, task)
            check_dataset(dataset)
            assert dataset.label_names == classes
            assert dataset.speakers == 9
            assert len(dataset.train) == 1038

    def test_dialogues_follow_their_numbers_and_gaps_stay(self, release: Corpus) -> None:
        dialogue = release.table[release.table["conversation"] == "dev_0049"]
        numbers = [int(name.rsplit("_", 1)[1]) for name in dialogue["utterance"]]
        assert numbers == sorted(numbers)
        assert {4, 5} <= set(range(max(numbers))) - set(numbers)
        assert not (release.table["conversation"] == "train_0060").any()

    def test_first_utterances_of_the_training_file(self, release: Corpus) -> None:
        row = release.table.iloc[0]
        assert row["utterance"] == "train_0000_00"
        assert row["speaker"] == "Chandler"
        assert row["text"].startswith("also I was the point person on my company’s transition")
        assert (row["start"], row["end"]) == (976.059, 981.731)
        assert (row["emotion"], row["sentiment"]) == ("neutral", "neutral")

    def test_anomalies_are_counted(self, release: Corpus) -> None:
        notes = "\n".join(release.notes)
        assert "109 utterance numbers are missing in 76 dialogues" in notes
        assert "3 times have two digits after the second" in notes
        assert (
            "10 utterances are in two dialogues (train_0312 and train_0698, train_0376 and "
            "train_0725)"
        ) in notes
        assert "3 durations are above 30 s" in notes
        assert "31 utterances start before the one before them" in notes

    def test_two_digits_are_a_fraction(self, release: Corpus) -> None:
        row = release.table.set_index("utterance").loc["train_0437_02"]
        assert row["end"] == 407.28

    def test_timing_is_finite(self, release: Corpus) -> None:
        timing = release.features["timing"]
        assert timing.shape == (13708, 10)
        assert np.isfinite(timing).all()
