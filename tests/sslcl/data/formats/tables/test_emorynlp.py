"""EmoryNLP's CSV files: what is written is read, and what is said of damaged ones."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sslcl.data import load_dataset
from sslcl.data.corpus import dataset_of
from sslcl.data.formats import recognise
from sslcl.data.formats.tables.emorynlp_csv import COUNTS, PUBLISHED, SENTIMENT_OF, first_speaker
from sslcl.data.loading.checks import check_dataset
from sslcl.errors import InputError

from ...writers import emorynlp_csv


def test_classes_are_in_the_order_of_their_published_ids(tmp_path: Path) -> None:
    emorynlp_csv.write(tmp_path)
    tasks = recognise(tmp_path).tasks
    assert tasks["emotion"].classes == (
        "Joyful",
        "Mad",
        "Peaceful",
        "Neutral",
        "Sad",
        "Powerful",
        "Scared",
    )
    assert tasks["sentiment"].classes == ("negative", "neutral", "positive")
    published = {1: 0, 4: 0, 6: 0, 3: 1, 0: 2, 2: 2, 5: 2}
    for emotion, sentiment in published.items():
        name = tasks["emotion"].classes[emotion]
        assert SENTIMENT_OF[name] == tasks["sentiment"].classes[sentiment]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "some scenes"
    folder.mkdir()
    written = emorynlp_csv.write(folder, {"train": 9, "validation": 3, "test": 4})
    corpus = recognise(folder)
    # Neither a size nor a text is EmoryNLP's: the layout gives no licence.
    assert (corpus.name, corpus.licence) == ("some_scenes", "")
    for split, rows in written.items():
        table = corpus.table[corpus.table["split"] == split]
        assert table["text"].tolist() == [row["Utterance"] for row in rows]
        assert table["emotion"].tolist() == [row["Emotion"] for row in rows]
        assert table["sentiment"].tolist() == [SENTIMENT_OF[row["Emotion"]] for row in rows]
        assert table["utterance"].tolist() == [
            f"sea{r['Season']}_ep{r['Episode']}_sc{r['Scene_ID']}_utt{r['Utterance_ID']}"
            for r in rows
        ]
        hours, minutes, seconds = rows[0]["End_Time"].split(":")
        expected = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        assert table["end"].iloc[0] == pytest.approx(expected)
    for task in ("emotion", "sentiment"):
        check_dataset(dataset_of(corpus, task))
    assert np.isfinite(corpus.features["timing"]).all()
    notes = "\n".join(corpus.notes)
    assert "kept as gaps" in notes
    everyone = [row["Speaker"] for rows in written.values() for row in rows]
    several = sum("," in names for names in everyone)
    assert f"{several} utterances have several speakers; the first one listed counts" in notes


def test_the_first_speaker_counts(tmp_path: Path) -> None:
    emorynlp_csv.write(tmp_path)
    speakers = set(recognise(tmp_path).table["speaker"])
    assert speakers == {"Ross Geller", "Monica Geller", "Chandler's Dad"}


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "[]",
        "Ross Geller",
        "['Ross",
        "[1]",
        "['']",
        "('Ross',)",
        "{'Ross': 1}",
        "__import__('os').getcwd()",
        "[open('x')]",
        "[" * 400,
        "['a'" + ", 'a'" * 200 + "]",
        "['a\0']" + "\0",
    ],
)
def test_what_is_no_list_of_names_is_none(cell: str) -> None:
    assert first_speaker(cell) is None


def test_published_sizes_and_counts_agree() -> None:
    assert {split: sum(counts) for split, counts in COUNTS.items()} == {
        split: size.utterances for split, size in PUBLISHED.items()
    }


def change(folder: Path, **cells: str) -> None:
    path = folder / emorynlp_csv.FILES["train"]
    rows = emorynlp_csv.rows(4, season=1)
    rows[1].update(cells)
    emorynlp_csv.write_file(path, rows)


def without(column: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        header = [name for name in emorynlp_csv.HEADER if name != column]
        path = folder / emorynlp_csv.FILES["train"]
        emorynlp_csv.write_file(path, emorynlp_csv.rows(4, season=1), header)

    return damage


def scene_in_two_splits(folder: Path) -> None:
    path = folder / emorynlp_csv.FILES["test"]
    emorynlp_csv.write_file(path, emorynlp_csv.rows(1, season=1))


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "speaker": (lambda f: change(f, Speaker="Ross"), "such as ['Monica Geller']"),
    "emotion": (lambda f: change(f, Emotion="joyful"), "did you mean 'Joyful'?"),
    "time": (lambda f: change(f, Start_Time="1.5"), "column 'Start_Time': is '1.5'"),
    "scene": (lambda f: change(f, Scene_ID="x"), "column 'Scene_ID': is 'x'"),
    "no season": (without("Season"), "has no column 'Season'"),
    "no times": (without("End_Time"), "did you mean 'Start_Time'?"),
    "scene in two splits": (scene_in_two_splits, "'sea1_ep15_sc1'"),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_damage_is_told_in_one_line(tmp_path: Path, case: str) -> None:
    damage, words = DAMAGES[case]
    emorynlp_csv.write(tmp_path)
    damage(tmp_path)
    with pytest.raises(InputError) as raised:
        dataset_of(recognise(tmp_path))
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_blank_times_are_estimated(tmp_path: Path) -> None:
    emorynlp_csv.write(tmp_path)
    change(tmp_path, Start_Time="", End_Time="")
    corpus = recognise(tmp_path)
    assert "timing: 1 times are missing; estimated from the text" in corpus.notes
    assert np.isfinite(corpus.features["timing"]).all()


def test_columns_may_be_called_as_documented(tmp_path: Path) -> None:
    emorynlp_csv.write(tmp_path)
    before = recognise(tmp_path).table
    for name in emorynlp_csv.FILES.values():
        text = (tmp_path / name).read_text(encoding="utf-8")
        renamed = text.replace("Start_Time", "StartTime").replace("End_Time", "EndTime")
        (tmp_path / name).write_text(renamed, encoding="utf-8")
    assert recognise(tmp_path).table.equals(before)


def test_the_named_dataset_finds_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSLCL_CACHE", str(tmp_path / "cache"))
    emorynlp_csv.write(tmp_path / "emorynlp")
    dataset = load_dataset("emorynlp", {"encoder": "none"}, data_dir=tmp_path)
    assert len(dataset.label_names) == 7
    assert dataset.modalities == {"timing": 10}
