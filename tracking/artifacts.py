"""Where checkpoints and models of trials are: in a folder, or at a URL that fsspec reaches."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

from sslcl.errors import InputError, unknown
from sslcl.files import write_whole
from tracking.server_address import shown

T = TypeVar("T")
_OWNER = "results-id.txt"
"""Holds which results database the place belongs to."""
_LOCAL = ("file", "local")


class Store(Protocol):
    """Files under names such as ``models/abc.pt``, read and written by driver and workers."""

    look_seconds: float
    """How long to wait between two looks for a file."""

    def write(self, name: str, content: bytes) -> None:
        """Write a file, or replace it."""

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            FileNotFoundError: there is none.
        """

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""


@dataclass(frozen=True)
class FolderStore(Store):
    """A folder that all nodes see; a file appears in it whole or not at all.

    Args:
        folder: made when the first file is.
    """

    folder: Path
    look_seconds = 0.05

    def write(self, name: str, content: bytes) -> None:
        """Write a file, or replace it."""
        write_whole(self.folder / name, content)

    def read(self, name: str) -> bytes:
        """The content of a file."""
        return (self.folder / name).read_bytes()

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        (self.folder / name).unlink(missing_ok=True)

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        return (self.folder / name).exists()


@dataclass(frozen=True)
class UrlStore(Store):
    """Any place that fsspec reaches, with the credentials that its package finds on each node.

    Args:
        url: of a bucket or folder; it may hold a password.
    """

    url: str = field(repr=False)
    look_seconds = 1.0

    def write(self, name: str, content: bytes) -> None:
        """Write a file, or replace it."""

        def put(files: Any, path: str) -> None:
            try:
                files.pipe_file(path, content)
            except Exception:
                # A server with real folders wants them made. Never the place itself: on an object
                # store that would make a bucket.
                if not files.exists(path.removesuffix(name).rstrip("/")):
                    raise
                files.makedirs(path.rpartition("/")[0], exist_ok=True)
                files.pipe_file(path, content)

        self._with(name, put)

    def read(self, name: str) -> bytes:
        """The content of a file."""
        return self._with(name, lambda files, path: bytes(files.cat_file(path)))

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        if self.exists(name):
            self._with(name, lambda files, path: files.rm_file(path))

    def exists(self, name: str) -> bool:
        """Whether there is such a file; not where that cannot be found out."""
        return self._with(name, lambda files, path: bool(files.exists(path)))

    def _with(self, name: str, action: Callable[[Any, str], T]) -> T:
        """Do something with fsspec's file system and the path of a file in it.

        Once more on a new connection where that fails: one that is kept may have been closed.
        """
        files, path = self._opened()
        try:
            return action(files, f"{path}/{name}")
        except FileNotFoundError:
            raise
        except Exception:
            type(files).clear_instance_cache()
            files, path = self._opened()
            return action(files, f"{path}/{name}")

    def _opened(self) -> tuple[Any, str]:
        from fsspec.core import url_to_fs

        # A listing from before would hide what another node has written since.
        files, path = url_to_fs(self.url, use_listings_cache=False)
        return files, str(path).rstrip("/")


def checked_url(url: str) -> str:
    """The URL of a place for files of trials.

    Raises:
        InputError: it is no URL, or its protocol is not known; its password is not named.
    """
    from fsspec.registry import known_implementations, registry

    scheme, mark, rest = url.partition("://")
    if not mark or not rest or "::" in url:
        raise InputError(
            f"--artifacts {'' if '@' in url else repr(url)}".rstrip()
            + ": expected one URL, such as s3://bucket/folder or file:///shared/folder"
        )
    known = {*known_implementations, *registry}
    if scheme not in known:
        raise unknown("protocol", scheme, known, "--artifacts")
    return url.rstrip("/") if rest.strip("/") else url


def store_at(url: str) -> Store:
    """The store at a URL."""
    parts = urlsplit(url)
    return FolderStore(Path(unquote(parts.path))) if parts.scheme in _LOCAL else UrlStore(url)


def shown_place(url: str) -> str:
    """The URL as it may be printed: without a password, or what may be one after ``?``."""
    parts = urlsplit(shown(url))
    return urlunsplit(parts._replace(query="***" if parts.query else "", fragment=""))


def reason(error: BaseException, url: str) -> str:
    """What went wrong at a URL, in a line that holds nothing secret of it."""
    said = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, FileNotFoundError):
        said = f"not found: {said}"
    said = said.replace(url, shown_place(url))
    parts = urlsplit(url)
    for secret in (parts.password, unquote(parts.password or ""), parts.query, parts.fragment):
        if secret:
            said = said.replace(secret, "***")
    return said[:300]


def require_place(url: str, results_id: str) -> None:
    """Write at the URL, read it back and remove it, and see whose files are there.

    Args:
        url: of a place for files of trials.
        results_id: of the results database that belongs to it; empty where it is new.

    Raises:
        InputError: that cannot be done, or the place is that of another results database.
    """
    store, word, where = store_at(url), uuid.uuid4().hex, f"the artifacts at '{shown_place(url)}'"
    probe = f"probe-{word}"
    try:
        try:
            store.write(probe, word.encode())
            kept = store.read(probe) == word.encode()
        finally:
            store.remove(probe)
        owner = store.read(_OWNER).decode() if store.exists(_OWNER) else ""
    except Exception as error:  # each protocol's package has errors of its own
        raise InputError(f"cannot keep {where}: {reason(error, url)}") from None
    if not kept:
        raise InputError(f"cannot keep {where}: what is written there does not read back")
    if owner and owner != results_id:
        raise InputError(
            f"{where} are those of another results database: expected a URL of its own for each "
            "--home or --results-url"
        )


def claim_place(url: str, results_id: str) -> None:
    """Say at the URL whose files are there."""
    store = store_at(url)
    if not store.exists(_OWNER):
        store.write(_OWNER, results_id.encode())
