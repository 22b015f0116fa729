"""Files that are written whole or not at all."""

from pathlib import Path

import pytest

from sslcl.errors import InputError
from sslcl.files import whole_file, write_whole


@pytest.mark.parametrize("content", ["zwölf\n", b"\x00\xff"])
def test_the_content_is_written_and_nothing_else(tmp_path: Path, content: str | bytes) -> None:
    path = tmp_path / "deep" / "file"
    write_whole(path, "before")
    write_whole(path, content)
    expected = content.encode() if isinstance(content, str) else content
    assert path.read_bytes() == expected
    assert list(path.parent.iterdir()) == [path]


def test_an_error_leaves_the_earlier_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, "before")

    def fail_half_way() -> None:
        with whole_file(path) as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_is_not_there_before_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with whole_file(path) as file:
        file.write(b"half")
        assert not path.exists()
    assert path.read_bytes() == b"half"


def test_what_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot write .*deep: ") as raised:
        write_whole(tmp_path / "file" / "deep", "")
    assert "\n" not in str(raised.value)
