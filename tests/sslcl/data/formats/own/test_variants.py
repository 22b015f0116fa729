"""A researcher's own table in its usual variants: read, or refused in a line that helps."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest

from sslcl.data.formats import recognise
from sslcl.errors import InputError

from ...writers import open_format as writer

CARD = "name: own\nclasses: [joy, anger, neutral]\n"
HEADER = ["conversation", "speaker", "label", "split", "text"]
Rows = list[list[str]]
Make = Callable[[Path], object]


def rows() -> Rows:
    at = [writer.HEADER.index(name) for name in HEADER]
    return [[row[i] for i in at] for row in writer.rows()]


def save(
    name: str = "utterances.csv",
    header: Sequence[str] = HEADER,
    change: Callable[[list[str]], list[str]] = list,
    card: str = CARD,
    separator: str = ",",
    encoding: str = "utf-8",
) -> Make:
    """Write a card and a table with each row changed."""

    def make(folder: Path) -> None:
        table = [list(header), *(change(row) for row in rows())]
        quoted = [separator.join('"' + c.replace('"', '""') + '"' for c in row) for row in table]
        (folder / "data.yaml").write_text(card, encoding="utf-8")
        (folder / name).write_bytes("\n".join(quoted).encode(encoding))

    return make


def cell(column: str, values: dict[str, str]) -> Callable[[list[str]], list[str]]:
    at = HEADER.index(column)
    return lambda row: [*row[:at], values.get(row[at], row[at]), *row[at + 1 :]]


def names(**other: str) -> list[str]:
    return [other.get(name, name) for name in HEADER]


def more(column: str, value: str, **settings: str) -> Make:
    return save(header=[*HEADER, column], change=lambda row: [*row, value], **settings)


def frame() -> pd.DataFrame:
    return pd.DataFrame(rows(), columns=HEADER)


def excel(folder: Path) -> None:
    pytest.importorskip("openpyxl", reason="XLSX needs openpyxl")
    (folder / "data.yaml").write_text(CARD)
    frame().to_excel(folder / "mine.xlsx", index=False)


def cut(make: Make, name: str) -> Make:
    def damaged(folder: Path) -> None:
        make(folder)
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: len(whole) * 2 // 3])

    return damaged


def parquet(folder: Path) -> None:
    (folder / "data.yaml").write_text(CARD)
    frame().to_parquet(folder / "mine.parquet")


def json_file(name: str, text: str) -> Make:
    def make(folder: Path) -> None:
        (folder / "data.yaml").write_text(CARD)
        (folder / name).write_text(text)

    return make


def without_card(name: str) -> Make:
    def make(folder: Path) -> None:
        save(name)(folder)
        (folder / "data.yaml").unlink()

    return make


def lines() -> str:
    return "\n".join(json.dumps(record) for record in frame().to_dict("records"))


def nested() -> str:
    return json.dumps(
        [
            {"dialog_id": name, "split": part["split"].iloc[0], "turns": part.to_dict("records")}
            for name, part in frame().groupby("conversation", sort=False)
        ]
    )


def by_split(numbered: bool = False) -> dict[str, pd.DataFrame]:
    """The table of each split, whose conversations may be numbered from 0 in each."""
    parts = {str(name): part for name, part in frame().groupby("split", sort=False)}
    parts = {name: part.drop(columns="split") for name, part in parts.items()}
    if numbered:
        return {
            name: part.assign(conversation=pd.factorize(part["conversation"])[0])
            for name, part in parts.items()
        }
    return parts


def sheets(numbered: bool = False, **more: pd.DataFrame) -> Make:
    def make(folder: Path) -> None:
        pytest.importorskip("openpyxl", reason="XLSX needs openpyxl")
        (folder / "data.yaml").write_text(CARD)
        with pd.ExcelWriter(folder / "mine.xlsx") as book:
            for name, part in {**by_split(numbered), **more}.items():
                part.to_excel(book, sheet_name=name.title(), index=False)

    return make


def legend(folder: Path) -> None:
    excel(folder)
    with pd.ExcelWriter(folder / "mine.xlsx", mode="a") as book:
        pd.DataFrame({"class": ["joy", "anger"], "colour": ["red", "blue"]}).to_excel(
            book, sheet_name="Legend", index=False
        )


def of_splits() -> str:
    parts = by_split(numbered=True)
    return json.dumps({name: part.to_dict("records") for name, part in parts.items()})


def of_conversations(inner: str = "") -> str:
    parts = frame().groupby("conversation", sort=False)
    records = {str(name): p.drop(columns="conversation").to_dict("records") for name, p in parts}
    return json.dumps({n: {inner: r} if inner else r for n, r in records.items()})


def split_files(train: str, dev: str, test: str, alike: bool = False) -> Make:
    def make(folder: Path) -> None:
        (folder / "data.yaml").write_text(CARD)
        for split, name in (("train", train), ("validation", dev), ("test", test)):
            part = frame().query(f"split == '{split}'").drop(columns="split")
            if alike:
                part["conversation"] = pd.factorize(part["conversation"])[0]
            if name:
                part.to_csv(folder / name, index=False)

    return make


NUMBERS = {"joy": "0", "anger": "1", "neutral": "2"}
INTEGERS = CARD.replace("[joy, anger, neutral]", "[0, 1, 2]")
FLOATS = {"joy": "0.0", "anger": "1.0", "neutral": "2.0"}
ABSENT = CARD + "no_label: [NA, -1]\n"
SPEECH = CARD + "columns: {text: said, speaker: who, conversation: talk}\n"

READ: dict[str, Make] = {
    "plain": save(),
    "semicolons": save(separator=";"),
    "tabs": save(separator="\t"),
    "bars": save(separator="|"),
    "tsv": save("mine.tsv", separator="\t"),
    "other name": save("my table.csv"),
    "byte order mark": save(encoding="utf-8-sig"),
    "utf-16": save(encoding="utf-16"),
    "windows-1252": save(change=cell("speaker", {"person 0": "René"}), encoding="cp1252"),
    "gb18030": save(change=cell("speaker", {"person 0": "王小明"}), encoding="gb18030"),
    "empty column": save(header=[*HEADER, ""], change=lambda row: [*row, ""]),
    "trailing cells": save(change=lambda row: [*row, "", ""]),
    "blanks in the header": save(header=[f" {name} " for name in HEADER]),
    "blanks around labels": save(change=cell("label", {"joy": " joy "})),
    "blanks where classes differ in case": save(
        change=cell("label", {"joy": " joy "}), card=CARD.replace("neutral]", "neutral, Joy]")
    ),
    "labels in capitals": save(change=cell("label", {"joy": "Joy", "anger": "ANGER"})),
    "dev": save(change=cell("split", {"validation": "dev"})),
    "val": save(change=cell("split", {"validation": "val"})),
    "valid": save(change=cell("split", {"validation": "valid"})),
    "Train": save(change=cell("split", {"train": "Train", "test": "TEST "})),
    "no split": save(header=names(split="season")),
    "MELD's names": save(
        header=["Dialogue_ID", "Speaker", "Emotion", "Split", "Utterance"], change=list
    ),
    "dialog_id": save(header=names(conversation="dialog_id", text="sentence", label="emotion")),
    "conversation_id": save(header=names(conversation="conversation_id", speaker="speaker_id")),
    "names of the card": save(
        header=names(text="said", speaker="who", conversation="talk"), card=SPEECH
    ),
    "whole numbers as classes": save(change=cell("label", NUMBERS), card=INTEGERS),
    "1.0 for 1": save(change=cell("label", FLOATS), card=INTEGERS),
    "places of classes": save(change=cell("label", NUMBERS)),
    "1.0 for places": save(change=cell("label", FLOATS)),
    "NA is no label": save(change=cell("label", {"anger": "NA"}), card=ABSENT),
    "-1 is no label": save(change=cell("label", {"anger": "-1"}), card=ABSENT),
    "-1.0 is no label": save(change=cell("label", {"anger": "-1.0"}), card=ABSENT),
    "times of a spreadsheet": more("StartTime", "09:34.9"),
    "times of subtitles": more("start", "00:09:34,900"),
    "decimal comma": more("start", "9,5", separator=";"),
    "decimal comma in features": more(
        "pitch", "0,25", separator=";", card=CARD + "modalities: {audio: {columns: [pitch]}}\n"
    ),
    "xlsx": excel,
    "xlsx with a sheet for each split": sheets(),
    "xlsx with numbers that begin anew": sheets(numbered=True),
    "xlsx with splits and a legend": sheets(legend=pd.DataFrame({"class": ["joy"]})),
    "xlsx with another sheet": legend,
    "parquet": parquet,
    "jsonl": json_file("mine.jsonl", lines()),
    "json": json_file("mine.json", f"[{lines().replace(chr(10), ',')}]"),
    "json of conversations": json_file("mine.json", nested()),
    "json under the names of splits": json_file("mine.json", of_splits()),
    "json under the names of conversations": json_file("mine.json", of_conversations()),
    "json of objects under names": json_file("mine.json", of_conversations("turns")),
    "files of splits": split_files("train.csv", "validation.csv", "test.csv"),
    "train, dev, test": split_files("Train.csv", "my_dev.csv", "test.csv"),
    "no validation file": split_files("train.csv", "", "test.csv"),
    "ids that begin anew": split_files("train.csv", "val.csv", "test.csv", alike=True),
}

REFUSED: dict[str, tuple[Make, str]] = {
    "NA without a word of it": (
        save(change=cell("label", {"anger": "NA"})),
        "if it means no label, add it to 'no_label'",
    ),
    "counting from 1": (
        save(change=cell("label", {"joy": "1", "anger": "2", "neutral": "3"})),
        "expected a class of data.yaml",
    ),
    "no speaker": (save(header=names(speaker="colour")), "as 'columns: {speaker: NAME}'"),
    "card names another": (
        save(card=CARD + "columns: {text: sayd}\n"),
        "has no column 'sayd', which data.yaml calls the text",
    ),
    "unknown meaning": (save(card=CARD + "columns: {txt: text}\n"), "did you mean 'text'"),
    "no label column": (save(header=names(label="mood")), "for the labels"),
    "a text with the separator": (
        lambda folder: (
            (folder / "data.yaml").write_text(CARD),
            (folder / "utterances.csv").write_text(
                ";".join(HEADER) + "\na;b;joy;train;one; and two\n"
            ),
        ),
        "separated by semicolons: put a text that holds ';' in double quotes",
    ),
    "sheets of splits with other columns": (
        sheets(test=pd.DataFrame({"conversation": ["a"], "mood": ["joy"]})),
        "sheet 'Test' has the columns conversation, mood, expected",
    ),
    "two tables": (
        lambda folder: (save("a.csv")(folder), save("b.csv")(folder)),
        "name one as 'table' in data.yaml",
    ),
    "no test file": (split_files("train.csv", "dev.csv", ""), "no table of the test split"),
    "cut parquet": (cut(parquet, "mine.parquet"), "a download that was cut off"),
    "cut xlsx": (cut(excel, "mine.xlsx"), "a download that was cut off"),
    "cut json": (cut(json_file("mine.json", nested()), "mine.json"), "cut off"),
    "cut jsonl": (cut(json_file("mine.jsonl", lines()), "mine.jsonl"), "cut off"),
    "no card": (
        without_card("utterances.csv"),
        "python -m sslcl.data init",
    ),
    "no card, any name": (
        without_card("mine.csv"),
        "python -m sslcl.data init",
    ),
    "words as times": (more("start", "soon"), "expected a finite number of seconds"),
    "unknown split": (save(change=cell("split", {"test": "tset"})), "did you mean 'test'"),
}


@pytest.mark.parametrize("case", READ)
def test_it_is_read(tmp_path: Path, case: str) -> None:
    READ[case](tmp_path)
    corpus = recognise(tmp_path)
    table = corpus.table
    expected = [row for row in rows() if case != "no validation file" or row[3] != "validation"]
    assert table["text"].tolist() == [row[-1] for row in expected]
    assert table["conversation"].nunique() == len({row[0] for row in expected})
    assert table["speaker"].nunique() == 2
    if case != "no split":
        assert table["split"].tolist() == [row[3] for row in expected]
    labels = table["label"]
    if "is no label" in case:
        assert labels.isna().tolist() == [row[2] == "anger" for row in expected]
    else:
        classes = corpus.tasks["label"].classes
        known = [classes[writer.CLASSES.index(row[2])] for row in expected]
        assert labels.tolist() == known
    if "start" in table:
        assert table["start"].iloc[0] == pytest.approx(9.5 if "comma" in case else 574.9)


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_in_a_line_that_says_what_to_do(tmp_path: Path, case: str) -> None:
    make, words = REFUSED[case]
    make(tmp_path)
    with pytest.raises(InputError) as raised:
        recognise(tmp_path)
    message = str(raised.value)
    assert words in message
    assert "docs/your-data.md" in message
    assert "\n" not in message


def test_sheets_that_are_not_read_are_told(tmp_path: Path) -> None:
    legend(tmp_path)
    assert recognise(tmp_path).notes == ("sheet 'Sheet1' is read, 'Legend' not",)


def test_a_cell_may_hold_a_whole_book(tmp_path: Path) -> None:
    book = "word " * 60_000
    save(change=cell("text", {rows()[0][-1]: book}))(tmp_path)
    assert recognise(tmp_path).table["text"].iloc[0] == book


def test_interleaved_conversations_without_an_order_are_told(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text(CARD)
    mixed = frame().sample(frac=1, random_state=0)
    mixed.to_csv(tmp_path / "utterances.csv", index=False)
    assert any("are interleaved" in note for note in recognise(tmp_path).notes)
    mixed.assign(order=range(len(mixed))).to_csv(tmp_path / "utterances.csv", index=False)
    assert recognise(tmp_path).notes == ()
