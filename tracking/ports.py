"""A free port of this machine, which no other study is given at the same time."""

import errno
import fcntl
import os
import socket
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO

from sslcl.errors import InputError

FIRST_PORT = 5000
PORTS_TRIED = 200

_claims: dict[int, IO[str]] = {}


def free_port(host: str, first: int = FIRST_PORT) -> int:
    """The first port from ``first`` on that nothing on ``host`` uses, claimed for this process.

    A server takes seconds to bind its port. Until the process ends, no other study on this
    machine is given the same one; else its results could reach the wrong server.

    Raises:
        InputError: ``host`` is not an address of this machine, or no port is free.
    """
    for port in range(first, min(first + PORTS_TRIED, 65536)):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except socket.gaierror:
                raise InputError(f"host '{host}' is not known: expected an address") from None
            except OSError as error:
                if error.errno == errno.EADDRNOTAVAIL:
                    raise InputError(f"host '{host}' is not an address of this machine") from None
                continue
        if _claim(port):
            return port
    raise InputError(f"no free port on {host} from {first} on: give another --port")


def _claim(port: int) -> bool:
    folder = _claims_folder()
    # Not through a link, which somebody else may have put here.
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.fdopen(os.open(folder / f"{port}.lock", flags, 0o600), "w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        # Ours already: its server has ended, or it could not have been bound.
        return port in _claims
    _claims[port] = file
    return True


def _claims_folder() -> Path:
    """A folder of this user's alone, under the machine's folder for temporary files.

    Raises:
        InputError: when somebody else has put something there under its name.
    """
    folder = Path(tempfile.gettempdir()) / f"sslcl-mlflow-{os.getuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    state = folder.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid():
        raise InputError(f"'{folder}' is not a folder of yours: remove it, or set TMPDIR")
    return folder
