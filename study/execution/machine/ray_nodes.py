"""What the nodes of a Ray cluster must have: room for Ray's sockets, and one home for all."""

import os
import uuid
from pathlib import Path

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from sslcl.errors import InputError
from tracking.home import Home

LONGEST_TEMPORARY_FOLDER = 36
"""Characters that leave room for a socket of Ray in the 107 bytes that systems give its path."""
PROBE_SECONDS = 60.0


def short_folder() -> str | None:
    """Where Ray keeps its sockets if the machine's folder for temporary files is too long.

    ``None`` where Ray's own choice will do.

    Raises:
        InputError: nothing can be written in ``/tmp`` either.
    """
    named = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp"
    if len(named.encode()) <= LONGEST_TEMPORARY_FOLDER:
        return None
    folder = f"/tmp/ray-{os.getuid()}"
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        owner = os.lstat(folder).st_uid
    except OSError as error:
        raise InputError(
            f"the path of the temporary folder '{named}' is too long for Ray's sockets, and "
            f"'{folder}' cannot be made: {error.strerror}; set RAY_TMPDIR to a short folder"
        ) from None
    if owner != os.getuid():
        raise InputError(f"'{folder}' is somebody else's: set RAY_TMPDIR to a short folder")
    return folder


def require_shared(home: Home) -> None:
    """Write in the home folder and have every node of the cluster read it and write back.

    Raises:
        InputError: naming the nodes that see another folder, or none.
    """
    nodes = [node for node in ray.nodes() if node["Alive"]]
    if len(nodes) < 2:
        return
    word = uuid.uuid4().hex
    probe = home.folder / f".shared-{word}"
    probe.write_text(word)
    try:
        echo = ray.remote(num_cpus=0, max_retries=0)(_echo)
        asked = [
            echo.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            ).remote(str(probe), node["NodeID"])
            for node in nodes
        ]
        ray.wait(asked, num_returns=len(asked), timeout=PROBE_SECONDS)
        unshared = [
            str(node["NodeManagerAddress"])
            for node in nodes
            if not _answered(probe, node["NodeID"], word)
        ]
    finally:
        for file in home.folder.glob(f"{probe.name}*"):
            file.unlink(missing_ok=True)
    if unshared:
        raise InputError(
            f"'{home.folder}' is not the same folder on node {', '.join(unshared)}: expected a "
            "--home on storage that all nodes of the cluster share"
        )


def _answered(probe: Path, node: str, word: str) -> bool:
    answer = probe.with_name(f"{probe.name}-{node}")
    return answer.is_file() and answer.read_text() == word


def _echo(path: str, node: str) -> None:
    """Read the probe and write its word beside it."""
    probe = Path(path)
    probe.with_name(f"{probe.name}-{node}").write_text(probe.read_text())
