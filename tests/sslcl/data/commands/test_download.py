"""Downloads over real sockets: resumed, checked, and never half there."""

import hashlib
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sslcl.data import CATALOG, load_dataset
from sslcl.data.commands.download import ATTEMPTS, fetch, sha256
from sslcl.data.published.corpora import RECORDS
from sslcl.data.published.record import CorpusRecord, RemoteFile
from sslcl.errors import InputError

from .data_server import Server, serving

CONTENT = {"a.csv": random.Random(0).randbytes(200_000), "deep/b.csv": b"b" * 1000}
SOURCE = CorpusRecord(
    name="mosi",
    title="Made up",
    summary="made up",
    licence="none",
    root="owner/repository/commit/data",
    files=tuple(
        RemoteFile(name, len(content), hashlib.sha256(content).hexdigest())
        for name, content in CONTENT.items()
    ),
)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(Server({f"/{SOURCE.root}/{name}": x for name, x in CONTENT.items()})) as started:
        yield started


def get(server: Server, folder: Path) -> list[str]:
    fetched = fetch(SOURCE, folder, server.url, pause_s=0)
    return [str(path.relative_to(folder)) for path in fetched]


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_everything_is_fetched_once(server: Server, tmp_path: Path) -> None:
    assert get(server, tmp_path) == list(CONTENT)
    assert files(tmp_path) == CONTENT
    assert get(server, tmp_path) == []
    assert len(server.requests) == 2


def test_progress_ends_at_the_whole(server: Server, tmp_path: Path) -> None:
    seen: dict[str, list[int]] = {}
    fetch(
        SOURCE,
        tmp_path,
        server.url,
        advance=lambda path, here: seen.setdefault(path, []).append(here),
    )
    assert {path: sizes[-1] for path, sizes in seen.items()} == {
        name: len(content) for name, content in CONTENT.items()
    }
    assert all(sizes == sorted(sizes) for sizes in seen.values())


@pytest.mark.parametrize("lengths", [True, False])
def test_dropped_connections_are_resumed(server: Server, tmp_path: Path, lengths: bool) -> None:
    server.drops, server.lengths = [70_000, 0, 50_000], lengths
    get(server, tmp_path)
    assert files(tmp_path) == CONTENT
    assert [start for _, start in server.requests[:4]] == [0, 70_000, 70_000, 120_000]


def test_a_server_without_ranges_starts_again(server: Server, tmp_path: Path) -> None:
    server.drops, server.ranges = [70_000], False
    get(server, tmp_path)
    assert files(tmp_path) == CONTENT


def test_a_later_call_goes_on_with_what_an_earlier_one_left(server: Server, tmp_path: Path) -> None:
    server.drops = [90_000] + [0] * ATTEMPTS
    with pytest.raises(InputError, match="cannot be fetched") as raised:
        get(server, tmp_path)
    assert "the connection ended after 90000 of 200000 bytes" in str(raised.value)
    assert list(files(tmp_path)) == ["a.csv.part"]
    server.requests.clear()
    get(server, tmp_path)
    assert server.requests[0][1] == 90_000
    assert files(tmp_path) == CONTENT


@pytest.mark.parametrize("left", [b"x" * 10, b"x" * 200_000, b"x" * 300_000])
def test_remains_of_something_else_are_thrown_away(
    server: Server, tmp_path: Path, left: bytes
) -> None:
    (tmp_path / "a.csv.part").write_bytes(left)
    get(server, tmp_path)
    assert files(tmp_path) == CONTENT


