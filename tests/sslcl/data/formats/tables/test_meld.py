"""MELD's CSV files: what the release holds, and what is said of files that do not hold it."""

import csv
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sslcl.data import load_dataset
from sslcl.data.corpus import Corpus, dataset_of
from sslcl.data.formats import recognise
from sslcl.data.formats.tables.meld_csv import EMOTIONS, SENTIMENTS
from sslcl.data.loading.checks import check_dataset
from sslcl.data.reading.notes import count_notes
from sslcl.data.types import PAD_LABEL
from sslcl.errors import InputError

from ...writers import meld_csv

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
        assert "as published" not in notes
        assert "31 utterances start before the one before them" in notes

    def test_two_digits_are_a_fraction(self, release: Corpus) -> None:
        row = release.table.set_index("utterance").loc["train_0437_02"]
        assert row["end"] == 407.28

    def test_timing_is_finite(self, release: Corpus) -> None:
        timing = release.features["timing"]
        assert timing.shape == (13708, 10)
        assert np.isfinite(timing).all()


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder with three little files in the layout."""
    meld_csv.write(tmp_path)
    return tmp_path


def notes_of(folder: Path) -> str:
    return "\n".join(recognise(folder).notes)


class TestSmallFiles:
    def test_what_is_written_is_read(self, tmp_path: Path) -> None:
        written = meld_csv.write(tmp_path, {"train": 12, "validation": 3, "test": 5})
        corpus = recognise(tmp_path)
        for split, rows in written.items():
            table = corpus.table[corpus.table["split"] == split]
            for column, name in (
                ("text", "Utterance"),
                ("speaker", "Speaker"),
                ("emotion", "Emotion"),
                ("sentiment", "Sentiment"),
            ):
                assert table[column].tolist() == [row[name] for row in rows]
            assert [meld_csv.clock(x) for x in table["start"]] == [r["StartTime"] for r in rows]
            assert [meld_csv.clock(x) for x in table["end"]] == [r["EndTime"] for r in rows]
            prefix = "dev" if split == "validation" else split
            assert table["utterance"].tolist() == [
                f"{prefix}_{int(row['Dialogue_ID']):04}_{int(row['Utterance_ID']):02}"
                for row in rows
            ]
        dataset = dataset_of(corpus)
        check_dataset(dataset)
        assert (len(dataset.train), len(dataset.validation)) == (12, 3)
        assert dataset.test is not None
        assert len(dataset.test) == 5

    def test_names_of_files_tell_the_split_only_where_sizes_do_not(self, small: Path) -> None:
        corpus = recognise(small)
        assert set(corpus.table["split"]) == {"train", "validation", "test"}
        assert "as published" not in "\n".join(corpus.notes)

    def test_a_published_size_is_believed_before_a_name(self, data_dir: Path, small: Path) -> None:
        source = data_dir / "meld"
        if not source.is_dir():
            pytest.skip(f"no folder meld in {data_dir}")
        for name, other in (("train", "a"), ("dev", "test"), ("test", "dev")):
            shutil.copy(source / f"{name}_sent_emo.csv", small / f"{other}_sent_emo.csv")
        (small / "train_sent_emo.csv").unlink()
        corpus = recognise(small)
        assert corpus.counts() == EMOTION_COUNTS
        notes = "\n".join(corpus.notes)
        assert "dev_sent_emo.csv holds the test split, by its size" in notes
        assert "by its name" not in notes

    def test_order_of_rows_and_columns_does_not_matter(self, small: Path) -> None:
        before = recognise(small)
        path = small / meld_csv.FILES["train"]
        rows = read_rows(path)
        meld_csv.write_file(path, rows[::-1], header=meld_csv.HEADER[::-1])
        after = recognise(small)
        pd.testing.assert_frame_equal(after.table, before.table)
        assert np.array_equal(after.features["timing"], before.features["timing"])

    def test_three_forms_of_a_time(self, small: Path) -> None:
        change(small, 0, StartTime="0:01:02,345", EndTime="00:01:04,28")
        change(small, 1, StartTime="1:00:00.5555", EndTime="")
        with pytest.raises(InputError, match=r"row 3, column 'StartTime': is '1:00:00.5555'"):
            recognise(small)
        change(small, 1, StartTime="1:00:00.500", EndTime="nan")
        table = recognise(small).table
        assert (table["start"][0], table["end"][0]) == (62.345, 64.28)
        assert table["start"][1] == 3600.5
        assert math.isnan(table["end"][1])
        assert "1 times have two digits after the second" in notes_of(small)
        assert "timing: 1 times are missing; estimated from the text" in notes_of(small)

    def test_a_byte_order_mark_is_passed_over(self, small: Path) -> None:
        path = small / meld_csv.FILES["train"]
        before = recognise(small).counts()
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
        assert recognise(small).counts() == before

    def test_a_blank_label_is_context_only(self, small: Path) -> None:
        change(small, 0, Emotion="")
        assert "1 utterances have no emotion; context only" in notes_of(small)
        first = dataset_of(recognise(small)).train[0]
        assert first.labels[0] == PAD_LABEL

    def test_the_dyadic_subset_is_told_apart(self, small: Path) -> None:
        header = (*meld_csv.HEADER[1:], "Old_Dialogue_ID", "Old_Utterance_ID")
        rows = [{**row, "Old_Dialogue_ID": "7"} for row in meld_csv.rows(2)]
        meld_csv.write_file(small / "dyadic" / "train_sent_emo_dya.csv", rows, header)
        assert len(recognise(small).table) > len(rows)
        assert len(recognise(small / "dyadic").table) == len(rows)

    def test_the_named_dataset_finds_its_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSLCL_CACHE", str(tmp_path / "cache"))
        meld_csv.write(tmp_path / "meld")
        for task, classes in (("emotion", EMOTIONS), ("sentiment", SENTIMENTS)):
            options = {"task": task, "encoder": "none"}
            dataset = load_dataset("meld", options, data_dir=tmp_path)
            assert dataset.label_names == classes
            assert dataset.modalities == {"timing": 10}


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def change(folder: Path, row: int, **cells: str) -> None:
    """Write other cells into a row of the training file."""
    path = folder / meld_csv.FILES["train"]
    rows = read_rows(path)
    rows[row].update(cells)
    meld_csv.write_file(path, rows)


def cell(**cells: str) -> Callable[[Path], None]:
    return lambda folder: change(folder, 1, **cells)


def edit(of: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / meld_csv.FILES["train"]
        path.write_bytes(of(path.read_bytes()))

    return damage


def headed(change_name: Callable[[str], str | None]) -> Callable[[Path], None]:
    """Rename or leave out columns."""

    def damage(folder: Path) -> None:
        path = folder / meld_csv.FILES["train"]
        rows = read_rows(path)
        header = {name: change_name(name) for name in meld_csv.HEADER}
        renamed = [{new: row[old] for old, new in header.items() if new} for row in rows]
        meld_csv.write_file(path, renamed, [new for new in header.values() if new])

    return damage


def swapped(one: str, other: str) -> Callable[[Path], None]:
    return headed(lambda name: {one: other, other: one}.get(name, name))


def without(column: str) -> Callable[[Path], None]:
    return headed(lambda name: None if name == column else name)


def second_training_file(folder: Path) -> None:
    shutil.copy(folder / meld_csv.FILES["train"], folder / "train2.csv")


def nameless(folder: Path) -> None:
    (folder / meld_csv.FILES["train"]).rename(folder / "a.csv")


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "no such emotion": (cell(Emotion="angry"), "row 3: did you mean 'anger'?"),
    "label on two lines": (cell(Emotion="an\nger"), "did you mean 'anger'?"),
    "no such sentiment": (cell(Sentiment="good"), "unknown sentiment 'good'"),
    "time": (cell(StartTime="half past"), "column 'StartTime': is 'half past'"),
    "minutes": (cell(EndTime="00:75:10,000"), "expected a time such as 00:20:57,256"),
    "dialogue": (cell(Dialogue_ID="1.0"), "row 3, column 'Dialogue_ID': is '1.0'"),
    "negative": (cell(Utterance_ID="-1"), "expected a whole number"),
    "blank number": (cell(Utterance_ID=""), "column 'Utterance_ID': is ''"),
    "long number": (cell(Utterance_ID="9" * 40), "expected a whole number"),
    "other digits": (cell(Utterance_ID="٣"), "expected a whole number"),
    "number twice": (cell(Dialogue_ID="0", Utterance_ID="0"), "once in a dialogue"),
    "no speaker": (cell(Speaker=" "), "column 'Speaker': is '', expected a speaker's name"),
    "label columns swapped": (swapped("Emotion", "Sentiment"), "unknown emotion"),
    "words and labels swapped": (swapped("Utterance", "Emotion"), "unknown emotion"),
    "times swapped": (swapped("StartTime", "EndTime"), "utterances end before they start"),
    "words and numbers swapped": (swapped("Utterance", "Utterance_ID"), "'Utterance_ID': is"),
    "column twice": (headed(lambda n: "Episode" if n == "Season" else n), "'Episode' twice"),
    "header only": (edit(lambda raw: raw.splitlines(keepends=True)[0]), "has a header only"),
    "not UTF-8": (edit(lambda raw: raw + b"\x81\x00\xff"), "is not UTF-8"),
    "cut in a row": (edit(lambda raw: raw[:-20]), "is not a complete CSV file"),
    "cell too many": (edit(lambda raw: raw + b'"1","2"\r\n'), "has 2 cells, expected 11"),
    "two training files": (second_training_file, "both hold the train split"),
    "name tells nothing": (nameless, "the size of no published split"),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_damage_is_told_in_one_line(tmp_path: Path, case: str) -> None:
    damage, words = DAMAGES[case]
    meld_csv.write(tmp_path, {"train": 9, "validation": 2, "test": 2})
    damage(tmp_path)
    with pytest.raises(InputError) as raised:
        recognise(tmp_path)
    message = str(raised.value)
    assert words in message
    assert ".csv" in message
    assert "\n" not in message


def test_other_class_counts_at_the_published_size_are_told(small: Path) -> None:
    corpus = recognise(small)
    found = corpus.counts()["test"]
    assert list(count_notes(corpus.table, corpus.task(), {"test": found})) == []
    other = [found[0] + 1, found[1] - 1, *found[2:]]
    (note,) = count_notes(corpus.table, corpus.task(), {"test": other})
    assert note == f"test: emotion counts are {found}, as published {other}"
    larger = [found[0] + 1, *found[1:]]
    assert list(count_notes(corpus.table, corpus.task(), {"test": larger})) == []


def test_a_missing_file_leaves_a_note(small: Path) -> None:
    (small / meld_csv.FILES["test"]).unlink()
    assert "there is no file of the test split" in notes_of(small)


def test_a_folder_of_something_else_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "train_sent_emo.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"no known format; found train_sent_emo\.csv"):
        recognise(tmp_path)


@settings(max_examples=50)
@given(data=st.data())
def test_any_damage_to_bytes_gives_a_line_or_a_valid_corpus(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("meld")
    meld_csv.write(folder, {"train": 2, "validation": 1, "test": 1})
    path = folder / meld_csv.FILES["train"]
    raw = bytearray(path.read_bytes())
    cut = data.draw(st.integers(0, len(raw)), label="cut at")
    written = data.draw(st.lists(st.tuples(st.integers(0, len(raw) - 1), st.binary(max_size=3))))
    for place, replacement in written:
        raw[place : place + len(replacement)] = replacement
    path.write_bytes(raw[:cut])
    said, corpus = told(folder)
    if corpus is None:
        assert len(said.splitlines()) == 1
    else:
        assert np.isfinite(corpus.features["timing"]).all()
        assert not corpus.licence, "so few utterances are not MELD"


def told(folder: Path) -> tuple[str, Corpus | None]:
    """The corpus, as good as its dataset, or what is said against it."""
    try:
        corpus = recognise(folder)
        check_dataset(dataset_of(corpus))
    except InputError as error:
        return str(error), None
    return "", corpus


class TestAsItCirculates:
    def test_a_missing_label_set_is_a_missing_task(self, small: Path) -> None:
        without("Sentiment")(small)
        corpus = recognise(small)
        assert list(corpus.tasks) == ["emotion"]
        assert "no column 'Sentiment' in every file: left out" in corpus.notes

    def test_without_times_there_is_no_timing(self, small: Path) -> None:
        without("EndTime")(small)
        corpus = recognise(small)
        assert "timing" not in corpus.features
        assert "start" not in corpus.table

    def test_the_layout_alone_has_neither_name_nor_licence(self, small: Path) -> None:
        folder = small.rename(small.parent / "Tea Talks")
        corpus = recognise(folder)
        assert (corpus.name, corpus.licence) == ("tea_talks", "")

    def test_own_classes_and_spreadsheet_times(self, tmp_path: Path) -> None:
        own = {name: f"own {at % 3}" for at, name in enumerate(EMOTIONS)}
        for split, file in meld_csv.FILES.items():
            rows = [{**row, "Emotion": own[row["Emotion"]]} for row in meld_csv.rows(9)]
            meld_csv.write_file(
                tmp_path / file, [{**r, "StartTime": "09:34.9", "EndTime": "09:36"} for r in rows]
            )
            assert split
        corpus = recognise(tmp_path)
        assert corpus.task("emotion").classes == ("own 0", "own 1", "own 2")
        assert set(corpus.table["start"]) == {574.9}

    @pytest.mark.parametrize("separator", [",", ";", "\t"])
    def test_blank_headers_trailing_columns_and_empty_rows(
        self, small: Path, tmp_path: Path, separator: str
    ) -> None:
        expected = recognise(small).table
        for file in meld_csv.FILES.values():
            lines = [
                separator.join(f'"{cell}"' for cell in (*row, "", ""))
                for row in csv.reader((small / file).open(encoding="utf-8", newline=""))
            ]
            (small / file).write_text("\n".join([*lines, separator * 12, ""]), encoding="utf-8-sig")
        assert recognise(small).table.equals(expected)

    @pytest.mark.parametrize(
        ("folder", "name", "counts"),
        [
            ("meld_official_a36f437", "meld", {"train": 9989, "validation": 1109, "test": 2610}),
            ("meld_csv_dhriti", "meld", {"train": 9989, "test": 2610}),
            ("dd_csv_glp", "dd_csv_glp", {"train": 216, "validation": 37, "test": 38}),
        ],
    )
    def test_published_files(
        self, data_dir: Path, folder: str, name: str, counts: dict[str, int]
    ) -> None:
        place = data_dir / "published" / folder
        if not place.is_dir():
            pytest.skip(f"no folder {place}")
        corpus = recognise(place)
        assert corpus.name == name
        assert bool(corpus.licence) == (name == "meld")
        assert corpus.table["split"].value_counts().to_dict() == counts
