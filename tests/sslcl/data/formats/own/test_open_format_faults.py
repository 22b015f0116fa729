"""The open format: whatever is wrong with a folder is told in one line that says where."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from sslcl.data import load_dataset
from sslcl.data.formats import recognise
from sslcl.errors import InputError

from ...writers import open_format as writer

Damage = Callable[[Path], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return writer.write_open(tmp_path / "own")


def cell(row: int, column: str, value: str) -> Damage:
    """Set a cell; ``row`` as a spreadsheet numbers it, the header being 1."""

    def damage(folder: Path) -> None:
        table = writer.rows()
        table[row - 2][writer.HEADER.index(column)] = value
        text = writer.csv_text(writer.HEADER, table)
        (folder / "utterances.csv").write_text(text, encoding="utf-8")

    return damage


def header(old: str, new: str) -> Damage:
    def damage(folder: Path) -> None:
        names = [new if name == old else name for name in writer.HEADER]
        (folder / "utterances.csv").write_text(writer.csv_text(names, writer.rows()))

    return damage


def card(old: str, new: str) -> Damage:
    assert old in writer.CARD
    return lambda folder: (folder / "data.yaml").write_text(writer.CARD.replace(old, new))


def array(change: Callable[[np.ndarray], np.ndarray], name: str = "audio") -> Damage:
    def damage(folder: Path) -> None:
        np.save(folder / f"{name}.npy", change(np.load(folder / f"{name}.npy")))

    return damage


def at(row: int, column: int, value: float) -> Damage:
    def change(x: np.ndarray) -> np.ndarray:
        x[row - 1, column - 1] = value
        return x

    return array(change)


def pickled(folder: Path) -> None:
    np.save(folder / "audio.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)


def swapped(folder: Path) -> None:
    (folder / "audio.npy").rename(folder / "other")
    (folder / "text.npy").rename(folder / "audio.npy")
    (folder / "other").rename(folder / "text.npy")


def by_id(change: Callable[[dict[str, np.ndarray]], object]) -> Damage:
    """Audio in an archive with an array for each utterance, and ``change`` to them."""

    def damage(folder: Path) -> None:
        x = np.load(folder / "audio.npy")
        arrays = {row[-1]: x[number] for number, row in enumerate(writer.rows())}
        change(arrays)
        np.savez(folder / "audio.npz", **arrays)
        card("audio.npy", "audio.npz")(folder)

    return damage


def text_file(name: str, content: str) -> Damage:
    return lambda folder: (folder / name).write_text(content)


def extra_cell(folder: Path) -> None:
    lines = (folder / "utterances.csv").read_text().splitlines()
    lines[4] += ",more"
    (folder / "utterances.csv").write_text("\n".join(lines))


ROWS = len(writer.rows())
DAMAGES: dict[str, tuple[Damage, str, str]] = {
    "card key": (card("licence", "license"), "data.yaml", "did you mean 'licence'"),
    "card nested key": (card("width: 4", "widht: 4"), "modalities.audio", "did you mean 'width'"),
    "card key twice": (card("licence: CC0", "name: b"), "data.yaml, line 3", "'name' is given"),
    "card no name": (card("name: ten_talks\n", ""), "data.yaml", "no key 'name'"),
    "card bad name": (card("ten_talks", "Ten talks"), "data.yaml", "expected lower-case"),
    "card not yaml": (card("classes: [", "classes: [["), "data.yaml, line", "not valid YAML"),
    "card no classes": (card("classes: [joy, anger, neutral]\n", ""), "data.yaml", "'classes'"),
    "card boolean class": (card("[joy,", "[yes,"), "data.yaml", "expected it in quotes"),
    "card class twice": (card("[joy,", "[anger,"), "data.yaml", "different names"),
    "card one class": (card("[joy, anger, neutral]", "[joy]"), "data.yaml", "two or more"),
    "card outside": (card("audio.npy", "../audio.npy"), "modalities.audio", "is outside"),
    "card other kind": (card("audio.npy", "audio.pkl"), "modalities.audio", ".safetensors"),
    "card no place": (card("{file: audio.npy, width: 4}", "{}"), "modalities.audio", "'columns'"),
    "card text": (text_file("data.yaml", "classes"), "data.yaml", ""),
    "card missing": (lambda f: (f / "data.yaml").unlink(), "data.yaml", "is missing"),
    "table missing": (lambda f: (f / "utterances.csv").unlink(), "utterances.csv", "is missing"),
    "table empty": (text_file("utterances.csv", ""), "utterances.csv", "no rows"),
    "table header only": (
        text_file("utterances.csv", ",".join(writer.HEADER)),
        "utterances.csv",
        "no rows",
    ),
    "cells": (extra_cell, "utterances.csv, row 5", "has 8 cells, expected 7"),
    "column": (header("speaker", "speeker"), "utterances.csv", "did you mean 'speeker'"),
    "label column": (header("label", "mood"), "utterances.csv", "no column 'label'"),
    "column twice": (header("order", "text"), "utterances.csv", "'text' is there twice"),
    "class": (cell(3, "label", "angr"), "row 3, column 'label'", "did you mean 'anger'"),
    "split": (cell(3, "split", "trian"), "row 3, column 'split'", "did you mean 'train'"),
    "two splits": (cell(4, "split", "test"), "row 4, column 'split'", "'train' as before in"),
    "no conversation": (cell(6, "conversation", ""), "row 6, column 'conversation'", "is ''"),
    "no speaker": (cell(6, "speaker", ""), "row 6, column 'speaker'", "a value in every row"),
    "order": (cell(6, "order", "second"), "row 6, column 'order'", "finite number"),
    "order twice": (cell(4, "order", "1"), "row 4, column 'order'", "only once"),
    "utterance twice": (cell(4, "utterance", "c0_0"), "row 4, column 'utterance'", "only once"),
    "rows": (array(lambda x: x[:-1]), "audio.npy", f"expected ({ROWS}, width)"),
    "dimensions": (array(lambda x: x.ravel()), "audio.npy", f"expected ({ROWS}, width)"),
    "complex": (array(lambda x: x.astype(complex)), "audio.npy", "is of type complex128"),
    "nan": (at(5, 2, float("nan")), "audio.npy, row 5, column 2", "is nan"),
    "infinite": (at(5, 2, float("inf")), "audio.npy, row 5, column 2", "is inf"),
    "too large": (array(lambda x: x.astype(float) + 1e39), "audio.npy, row 1", "32 bits"),
    "pickle": (pickled, "audio.npy", "not a complete .npy file of numbers"),
    "features missing": (lambda f: (f / "audio.npy").unlink(), "audio.npy", "is missing"),
    "swapped": (swapped, "text.npy", "has width 4, expected 6"),
    "no array": (by_id(lambda x: x.pop("c3_1")), "audio.npz", "no array for utterance 'c3_1'"),
    "array width": (
        by_id(lambda x: x.update(c3_1=np.ones(3))),
        "audio.npz, array 'c3_1'",
        "expected (4,)",
    ),
    "array nan": (
        by_id(lambda x: x.update(c3_1=np.full(4, np.nan))),
        "audio.npz, array 'c3_1'",
        "is nan",
    ),
    "no such columns": (card("file: audio.npy", "columns: mfcc"), "utterances.csv", "'mfcc'"),
    "reserved columns": (card("file: audio.npy", "columns: s"), "utterances.csv", "'speaker'"),
    "words in columns": (
        card("{file: audio.npy, width: 4}", "{columns: [label]}"),
        "row 2, column 'label'",
        "is 'joy', expected a finite number",
    ),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_damage_is_told_in_one_line_that_says_where(folder: Path, case: str) -> None:
    damage, where, words = DAMAGES[case]
    damage(folder)
    with pytest.raises(InputError) as raised:
        recognise(folder)
    message = str(raised.value)
    assert where in message
    assert words in message
    assert "\n" not in message


@pytest.mark.parametrize("name", ["data.yaml", "utterances.csv"])
def test_a_part_of_the_folder_is_not_the_corpus(folder: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"expected the folder|no known format"):
        recognise(folder / name)


def test_a_card_of_something_else_is_left_alone(folder: Path) -> None:
    (folder / "data.yaml").write_text("nc: 3\nnames: [a, b, c]\n")
    (folder / "utterances.csv").unlink()
    with pytest.raises(InputError, match="no known format"):
        recognise(folder)


def test_a_utf16_table_is_read_and_named(folder: Path) -> None:
    expected = recognise(folder)
    text = (folder / "utterances.csv").read_text()
    (folder / "utterances.csv").write_text(text, encoding="utf-16")
    corpus = recognise(folder)
    assert corpus.table.equals(expected.table)
    assert "utterances.csv is not UTF-8: read as UTF-16" in corpus.notes


def test_semicolons_empty_rows_and_other_split_names(folder: Path) -> None:
    expected = recognise(folder).table
    with (folder / "utterances.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    with (folder / "utterances.csv").open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerows(
            [{"validation": "Dev", "train": "Train"}.get(cell, cell) for cell in row]
            for row in rows
        )
        writer.writerow([""] * len(rows[0]))
    assert recognise(folder).table.equals(expected)


FILES = ("data.yaml", "utterances.csv", "audio.npy", "audio.npz", "a.safetensors", "u.parquet")


@pytest.fixture(scope="module")
def every_kind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder with a file of every kind in use."""
    folder = writer.write_open(tmp_path_factory.mktemp("whole"))
    x = np.load(folder / "audio.npy")
    np.savez_compressed(folder / "audio.npz", packed=x)
    save_file({"words": x}, folder / "a.safetensors")
    pd.read_csv(folder / "utterances.csv").to_parquet(folder / "u.parquet")
    more = "  packed: {file: audio.npz}\n  words: {file: a.safetensors}\n"
    (folder / "data.yaml").write_text(writer.CARD + more)
    return folder


