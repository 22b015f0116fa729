"""The open format: what a folder means, and that writing is the inverse of reading."""

import os
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from safetensors.numpy import save_file

from sslcl.config import TrialConfig
from sslcl.data import load_dataset
from sslcl.data.corpus import Corpus, Task, held_out
from sslcl.data.formats import recognise
from sslcl.data.formats.own.writer import write_corpus
from sslcl.errors import InputError
from sslcl.training import Trainer

from ...writers import open_format as writer


def same(one: Corpus, other: Corpus) -> None:
    """Assert that two corpora are equal in all they hold."""
    assert_frame_equal(one.table, other.table, check_like=True, check_dtype=False)
    assert list(one.features) == list(other.features)
    for name, x in one.features.items():
        assert np.array_equal(x, other.features[name])
        assert other.features[name].dtype == np.float32
    assert list(one.tasks.items()) == list(other.tasks.items())
    told = [(c.name, c.description, c.licence, c.notes) for c in (one, other)]
    assert told[0] == told[1]


def without(column: str) -> tuple[list[str], list[list[str]]]:
    at = writer.HEADER.index(column)
    header = [name for name in writer.HEADER if name != column]
    return header, [row[:at] + row[at + 1 :] for row in writer.rows()]


class TestReading:
    def test_a_folder_made_by_hand(self, tmp_path: Path) -> None:
        corpus = recognise(writer.write_open(tmp_path / "own"))
        assert corpus.name == "ten_talks"
        assert corpus.description == "Ten conversations, made up. Source: the author."
        assert corpus.licence == "CC0"
        assert corpus.tasks == {"label": Task("label", writer.CLASSES)}
        assert corpus.notes == ()
        expected = pd.DataFrame(writer.rows(), columns=writer.HEADER).drop(columns="order")
        assert_frame_equal(corpus.table, expected, check_like=True, check_dtype=False)
        for name, x in writer.features(writer.rows()).items():
            assert np.array_equal(corpus.features[name], x)

    def test_rows_in_any_order_are_put_in_order(self, tmp_path: Path) -> None:
        rows = writer.rows()
        shuffled = np.random.default_rng(1).permutation(len(rows))
        arrays = {name: x[shuffled] for name, x in writer.features(rows).items()}
        table = [rows[i] for i in shuffled]
        corpus = recognise(writer.write_open(tmp_path / "b", table=table, arrays=arrays))
        straight = recognise(writer.write_open(tmp_path / "a"))
        at = {u: i for i, u in enumerate(straight.table["utterance"])}
        places = [at[u] for u in corpus.table["utterance"]]
        assert_frame_equal(
            corpus.table, straight.table.iloc[places].reset_index(drop=True), check_dtype=False
        )
        assert np.array_equal(corpus.features["text"], straight.features["text"][places])
        turns = corpus.table.groupby("conversation")["utterance"].apply(list)
        assert turns["c2"] == [f"c2_{i}" for i in range(5)]

    def test_without_order_the_file_gives_it(self, tmp_path: Path) -> None:
        header, table = without("order")
        first, second = table[:3], table[3:7]
        mixed = [first[0], second[0], first[1], *second[1:], first[2], *table[7:]]
        folder = writer.write_open(tmp_path / "own", header=header, table=mixed, arrays={})
        (folder / "data.yaml").write_text("name: own\nclasses: [joy, anger, neutral]\n")
        found = recognise(folder).table
        assert found["utterance"].tolist()[:7] == [r[-1] for r in (*first, *second)]

    def test_without_utterance_ids_they_are_positions(self, tmp_path: Path) -> None:
        header, table = without("utterance")
        corpus = recognise(writer.write_open(tmp_path / "own", header=header, table=table))
        assert corpus.table["utterance"].tolist()[:7] == ["0", "1", "2", "0", "1", "2", "3"]

    def test_without_a_split_the_hash_of_the_id_decides(self, tmp_path: Path) -> None:
        header, table = without("split")
        corpus = recognise(writer.write_open(tmp_path / "own", header=header, table=table))
        homes = corpus.table.drop_duplicates("conversation").set_index("conversation")["split"]
        assert homes.value_counts().to_dict() == {"train": 7, "test": 2, "validation": 1}
        assert set(homes[homes == "test"].index) == held_out(homes.index, 5)
        assert "no column 'split'" in corpus.notes[0]

    def test_names_that_look_like_missing_values_are_names(self, tmp_path: Path) -> None:
        table = writer.rows()
        for row in table[:3]:
            row[0], row[2], row[3] = "NA", "null", "none"
        card = writer.CARD.replace("[joy,", "['none', joy,")
        shapes = {"text": (len(table), 6), "audio": (len(table), 4)}
        arrays = {name: np.ones(shape, np.float32) for name, shape in shapes.items()}
        corpus = recognise(writer.write_open(tmp_path / "own", card, table=table, arrays=arrays))
        assert list(corpus.table[["conversation", "speaker", "label"]].iloc[0]) == [
            "NA",
            "null",
            "none",
        ]

    def test_an_empty_label_is_context_only(self, tmp_path: Path) -> None:
        table = writer.rows()
        table[1][3] = ""
        folder = writer.write_open(tmp_path / "own", table=table)
        assert recognise(folder).table["label"].isna().tolist()[:3] == [False, True, False]
        assert load_dataset("path", {"path": str(folder)}).train[0].labels.tolist() == [0, -1, 2]

    def test_what_is_not_read_is_noted(self, tmp_path: Path) -> None:
        header = [name.replace("order", "season") for name in writer.HEADER]
        corpus = recognise(writer.write_open(tmp_path / "own", header=header))
        assert corpus.notes == ("columns of utterances.csv that are not read: season",)

    def test_seconds(self, tmp_path: Path) -> None:
        header = [*writer.HEADER, "start", "end"]
        table = [[*row, str(i), ""] for i, row in enumerate(writer.rows())]
        found = recognise(writer.write_open(tmp_path / "own", header=header, table=table)).table
        assert found["start"].tolist()[:2] == [0.0, 1.0]
        assert found["end"].isna().all()


