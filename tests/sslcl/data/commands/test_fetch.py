"""``python -m sslcl.data fetch``, ``list`` and ``describe`` as a user runs them."""

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from sslcl.command import run
from sslcl.data import CATALOG
from sslcl.data.__main__ import main
from sslcl.data.commands import fetch as _command_fetch
from sslcl.data.commands import listing as _command_list
from sslcl.data.commands.download import fetch
from sslcl.data.published.corpora import RECORDS
from sslcl.data.published.record import CorpusRecord, RemoteFile

from ..writers import mintrec, mmsa
from .data_server import Server, serving

SOURCE = CorpusRecord(
    name="mosi",
    title="Made up",
    summary="made up",
    licence="Some Licence 1.0",
    root="o/r/c/data",
    files=(RemoteFile("a.csv", 5, hashlib.sha256(b"12345").hexdigest()),),
)

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run the command: exit code, output and errors."""
    monkeypatch.delenv("SSLCL_DATA", raising=False)
    monkeypatch.setenv("COLUMNS", "120")

    def run_it(*arguments: object) -> tuple[int, str, str]:
        code = run(main, [*map(str, arguments)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run_it


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(_command_fetch, "RECORDS", {**RECORDS, "mosi": SOURCE})
    monkeypatch.setattr(_command_list, "RECORDS", {**RECORDS, "mosi": SOURCE})
    with serving(Server({"/o/r/c/data/a.csv": b"12345"})) as started:
        monkeypatch.setattr(_command_fetch, "fetch", partial(fetch, base_url=started.url))
        yield started


def test_fetch_puts_the_files_into_the_folder_of_the_name(
    call: Call, server: Server, tmp_path: Path
) -> None:
    code, out, _ = call("fetch", "mosi", "--data-dir", tmp_path)
    assert code == 0
    assert (tmp_path / "mosi" / "a.csv").read_bytes() == b"12345"
    assert out.index("Some Licence 1.0") < out.index("1 files fetched, 0 were there")
    code, out, _ = call("fetch", "mosi", "--data-dir", tmp_path)
    assert (code, "0 files fetched, 1 were there" in out) == (0, True)


def test_fetch_takes_the_folder_from_the_environment(
    call: Call, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSLCL_DATA", str(tmp_path))
    assert call("fetch", "mosi")[0] == 0
    assert (tmp_path / "mosi" / "a.csv").is_file()


def test_wrong_bytes_end_with_code_2(call: Call, server: Server, tmp_path: Path) -> None:
    server.files = {"/o/r/c/data/a.csv": b"54321"}
    code, _, err = call("fetch", "mosi", "--data-dir", tmp_path)
    assert code == 2
    (line,) = [line for line in err.splitlines() if line.startswith("error:")]
    assert "has SHA-256" in line
    assert not any((tmp_path / "mosi").iterdir())


@pytest.mark.parametrize("name", [name for name, source in RECORDS.items() if source.ask])
def test_what_cannot_be_fetched_says_where_to_get_it(call: Call, tmp_path: Path, name: str) -> None:
    code, out, err = call("fetch", name, "--data-dir", tmp_path)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert RECORDS[name].licence in err
    assert "https://" in err or "http://" in err
    assert str(tmp_path / name) in err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("mossi",), "did you mean 'mosi'"),
        (("synthetic",), "needs no download"),
        (("mosi",), "--data-dir or SSLCL_DATA"),
    ],
)
def test_bad_input_is_one_line(call: Call, arguments: tuple[str, ...], expected: str) -> None:
    code, out, err = call("fetch", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert expected in err


def row(out: str, name: str) -> list[str]:
    """The cells of the table's row, in their first line."""
    (found,) = [line for line in out.splitlines() if line.startswith(f"│ {name} ")]
    return [cell.strip() for cell in found.split("│")[1:-1]]


def test_list_says_how_each_is_had_and_what_is_here(
    call: Call, server: Server, tmp_path: Path
) -> None:
    _, out, _ = call("list")
    assert all(row(out, name) for name in CATALOG.names())
    assert "fetch" in row(out, "mosi")
    assert "on request" in row(out, "mintrec")
    assert "embedded" in row(out, "synthetic")
    assert "here" not in out
    mmsa.write(tmp_path / "mosei" / "a.pkl", mmsa.content("mosei"))
    (tmp_path / "sims").mkdir()
    (tmp_path / "mosi").mkdir()
    (tmp_path / "mosi" / "a.csv.part").write_bytes(b"123")
    _, out, _ = call("list", "--data-dir", tmp_path)
    assert row(out, "mosei")[-1] == "yes"
    assert row(out, "sims")[-1] == "no"
    assert row(out, "mosi")[-1].startswith("1 files")


class TestDescribe:
    def test_notes_and_context(
        self, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSLCL_CACHE", str(tmp_path / "cache"))
        mintrec.write_2(tmp_path / "mintrec2")
        code, out, _ = call("describe", "mintrec2", "--data-dir", tmp_path, "--set", "encoder=none")
        assert code == 0
        assert "note: 2 utterances out of scope are context only" in out
        (context,) = [line for line in out.splitlines() if "context only │" in line]
        assert [cell.strip() for cell in context.split("│")[2:5]] == ["1", "0", "1"]

    def test_options_choose_the_task_and_the_path(
        self, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSLCL_CACHE", str(tmp_path / "cache"))
        path = mmsa.write(tmp_path / "any.pkl", mmsa.content())
        settings = ("--set", f"path={path}", "--set", "task=sentiment2")
        code, out, _ = call("describe", "path", *settings)
        assert code == 0
        assert "mosi_mmsa" in out
        assert "neutral" not in out

    @pytest.mark.parametrize(
        ("setting", "expected"),
        [
            ("seed", "expected KEY=VALUE"),
            ("seed=[1]", "expected a number, a word, true or false"),
            ("seed={", "expected a number, a word, true or false"),
            ("sed=1", "did you mean 'seed'"),
        ],
    )
    def test_bad_options_are_one_line(self, call: Call, setting: str, expected: str) -> None:
        code, out, err = call("describe", "synthetic", "--set", setting)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert expected in err
