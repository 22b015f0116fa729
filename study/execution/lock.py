"""One driver at a time in one home folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from sslcl.errors import InputError
from tracking.home import Home
from tracking.ledger.one_writer import only_writer


@contextmanager
def only_driver(home: Home) -> Iterator[None]:
    """Hold the folder's lock; the system lets go of it however the process ends.

    A results database elsewhere has a lock of its own, since several homes may name it.

    Raises:
        InputError: when another process runs a study there, or nothing can be written there.
    """
    with only_writer(home.results_url), _locked(home):
        yield


@contextmanager
def _locked(home: Home) -> Iterator[None]:
    try:
        home.folder.mkdir(parents=True, exist_ok=True)
        # Not through a link, which somebody else may have put here.
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.fdopen(os.open(home.lock, flags, 0o644), "a+")
    except OSError as error:
        raise InputError(f"cannot keep results in '{home.folder}': {error.strerror}") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise InputError(
                f"another study is running in '{home.folder}' (process {holder}): wait for it, "
                "stop it, or give this one another --home"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
