"""Files that appear whole or not at all."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from sslcl.errors import InputError


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that takes the name ``path`` only once the block has ended well.

    Until then it has a hidden name of its own in the same folder, which is removed when the block
    raises. Safe when several processes write the same path at once: one of the whole files stays.

    Args:
        path: the file; missing folders are made, a file that is there is replaced.

    Yields:
        The open binary file.

    Raises:
        InputError: when the folder or the file cannot be written.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def write_whole(path: Path, content: str | bytes) -> None:
    """Write ``content``, text as UTF-8, to a file that appears at ``path`` whole or not at all.

    Raises:
        InputError: when the folder or the file cannot be written.
    """
    with whole_file(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)
