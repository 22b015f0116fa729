"""Files of trials in a folder or behind a URL: one contract, and places that are refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from click.testing import CliRunner
from fsspec.implementations.memory import MemoryFileSystem

from sslcl.errors import InputError
from study.run import main
from tracking.artifacts import (
    FolderStore,
    Store,
    UrlStore,
    checked_url,
    claim_place,
    reason,
    require_place,
    shown_place,
    store_at,
)
from tracking.home import Home

PASSWORD = "s3cr%74t"


class Server(MemoryFileSystem):  # type: ignore[misc]
    """A server with a password, which keeps files as a bucket or a disk would."""

    protocol = "vault"
    store: dict[str, Any] = {}
    pseudo_dirs = [""]
    readable = writable = True
    broken = 0
    """Calls that fail before one succeeds, as on a connection that was closed."""

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.removeprefix("vault://").rpartition("@")[2].partition("?")[0].strip("/")

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        if not self.writable:
            raise PermissionError(f"vault://me:{PASSWORD}@host{path}: Access Denied")
        if type(self).broken:
            type(self).broken -= 1
            raise ConnectionResetError("Connection reset by peer")
        super().pipe_file(path, value)

    def cat_file(self, path: str, *words: Any, **options: Any) -> bytes:
        return bytes(super().cat_file(path)) if self.readable else b"a page that asks to log in"


@pytest.fixture(autouse=True)
def vault() -> Iterator[type[Server]]:
    fsspec.register_implementation("vault", Server, clobber=True)
    Server.readable = Server.writable = True
    Server.broken = 0
    yield Server
    Server.store.clear()
    MemoryFileSystem.store.clear()


@pytest.fixture(params=["folder", "file", "memory", "vault"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return {
        "folder": FolderStore(tmp_path / "a folder"),
        "file": store_at(f"file://{tmp_path}/a%20folder"),
        "memory": store_at("memory://bucket/folder"),
        "vault": store_at(f"vault://me:{PASSWORD}@host/folder"),
    }[request.param]


class TestEveryStore:
    def test_what_is_written_is_read_back_and_replaced(self, store: Store) -> None:
        assert not store.exists("models/a.pt")
        store.write("models/a.pt", b"first")
        store.write("models/a.pt", b"second")
        store.write("models/b.pt", b"\x00" * 10)
        assert store.exists("models/a.pt")
        assert (store.read("models/a.pt"), store.read("models/b.pt")) == (b"second", b"\x00" * 10)

    def test_what_is_removed_is_gone_and_may_be_removed_again(self, store: Store) -> None:
        store.write("checkpoints/a.pt", b"state")
        store.remove("checkpoints/a.pt")
        store.remove("checkpoints/a.pt")
        assert not store.exists("checkpoints/a.pt")
        with pytest.raises(FileNotFoundError):
            store.read("checkpoints/a.pt")

    def test_another_process_is_given_the_same_place(self, store: Store) -> None:
        import pickle

        store.write("a", b"1")
        assert pickle.loads(pickle.dumps(store)).read("a") == b"1"


def test_a_file_url_is_the_folder_that_it_names(tmp_path: Path) -> None:
    store_at(f"file://{tmp_path}/50%25%20off").write("models/a.pt", b"1")
    assert (tmp_path / "50% off" / "models" / "a.pt").read_bytes() == b"1"


def test_a_connection_that_was_closed_is_opened_again(vault: type[Server]) -> None:
    store = store_at("vault://host/folder")
    store.write("a", b"1")
    vault.broken = 2
    store.write("a", b"2")
    assert store.read("a") == b"2"


class TestAPlace:
    URL = f"vault://me:{PASSWORD}@host/folder?token=abc"

    def test_is_left_as_it_was_when_it_is_good(self, vault: type[Server]) -> None:
        require_place(self.URL, "")
        assert not vault.store

    def test_that_cannot_be_written_is_refused_without_its_password(
        self, vault: type[Server]
    ) -> None:
        vault.writable = False
        with pytest.raises(InputError) as refusal:
            require_place(self.URL, "")
        said = str(refusal.value)
        assert said.startswith("cannot keep the artifacts at 'vault://me:***@host/folder?***': ")
        assert said.endswith("Access Denied")
        assert not {PASSWORD, "s3crtt", "abc"} & set(
            said.replace(":", " ").replace("@", " ").split()
        )
        assert PASSWORD not in said
        assert "token" not in said

    def test_that_does_not_read_back_is_refused(self, vault: type[Server]) -> None:
        vault.readable = False
        with pytest.raises(InputError, match="what is written there does not read back"):
            require_place(self.URL, "")
        assert not vault.store

    def test_belongs_to_one_results_database(self, tmp_path: Path) -> None:
        url = f"file://{tmp_path}/shared"
        first, second = (Home(tmp_path / name, artifacts_url=url) for name in ("a", "b"))
        for _ in range(2):
            first.require_artifacts()
            first.claim_artifacts()
        with pytest.raises(InputError, match="those of another results database: expected a URL"):
            second.require_artifacts()
        assert not (tmp_path / "b").exists()
        claim_place(url, "somebody else")
        first.require_artifacts()

    def test_goes_with_a_results_server_from_home_to_home(self, tmp_path: Path) -> None:
        url = f"file://{tmp_path}/shared"
        for name, password in (("a", "old"), ("b", "new")):
            server = f"postgresql://me:{password}@host/results"
            home = Home(tmp_path / name, server, url)
            home.require_artifacts()
            home.claim_artifacts()
        with pytest.raises(InputError, match="another results database"):
            Home(tmp_path / "a", "postgresql://me@host/others", url).require_artifacts()

    def test_no_secret_is_shown(self) -> None:
        assert shown_place(self.URL) == "vault://me:***@host/folder?***"
        assert self.URL not in repr(UrlStore(self.URL)) + repr(Home(artifacts_url=self.URL))
        said = reason(ValueError(f"no login at {self.URL}\nwith s3crtt"), self.URL)
        assert said == "no login at vault://me:***@host/folder?*** with ***"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("/shared/folder", "--artifacts '/shared/folder': expected one URL, such as s3://bucket"),
        ("s3://", "expected one URL"),
        ("simplecache::s3://me:secret@bucket", "--artifacts: expected one URL"),
        ("vaultt://host/x", "unknown protocol 'vaultt' in --artifacts: did you mean 'vault'?"),
        ("sftp://me:secret@host/x", "cannot keep the artifacts at 'sftp://me:***@host/x': "),
        ("vault://me:secret@host/x", "Access Denied"),
    ],
)
def test_a_study_is_refused_in_one_line_and_makes_nothing(
    url: str, said: str, tmp_path: Path, vault: type[Server]
) -> None:
    vault.writable = False
    words = ["quickstart", "--home", str(tmp_path / "runs"), "--artifacts", url]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert "secret" not in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_good_url_is_kept_as_it_is() -> None:
    assert checked_url("memory://bucket/folder/") == "memory://bucket/folder"
    assert checked_url("file:///") == "file:///"
