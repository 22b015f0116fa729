"""The folder that keeps what takes long to prepare, and files in it that are whole or absent."""

import hashlib
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import platformdirs
from numpy.typing import NDArray

from sslcl.errors import InputError

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


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let ``write`` fill a file that appears at ``path`` whole, or not at all.

    Safe when several processes write the same path at once: one of the whole files stays.

    Args:
        path: the file; missing folders are made, a file that is there is replaced.
        write: gets the open binary file.

    Raises:
        InputError: when the folder or the file cannot be written.
    """
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with beside.open("xb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot write the cache file {path}: {error.strerror or error}; "
            f"set {CACHE_VARIABLE} to a folder with room that can be written"
        ) from error


def save_array(path: Path, array: NDArray[np.float32]) -> None:
    """Write ``array`` as a ``.npy`` file with the SHA-256 of its values behind them.

    Raises:
        InputError: when the file cannot be written.
    """
    values = np.ascontiguousarray(array)

    def write(file: BinaryIO) -> None:
        np.lib.format.write_array(file, values, allow_pickle=False)
        file.write(hashlib.sha256(values.data).digest())

    write_atomically(path, write)


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
