"""Published texts: DialogXL's and EmoryNLP's JSON, DailyDialog's text, GCNet's pickle."""

from pathlib import Path

import pytest

from sslcl.data.corpus import dataset_of
from sslcl.data.formats import recognise
from sslcl.data.formats.texts._dialogues import EMOTIONS_OF_DAILYDIALOG
from sslcl.data.published.corpora.iemocap import IEMOCAP
from sslcl.data.published.corpora.meld import MELD
from sslcl.errors import InputError

from ...writers.dialogues import (
    COMPM_IEMOCAP,
    COMPM_MELD,
    write_compm,
    write_dailydialog,
    write_dialogue_json,
    write_emorynlp_json,
    write_m3ed,
)


def _counts(train: int, validation: int, test: int) -> dict[str, int]:
    return {"train": train, "validation": validation, "test": test}


def test_dialogue_json(tmp_path: Path) -> None:
    write_dialogue_json(tmp_path)
    corpus = recognise(tmp_path)
    assert corpus.task("emotion").classes[:2] == ("happy", "sad")
    assert corpus.table["emotion"].isna().sum() == 9
    assert corpus.licence == ""
    write_dialogue_json(tmp_path, ("calm", "upset"))
    assert recognise(tmp_path).task("emotion").classes == ("calm", "upset")


def test_emorynlp_json(tmp_path: Path) -> None:
    write_emorynlp_json(tmp_path)
    corpus = recognise(tmp_path)
    assert corpus.table["split"].value_counts().to_dict() == dict.fromkeys(
        ("train", "validation", "test"), 2
    )
    assert "3 utterances have several speakers; the first one listed counts" in corpus.notes


def test_dailydialog(tmp_path: Path) -> None:
    write_dailydialog(tmp_path)
    table = recognise(tmp_path).table
    first = table[table["split"] == "train"]
    assert first["text"].tolist() == ["Tea ?", "Please .", "No !", "Oh .", "Ah ."]
    assert first["emotion"].tolist() == [EMOTIONS_OF_DAILYDIALOG[n] for n in (0, 4, 6, 0, 0)]
    assert first["speaker"].tolist() == [f"speaker {n}" for n in (1, 2, 1, 2, 1)]


def test_damage_is_told_with_its_line(tmp_path: Path) -> None:
    write_dailydialog(tmp_path, "0 4\n6 0\n")
    with pytest.raises(InputError, match=r"line 2: is '6 0', expected 3 numbers from 0 to 6"):
        recognise(tmp_path)


def test_none_is_neutral_in_the_json_of_dailydialog_and_no_label_elsewhere(tmp_path: Path) -> None:
    write_dialogue_json(tmp_path, ("none", "happiness"))
    corpus = recognise(tmp_path)
    assert corpus.task("emotion").classes == EMOTIONS_OF_DAILYDIALOG
    assert corpus.table["emotion"].isna().sum() == 9
    assert (corpus.table["emotion"] == "neutral").sum() == 9
    assert "9 utterances with the label 'none' are neutral" in corpus.notes
    write_dialogue_json(tmp_path, ("none", "calm"))
    assert recognise(tmp_path).table["emotion"].isna().sum() == 18


def test_compm_text_with_a_header_and_sentiment(tmp_path: Path) -> None:
    write_compm(tmp_path, COMPM_MELD)
    corpus = recognise(tmp_path)
    train = corpus.table[corpus.table["split"] == "train"]
    assert train["text"].tolist() == ["Tea?", "Oh no.", "Yes!"]
    assert train["conversation"].tolist() == ["train_00000", "train_00000", "train_00001"]
    assert train["sentiment"].tolist() == ["neutral", "negative", "positive"]
    assert list(corpus.tasks) == ["emotion", "sentiment"]
    assert corpus.task("emotion").classes == MELD


def test_compm_text_with_short_labels_and_tabs_in_texts(tmp_path: Path) -> None:
    write_compm(tmp_path, COMPM_IEMOCAP, "iemocap_{}.txt")
    corpus = recognise(tmp_path)
    train = corpus.table[corpus.table["split"] == "train"]
    assert train["text"].tolist() == ["Excuse me.", "Do you have forms?", "Yeah."]
    assert train["emotion"].tolist() == ["neutral", "frustrated", "happy"]
    assert corpus.task("emotion").classes == IEMOCAP


def test_a_line_of_compm_text_with_too_few_cells_is_told(tmp_path: Path) -> None:
    write_compm(tmp_path, COMPM_MELD + "Bob\tYes!\tjoy\tpositive\n" * 3000 + "Bob\tYes!\tjoy\n")
    with pytest.raises(InputError, match=r"line 3007: has 3 cells, expected 4 or more by tabs"):
        recognise(tmp_path)


def test_hidden_folders_are_left_out(tmp_path: Path) -> None:
    write_compm(tmp_path, COMPM_IEMOCAP, "iemocap_{}.txt")
    hidden = tmp_path / ".ipynb_checkpoints"
    hidden.mkdir()
    write_compm(hidden, COMPM_IEMOCAP, "iemocap_{}-checkpoint.txt")
    assert len(recognise(tmp_path).table) == 9


def test_m3ed_in_the_order_of_utterances_by_the_lists_of_series(tmp_path: Path) -> None:
    write_m3ed(tmp_path)
    corpus = recognise(tmp_path)
    assert corpus.table["split"].value_counts().to_dict() == _counts(16, 16, 16)
    assert corpus.table["utterance"].tolist()[:4] == ["one_0_1", "one_0_2", "one_0_3", "one_0_10"]
    assert corpus.table["emotion"].isna().tolist()[:4] == [False, True, False, False]
    assert corpus.table["emotion"].tolist()[0] == "Neutral"


def test_m3ed_without_lists_is_split_by_hash(tmp_path: Path) -> None:
    write_m3ed(tmp_path, lists=False)
    corpus = recognise(tmp_path)
    assert corpus.table.groupby("split")["conversation"].nunique().sum() == 12
    assert any("chosen by the hash" in note for note in corpus.notes)


def test_a_series_of_no_list_is_told(tmp_path: Path) -> None:
    write_m3ed(tmp_path)
    (tmp_path / "movie_list_test.txt").write_text("four\n")
    with pytest.raises(InputError, match="series 'three' is in no list"):
        recognise(tmp_path)


def test_without_features_or_an_encoder_nothing_can_be_trained(tmp_path: Path) -> None:
    write_dialogue_json(tmp_path)
    with pytest.raises(InputError, match="neither features nor text"):
        dataset_of(recognise(tmp_path))