@given(
    name=st.sampled_from(FILES),
    place=st.floats(0, 1, exclude_max=True),
    junk=st.binary(max_size=4),
    cut=st.booleans(),
)
@example(name="u.parquet", place=0.08984375, junk=b"\x80", cut=False)
@settings(max_examples=80)
def test_files_cut_short_or_overwritten_never_end_in_a_traceback(
    every_kind: Path, name: str, place: float, junk: bytes, cut: bool
) -> None:
    whole = (every_kind / name).read_bytes()
    card = (every_kind / "data.yaml").read_bytes()
    start = int(len(whole) * place)
    damaged = whole[:start] + junk + (b"" if cut else whole[start + len(junk) :])
    if name != "data.yaml":
        table = b"u.parquet" if name == "u.parquet" else b"utterances.csv"
        (every_kind / "data.yaml").write_bytes(card + b"\ntable: " + table)
    try:
        (every_kind / name).write_bytes(damaged)
        told = fault(every_kind)
    finally:
        (every_kind / name).write_bytes(whole)
        (every_kind / "data.yaml").write_bytes(card)
    assert "\n" not in told
    if cut and not junk and name.endswith((".npy", ".npz", ".safetensors", ".parquet")):
        assert name in told


def fault(folder: Path) -> str:
    """What is told of the folder; nothing when it can be read."""
    try:
        recognise(folder)
    except InputError as error:
        return str(error)
    return ""


@given(row=st.integers(1, ROWS), column=st.integers(1, 4), value=st.sampled_from(["nan", "inf"]))
@settings(max_examples=20)
def test_any_value_that_is_not_finite_is_found(
    tmp_path_factory: pytest.TempPathFactory, row: int, column: int, value: str
) -> None:
    folder = writer.write_open(tmp_path_factory.mktemp("own"))
    at(row, column, float(value))(folder)
    with pytest.raises(InputError, match=rf"audio.npy, row {row}, column {column}: is {value}"):
        recognise(folder)


def test_neither_features_nor_text(folder: Path) -> None:
    (folder / "data.yaml").write_text("name: own\nclasses: [joy, anger, neutral]\n")
    header("text", "words")(folder)
    with pytest.raises(InputError, match="neither features nor text"):
        load_dataset("path", {"path": str(folder)})
