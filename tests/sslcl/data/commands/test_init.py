"""``python -m sslcl.data init``: a card with reasons, with which the table can be read."""

import json
from pathlib import Path

import pandas as pd
import pytest

from sslcl.command import run
from sslcl.data.commands.init import main
from sslcl.data.formats import recognise

from ..writers import open_format as writer

NAMES = {
    "conversation": "Dialogue_ID",
    "speaker": "Speaker",
    "label": "Emotion",
    "text": "Utterance",
    "order": "Turn",
}


def table() -> pd.DataFrame:
    frame = pd.DataFrame(writer.rows(), columns=writer.HEADER).drop(columns="utterance")
    frame = frame.rename(columns=NAMES)
    for number in range(3):
        frame[f"mfcc_{number}"] = [0.5 * row + number for row in range(len(frame))]
    frame.loc[3, "Emotion"] = "NA"
    return frame


def write(path: Path) -> Path:
    frame = table()
    if path.suffix == ".csv":
        frame.to_csv(path, index=False, sep=";", decimal=",")
    elif path.suffix == ".xlsx":
        pytest.importorskip("openpyxl", reason="XLSX needs openpyxl")
        frame.to_excel(path, index=False)
    elif path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        records = frame.to_dict("records")
        lines = [json.dumps(record) for record in records]
        path.write_text("\n".join(lines) if path.suffix == ".jsonl" else json.dumps(records))
    return path


@pytest.mark.parametrize("kind", ["csv", "xlsx", "parquet", "json", "jsonl"])
def test_the_table_can_be_read_with_the_card(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / f"mine.{kind}")
    assert run(main, [str(path)]) == 0
    told = capsys.readouterr().out
    assert "because: 'Utterance' is the text, by its name" in told
    assert "because: NA in 'Emotion' is taken for no label" in told
    assert "to do" not in told
    corpus = recognise(tmp_path)
    assert corpus.tasks["emotion"].classes == tuple(sorted(writer.CLASSES))
    assert corpus.table["text"].tolist() == table()["Utterance"].tolist()
    assert corpus.table["Emotion"].isna().sum() == 1
    assert corpus.features["mfcc"].shape == (len(table()), 3)
    assert corpus.features["mfcc"][1].tolist() == [0.5, 1.5, 2.5]


def test_what_is_missing_is_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_text("id,colour\n1,red\n2,blue\n")
    assert run(main, [str(tmp_path / "a.csv")]) == 0
    told = capsys.readouterr().out
    assert told.count("to do: no column is called as") == 3
    assert "not read: id, colour" in told


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("data.yaml", "expected a file that ends in"),
        ("none.csv", "is missing"),
        ("", "holds no table"),
    ],
)
def test_no_table(
    tmp_path: Path, name: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(main, [str(tmp_path / name)]) == 2
    assert words in capsys.readouterr().err


def test_a_folder_with_a_file_for_each_split(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pd.DataFrame(writer.rows(), columns=writer.HEADER)
    for split, name in (("train", "Train"), ("validation", "dev"), ("test", "test")):
        part = frame[frame["split"] == split].drop(columns="split")
        part.assign(label="only here" if split == "test" else part["label"]).to_csv(
            tmp_path / f"{name}.csv", index=False
        )
    assert run(main, [str(tmp_path)]) == 0
    assert "to do" not in capsys.readouterr().out
    corpus = recognise(tmp_path)
    assert corpus.tasks["label"].classes == ("anger", "joy", "neutral", "only here")
    assert corpus.table["split"].tolist() == frame["split"].tolist()


def test_tables_that_are_no_splits_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.csv", "b.csv"):
        write(tmp_path / name)
    assert run(main, [str(tmp_path)]) == 2
    assert "holds a.csv, b.csv: expected one table" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["joy", "Joy", "joy", "anger"], "because: Joy, joy are one class: they differ in case"),
        (["joy,anger", "joy|fear"], "seem to hold several classes"),
        (["joy"], "to do: all cells of 'emotion' are 'joy': expected two classes"),
    ],
)
def test_doubtful_labels_are_told(
    tmp_path: Path, labels: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pd.DataFrame({"conversation": range(12), "speaker": "a", "text": "well, well"})
    frame["emotion"] = [labels[row % len(labels)] for row in range(12)]
    frame.to_csv(tmp_path / "mine.csv", index=False)
    assert run(main, [str(tmp_path / "mine.csv")]) == 0
    assert words in capsys.readouterr().out


def test_a_table_without_a_header(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = pd.DataFrame(writer.rows())
    frame.to_csv(tmp_path / "mine.csv", index=False, header=False)
    assert run(main, [str(tmp_path / "mine.csv")]) == 0
    assert "is the first row a header?" in capsys.readouterr().out


def test_a_card_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "mine.csv")
    (tmp_path / "data.yaml").write_text("mine")
    assert run(main, [str(path)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert (tmp_path / "data.yaml").read_text() == "mine"
