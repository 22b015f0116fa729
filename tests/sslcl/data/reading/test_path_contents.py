"""What lies under a path, and what only stands in for data."""

from pathlib import Path

import pytest

from sslcl.data.reading.path_contents import PathContents
from sslcl.errors import InputError


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:12\n", "Git LFS pointer"),
        ("\n<!DOCTYPE html>\n<html></html>", "web page"),
        ("<html></html>", "web page"),
    ],
)
@pytest.mark.parametrize("name", ["a.pkl", "train.csv", "data.json"])
def test_what_stands_in_for_data_is_named(
    tmp_path: Path, name: str, content: str, words: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=words):
        PathContents(tmp_path)
