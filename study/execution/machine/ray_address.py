"""Whether a Ray cluster can be joined, found out before a study makes anything."""

import os
import socket
import subprocess
import sys
from urllib.parse import urlsplit

from sslcl.errors import InputError

ADDRESS_VARIABLE = "RAY_ADDRESS"
CONNECT_SECONDS = 5.0
JOIN_SECONDS = 60.0
# In a process of its own, since Ray goes on writing to the terminal while it fails.
_JOIN = """
import logging, sys
import ray

ray.init(address=sys.argv[1], include_dashboard=False, log_to_driver=False,
         logging_level=logging.ERROR)
"""


def chosen_address(address: str | None) -> str | None:
    """The cluster to join: what was asked for, else what ``RAY_ADDRESS`` says, else none."""
    return address or os.environ.get(ADDRESS_VARIABLE) or None


def require_cluster(address: str) -> None:
    """Refuse an address at which no cluster lets us in.

    Args:
        address: ``host:port``, ``ray://host:port``, or ``auto`` for the one of this machine.

    Raises:
        InputError: it cannot be reached, wants a token, or has another version of Ray or Python.
    """
    if address == "local":
        return
    where = f"the Ray cluster at '{address}'"
    if address != "auto":
        _require_listener(address, where)
    try:
        joined = subprocess.run(
            [sys.executable, "-c", _JOIN, address],
            capture_output=True,
            text=True,
            timeout=JOIN_SECONDS,
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        raise InputError(
            f"{where} does not let us in within {JOIN_SECONDS:.0f} s: start it anew, or run "
            f"without --address and {ADDRESS_VARIABLE} to use this machine"
        ) from None
    if joined.returncode != 0:
        raise InputError(f"cannot join {where}: {_reason(joined.stderr)}")


def _require_listener(address: str, where: str) -> None:
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port:
        raise InputError(f"{where}: expected host:port, such as 10.0.0.1:6379, or auto")
    try:
        connect(host, port)
    except OSError as error:
        raise InputError(
            f"{where} cannot be reached: {error.strerror or error}; start it with 'ray start "
            f"--head', or run without --address and {ADDRESS_VARIABLE} to use this machine"
        ) from None


def connect(host: str, port: int) -> None:
    """Connect to a process that listens there, and leave it.

    Raises:
        OSError: none does.
    """
    socket.create_connection((host, port), timeout=CONNECT_SECONDS).close()


def _reason(said: str) -> str:
    if "InvalidAuthToken" in said or "Unauthenticated" in said:
        return (
            "it wants a token: set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH "
            "to the token that its head was started with"
        )
    if "Version mismatch" in said:
        return " ".join(said[said.index("Version mismatch") :].split())
    lines = [line for line in said.splitlines() if line.strip()]
    return lines[-1].partition(": ")[2] or lines[-1] if lines else "Ray did not say why"
