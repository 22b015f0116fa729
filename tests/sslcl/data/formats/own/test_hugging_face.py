"""Hugging Face folders: rows that are utterances or conversations, in Arrow and in Parquet."""

from pathlib import Path
from typing import Any

import pytest

from sslcl.data.formats import format_of, recognise
from sslcl.data.reading.path_contents import PathContents
from sslcl.errors import InputError

from ...writers import hub

SPLITS = ("train", "validation", "test")
FEATURES = {
    "Dialogue_ID": hub.TEXT,
    "Utterance": hub.TEXT,
    "Emotion": hub.labels("calm", "upset"),
    "Speaker": hub.TEXT,
}
DIALOG_FEATURES = {
    "dialog": hub.sequence(hub.TEXT),
    "act": hub.sequence(hub.labels("inform", "question")),
    "emotion": hub.sequence(hub.labels("no emotion", "anger")),
}


def utterances(split: str) -> list[dict[str, Any]]:
    return [
        {
            "Dialogue_ID": f"{split}{number // 2}",
            "Utterance": f"Well, number {number}.",
            "Emotion": (0, 1, -1)[number % 3],
            "Speaker": ("Ann", "Bob")[number % 2],
        }
        for number in range(6)
    ]


def dialogs() -> list[dict[str, Any]]:
    return [
        {"dialog": ["Shall I pour?", "Please do."], "act": [1, 0], "emotion": [0, 0]},
        {"dialog": ["You spilt it again!"], "act": [0], "emotion": [1]},
    ]


@pytest.mark.parametrize("layout", ["arrow", "parquet"])
def test_rows_that_are_utterances(tmp_path: Path, layout: str) -> None:
    splits = {split: utterances(split) for split in SPLITS}
    if layout == "arrow":
        hub.write_arrow(tmp_path, splits, FEATURES, shards=2)
    else:
        hub.write_parquet(tmp_path, splits, FEATURES)
    assert format_of(PathContents(tmp_path)).name == "hugging_face"
    corpus = recognise(tmp_path)
    assert corpus.licence == ("cc-by-4.0" if layout == "arrow" else "cc0-1.0")
    assert corpus.task("emotion").classes == ("calm", "upset")
    train = corpus.table[corpus.table["split"] == "train"]
    assert train["text"].tolist() == [f"Well, number {number}." for number in range(6)]
    assert train["Emotion"].tolist()[:2] == ["calm", "upset"]
    assert train["Emotion"].isna().tolist() == [False, False, True] * 2
    assert train["speaker"].tolist() == ["Ann", "Bob"] * 3


def test_vectors_are_no_turns(tmp_path: Path) -> None:
    splits = {s: [{**row, "audio": [0.5, 0.25]} for row in utterances(s)] for s in SPLITS}
    hub.write_arrow(tmp_path, splits, FEATURES)
    corpus = recognise(tmp_path)
    assert len(corpus.table) == 18
    assert any("not read: audio" in note for note in corpus.notes)


@pytest.mark.parametrize("layout", ["arrow", "parquet"])
def test_rows_that_are_conversations(tmp_path: Path, layout: str) -> None:
    splits = {split: dialogs() for split in SPLITS}
    write = hub.write_arrow if layout == "arrow" else hub.write_parquet
    write(tmp_path, splits, DIALOG_FEATURES)
    corpus = recognise(tmp_path)
    assert list(corpus.tasks) == ["emotion", "act"]
    assert corpus.table["conversation"].nunique() == 6
    train = corpus.table[corpus.table["split"] == "train"]
    assert train["text"].tolist() == ["Shall I pour?", "Please do.", "You spilt it again!"]
    assert train["emotion"].tolist() == ["no emotion", "no emotion", "anger"]
    assert train["act"].tolist() == ["question", "inform", "inform"]
    assert any("speakers are not known" in note for note in corpus.notes)


def test_turns_that_are_objects(tmp_path: Path) -> None:
    turns = [
        {"speaker": "Ann", "utterance": "Shall I pour?", "emotion": "calm"},
        {"speaker": "Bob", "utterance": "Oh no, not again!", "emotion": "upset"},
    ]
    hub.write_parquet(tmp_path, {split: [{"id": 7, "turns": turns}] * 2 for split in SPLITS}, {})
    corpus = recognise(tmp_path)
    assert corpus.task().classes == ("calm", "upset")
    assert corpus.table["speaker"].tolist()[:2] == ["Ann", "Bob"]
    assert corpus.table["conversation"].nunique() == 6


def test_a_card_says_what_the_names_do_not(tmp_path: Path) -> None:
    rows = [{"talk": "a", "who": "Ann", "said": "Shall I pour?", "mood": "calm"}] * 2
    rows += [{"talk": "b", "who": "Bob", "said": "Oh no!", "mood": "upset"}]
    hub.write_parquet(tmp_path, dict.fromkeys(SPLITS, rows), {})
    with pytest.raises(InputError, match="no column of classes among talk, who, said, mood"):
        recognise(tmp_path)
    (tmp_path / "data.yaml").write_text(
        "name: tea\ncolumns: {conversation: talk, speaker: who, text: said}\n"
        "tasks: {mood: {classes: [calm, upset]}}\n"
    )
    corpus = recognise(tmp_path)
    assert corpus.name == "tea"
    assert corpus.table["split"].value_counts().to_dict() == dict.fromkeys(SPLITS, 3)


@pytest.mark.parametrize("layout", ["arrow", "parquet"])
def test_a_shard_that_was_cut_off_is_named(tmp_path: Path, layout: str) -> None:
    write = hub.write_arrow if layout == "arrow" else hub.write_parquet
    write(tmp_path, {split: utterances(split) for split in SPLITS}, FEATURES)
    shard = next(path for path in sorted(tmp_path.rglob(f"*.{layout}")) if "train" in str(path))
    shard.write_bytes(shard.read_bytes()[:-300])
    with pytest.raises(InputError, match=r"is not a complete (Arrow|Parquet) file"):
        recognise(tmp_path)