def test_a_complete_part_needs_no_request(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.csv.part").write_bytes(CONTENT["a.csv"])
    get(server, tmp_path)
    assert files(tmp_path) == CONTENT
    assert len(server.requests) == 1


@pytest.mark.parametrize("code", [429, 500, 503])
def test_passing_errors_are_tried_again(server: Server, tmp_path: Path, code: int) -> None:
    server.codes = [code] * (ATTEMPTS - 1)
    get(server, tmp_path)
    assert files(tmp_path) == CONTENT


def test_errors_that_stay_are_given_up(server: Server, tmp_path: Path) -> None:
    server.codes = [503] * 99
    with pytest.raises(InputError, match="the server says 503"):
        get(server, tmp_path)
    assert len(server.requests) == ATTEMPTS
    assert files(tmp_path) == {}


def test_what_is_not_there_is_told_at_once(server: Server, tmp_path: Path) -> None:
    server.files = {}
    with pytest.raises(InputError, match="the server says 404") as raised:
        get(server, tmp_path)
    assert f"{server.url}/{SOURCE.root}/a.csv" in str(raised.value)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("served", "expected"),
    [
        (b"y" * 200_000, "has SHA-256"),
        (b"y" * 100, "has 100 bytes, expected 200000"),
        (CONTENT["a.csv"] + b"y", "has 200001 bytes, expected 200000"),
        (b"", "has 0 bytes, expected 200000"),
    ],
)
def test_other_bytes_are_refused_and_not_kept(
    server: Server, tmp_path: Path, served: bytes, expected: str
) -> None:
    server.files = {f"/{SOURCE.root}/a.csv": served}
    with pytest.raises(InputError) as raised:
        get(server, tmp_path)
    assert expected in str(raised.value)
    assert "\n" not in str(raised.value)
    assert files(tmp_path) == {}


def test_a_file_of_ones_own_is_left_alone(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"a\.csv is there but is not the published file"):
        get(server, tmp_path)
    assert files(tmp_path) == {"a.csv": b"mine"}
    assert server.requests == []


def test_nobody_there_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # Bound but not listening: connections are refused.
        with pytest.raises(InputError, match="cannot be fetched") as raised:
            fetch(SOURCE, tmp_path, f"http://127.0.0.1:{taken.getsockname()[1]}", pause_s=0)
    assert "\n" not in str(raised.value)


def test_a_folder_that_cannot_be_made_is_one_line(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written"):
        get(server, tmp_path / "file")


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drops=st.lists(st.integers(1, 200_000), max_size=8), ranges=st.booleans())
def test_however_the_line_drops_a_file_is_whole_or_not_there(
    server: Server,
    tmp_path_factory: pytest.TempPathFactory,
    drops: list[int],
    ranges: bool,
) -> None:
    folder = tmp_path_factory.mktemp("any")
    server.drops, server.ranges = list(drops), ranges
    try:
        get(server, folder)
    except InputError:
        assert "a.csv" not in files(folder)
    else:
        assert files(folder) == CONTENT


class TestSources:
    @pytest.mark.parametrize("name", ["mosi", "meld"])
    def test_the_checksums_are_those_of_the_real_files(self, data_dir: Path, name: str) -> None:
        folder = data_dir / name
        if not folder.is_dir():
            pytest.skip(f"no {name} at {data_dir}")
        for file in RECORDS[name].files:
            assert (folder / file.path).stat().st_size == file.size
            assert sha256(folder / file.path) == file.sha256

    def test_what_is_fetched_can_be_loaded(
        self, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSLCL_CACHE", str(tmp_path / "cache"))
        source = RECORDS["mosi"]
        real = {
            f"/{source.root}/{file.path}": (data_dir / "mosi" / file.path).read_bytes()
            for file in source.files
        }
        with serving(Server(real, drops=[1000, 2000])) as server:
            fetch(source, tmp_path / "mosi", server.url, pause_s=0)
        assert len(load_dataset("mosi", data_dir=tmp_path).train) == 50

    def test_each_says_how_it_is_had(self) -> None:
        for name, source in RECORDS.items():
            assert bool(source.files) == bool(source.root) != bool(source.ask), name
            assert source.licence

    def test_every_dataset_in_a_folder_of_its_own_has_a_source(self) -> None:
        embedded_or_own = {"path", "synthetic"}
        assert set(CATALOG.names()) - embedded_or_own <= set(RECORDS)
