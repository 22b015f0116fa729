"""The folder that keeps what takes long to prepare, and the files in it."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import platformdirs
from numpy.typing import NDArray

from sslcl.errors import InputError
from sslcl.files import whole_file

CACHE_VARIABLE = "SSLCL_CACHE"
"""Environment variable that names the cache folder."""


def cache_folder() -> Path:
    """``SSLCL_CACHE`` where it is set, else the user's cache folder of this platform.

    The folder need not exist yet. Everything in it can be deleted at any time.
    """
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named).expanduser()
    return platformdirs.user_cache_path("sslcl-studies")


@contextmanager
def _cache_file(path: Path) -> Iterator[BinaryIO]:
    """A file of the cache that appears whole or not at all; errors say how to move the cache."""
    try:
        with whole_file(path) as file:
            yield file
    except InputError as error:
        raise InputError(
            f"{error}; set {CACHE_VARIABLE} to a folder with room that can be written"
        ) from error


def write_cached(path: Path, content: bytes) -> None:
    """Write a file of the cache whole or not at all.

    Raises:
        InputError: when it cannot be written.
    """
    with _cache_file(path) as file:
        file.write(content)


def save_array(path: Path, array: NDArray[np.float32]) -> None:
    """Write ``array`` as a ``.npy`` file with the SHA-256 of its values behind them.

    Raises:
        InputError: when the file cannot be written.
    """
    values = np.ascontiguousarray(array)

    with _cache_file(path) as file:
        np.lib.format.write_array(file, values, allow_pickle=False)
        file.write(hashlib.sha256(values.data).digest())


def open_array(path: Path) -> NDArray[np.float32] | None:
    """Map the array that :func:`save_array` wrote, read-only.

    Returns:
        ``None`` when there is no such file or its content is not what was written.
    """
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
        with path.open("rb") as file:
            file.seek(-hashlib.sha256().digest_size, os.SEEK_END)
            expected = file.read()
    except (OSError, ValueError, EOFError):
        return None
    whole = isinstance(values, np.memmap) and values.dtype == np.float32
    return values if whole and hashlib.sha256(values.data).digest() == expected else None
