"""Texts in whichever encoding they are, and characters that were read wrongly."""

from pathlib import Path

import pytest

from sslcl.data.formats import recognise
from sslcl.data.reading.texts import encoding_note, first_line, mend, read_text

from ..writers import meld_csv

CHINESE = "对话,说话人,句子\n一,小明,今天的天气真好，我们去公园吧\n一,小红,好的，我马上就来\n"
WESTERN = "conversation,text\n1,It’s a café – “really”…\n2,Schöne Grüße aus Köln\n"


@pytest.mark.parametrize(
    ("text", "codec", "shown"),
    [
        (CHINESE, "utf-8", None),
        (CHINESE, "utf-8-sig", None),
        (CHINESE, "gb18030", "GB18030"),
        (CHINESE, "utf-16", "UTF-16"),
        (WESTERN, "cp1252", "Windows-1252"),
        (WESTERN, "utf-16", "UTF-16"),
        (WESTERN, "utf-16-le", "UTF-16"),
        (WESTERN, "utf-16-be", "UTF-16"),
    ],
)
def test_a_file_is_read_in_its_encoding_which_is_named(
    tmp_path: Path, text: str, codec: str, shown: str | None
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(codec))
    assert read_text(path) == text
    assert first_line(path, 1 << 16).encode("ascii", "ignore") == text.split("\n")[0].encode(
        "ascii", "ignore"
    )
    expected = None if shown is None else f"a.csv is not UTF-8: read as {shown}"
    assert encoding_note(path) == expected


def test_control_characters_get_their_meaning_and_nothing_else_changes() -> None:
    assert mend("I\x92m \x93here\x94\x85 café 好\n") == "I’m “here”… café 好\n"
    assert mend("\x81") == "\x81"


def test_mended_and_unmended_files_are_the_same_corpus(tmp_path: Path) -> None:
    meld_csv.write(tmp_path / "new")
    meld_csv.write(tmp_path / "old")
    for file in (tmp_path / "old").iterdir():
        file.write_text(file.read_text(encoding="utf-8").replace("’", "\x92"), encoding="utf-8")
    new, old = recognise(tmp_path / "new"), recognise(tmp_path / "old")
    assert new.table.equals(old.table)
    changed = int(new.table["text"].str.contains("’").sum())
    assert any(note.startswith(f"{changed} texts had Windows-1252") for note in old.notes)


@pytest.mark.parametrize("codec", ["cp1252", "utf-16"])
def test_a_corpus_in_another_encoding_says_so(tmp_path: Path, codec: str) -> None:
    meld_csv.write(tmp_path / "new")
    meld_csv.write(tmp_path / "old")
    for file in (tmp_path / "old").iterdir():
        file.write_bytes(file.read_text(encoding="utf-8").encode(codec))
    new, old = recognise(tmp_path / "new"), recognise(tmp_path / "old")
    assert new.table.equals(old.table)
    assert sum("is not UTF-8: read as" in note for note in old.notes) == 3


def test_the_first_release_of_meld(data_dir: Path) -> None:
    folder = data_dir / "published" / "meld_official_a36f437"
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}")
    corpus = recognise(folder)
    assert any(note.startswith("3741 texts had Windows-1252") for note in corpus.notes)
    assert not corpus.table["text"].str.contains("[\x80-\x9f]").any()