class TestWhereFeaturesAre:
    """Each place gives the same features as one ``.npy``."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return writer.write_open(tmp_path / "own")

    def check(self, folder: Path, place: str) -> None:
        expected = recognise(folder).features["audio"]
        (folder / "audio.npy").rename(folder / "audio.old")
        card = (folder / "data.yaml").read_text().replace("file: audio.npy", place)
        (folder / "data.yaml").write_text(card)
        found = recognise(folder).features["audio"]
        assert np.allclose(found, expected, atol=1e-6)

    @pytest.mark.parametrize("key", ["utterance", "conversation"])
    @pytest.mark.parametrize("kind", ["npz", "safetensors"])
    def test_arrays_by_id(self, folder: Path, key: str, kind: str) -> None:
        corpus = recognise(folder)
        x = corpus.features["audio"]
        parts = {
            str(name): x[rows] if key == "conversation" else x[rows[0]]
            for name, rows in corpus.table.groupby(key).indices.items()
        }
        if kind == "npz":
            np.savez(folder / "a.npz", allow_pickle=False, **parts)
        else:
            save_file(parts, folder / "a.safetensors")
        self.check(folder, f"file: a.{kind}")

    def test_one_array_of_the_modalitys_name(self, folder: Path) -> None:
        save_file({"audio": recognise(folder).features["audio"]}, folder / "a.safetensors")
        self.check(folder, "file: a.safetensors")

    @pytest.mark.parametrize("place", ["columns: mfcc_", "columns: [mfcc_0, mfcc_1, mfcc_2, f0]"])
    @pytest.mark.parametrize("kind", ["csv", "parquet"])
    def test_columns(self, folder: Path, place: str, kind: str) -> None:
        table = pd.read_csv(folder / "utterances.csv")
        last = "f0" if "f0" in place else "mfcc_3"
        x = recognise(folder).features["audio"]
        for at, name in enumerate(["mfcc_0", "mfcc_1", "mfcc_2", last]):
            table[name] = x[:, at]
        (folder / "utterances.csv").unlink()
        if kind == "csv":
            table.to_csv(folder / "utterances.csv", index=False)
        else:
            table.to_parquet(folder / "utterances.parquet")
        self.check(folder, place)


def test_parquet_says_the_same_as_csv(tmp_path: Path) -> None:
    folder = writer.write_open(tmp_path / "own")
    corpus = recognise(folder)
    pd.read_csv(folder / "utterances.csv").to_parquet(folder / "utterances.parquet")
    (folder / "utterances.csv").unlink()
    same(recognise(folder), corpus)


def test_ten_conversations_made_by_hand_train(tmp_path: Path) -> None:
    folder = writer.write_open(tmp_path / "own")
    dataset = load_dataset("path", {"path": str(folder)})
    assert [len(s) for s in (dataset.train, dataset.validation, dataset.test or ())] == [6, 2, 2]
    assert dataset.modalities == {"text": 6, "audio": 4}
    assert dataset.label_names == writer.CLASSES
    torch.set_num_threads(1)
    trainer = Trainer(TrialConfig(dataset="path", epochs=2, batch_size=3, hidden_size=8), dataset)
    losses = [trainer.fit_epoch()["train_loss"] for _ in range(2)]
    assert all(np.isfinite(losses))
    assert trainer.finished


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    folder = writer.write_open(tmp_path / "own")
    before = load_dataset("path", {"path": str(folder)}).fingerprint
    x = np.load(folder / "audio.npy")
    np.save(folder / "audio.npy", x + 1)
    os.utime(folder / "audio.npy", (0, 0))
    assert load_dataset("path", {"path": str(folder)}).fingerprint != before


C1 = "".join(map(chr, range(0x80, 0xA0)))
LETTERS = st.characters(codec="utf-8", exclude_characters=C1)
"""All of Unicode that UTF-8 can hold, with line ends, quotes and control characters, but for the
control characters that are mended on reading."""
WORD = st.text(LETTERS, min_size=1, max_size=6)
SECONDS = st.one_of(st.just(float("nan")), st.floats(0, 1e6))


@st.composite
def corpora(draw: st.DrawFn) -> Corpus:
    tasks = {
        name: Task(
            f"task {number}", tuple(draw(st.lists(WORD, min_size=2, max_size=4, unique=True)))
        )
        for number, name in enumerate(draw(st.lists(WORD, min_size=1, max_size=3, unique=True)))
    }
    rows = []
    for conversation in draw(st.lists(WORD, min_size=1, max_size=4, unique=True)):
        split = draw(st.sampled_from(["train", "validation", "test"]))
        for utterance in draw(st.lists(WORD, min_size=1, max_size=3, unique=True)):
            labels = {t.column: draw(st.sampled_from([None, *t.classes])) for t in tasks.values()}
            text, start = draw(st.text(LETTERS, max_size=9)), draw(SECONDS)
            row = [conversation, utterance, draw(WORD), split, text, start]
            rows.append([*row, *labels.values()])
    header = ["conversation", "utterance", "speaker", "split", "text", "start"]
    columns = [t.column for t in tasks.values()]
    table = pd.DataFrame(rows, columns=[*header, *columns]).astype(dict.fromkeys(columns, "str"))
    rng = np.random.default_rng(draw(st.integers(0, 9)))
    features = {
        name: rng.normal(size=(len(rows), width)).astype(np.float32)
        for name, width in draw(
            st.dictionaries(st.sampled_from(["text", "audio", "a-1"]), st.integers(1, 4))
        ).items()
    }
    told = draw(st.text(LETTERS, max_size=12))
    return Corpus("own.1", table, features, tasks, told, told, tuple(draw(st.lists(WORD))))


class TestWriting:
    @given(corpus=corpora())
    @settings(max_examples=60)
    def test_reading_gives_back_what_was_written(self, corpus: Corpus) -> None:
        with tempfile.TemporaryDirectory() as folder:
            write_corpus(corpus, Path(folder) / "own")
            same(recognise(Path(folder) / "own"), corpus)
            assert [p.name for p in Path(folder).iterdir()] == ["own"]

    def test_a_folder_with_something_in_it_is_left_alone(self, tmp_path: Path) -> None:
        corpus = recognise(writer.write_open(tmp_path / "own"))
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "mine.txt").write_text("mine")
        with pytest.raises(InputError, match="is there already"):
            write_corpus(corpus, tmp_path / "full")
        assert [p.name for p in (tmp_path / "full").iterdir()] == ["mine.txt"]

    def test_an_empty_folder_will_do(self, tmp_path: Path) -> None:
        corpus = recognise(writer.write_open(tmp_path / "own"))
        (tmp_path / "empty").mkdir()
        write_corpus(corpus, tmp_path / "empty")
        same(recognise(tmp_path / "empty"), corpus)

    @pytest.mark.parametrize("modality", ["audio", "../audio"])
    def test_what_does_not_fit_leaves_nothing(self, tmp_path: Path, modality: str) -> None:
        corpus = recognise(writer.write_open(tmp_path / "own"))
        x = np.full((len(corpus.table), 2), np.nan if modality == "audio" else 1.0, np.float32)
        with pytest.raises(InputError, match="does not fit the open format") as raised:
            write_corpus(replace(corpus, features={modality: x}), tmp_path / "new")
        assert "\n" not in str(raised.value)
        assert ".part" not in str(raised.value)
        assert [p.name for p in tmp_path.iterdir()] == ["own"]
