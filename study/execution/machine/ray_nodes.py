"""What the nodes of a Ray cluster must have: sockets, one home for all, and the driver's code."""

import os
import socket
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from sslcl.errors import InputError
from sslcl.source_code import files_digest, package_folder
from tracking.artifacts import reason, shown_place
from tracking.home import Home

LONGEST_TEMPORARY_FOLDER = 36
"""Characters that leave room for a socket of Ray in the 107 bytes that systems give its path."""
PROBE_SECONDS = 60.0
PACKAGES = ("search_spaces", "sslcl", "study", "tracking")
"""All code of this project."""


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
    if len(_alive()) < 2:
        return
    word = uuid.uuid4().hex
    probe = home.folder / f".shared-{word}"
    probe.write_text(word)
    try:
        unshared = [
            str(node["NodeManagerAddress"])
            for node, _ in _on_each(_echo, str(probe))
            if not _answered(probe, node["NodeID"], word)
        ]
    finally:
        for file in home.folder.glob(f"{probe.name}*"):
            file.unlink(missing_ok=True)
    if unshared:
        raise InputError(
            f"'{home.folder}' is not the same folder on node {', '.join(unshared)}: expected a "
            "--home on storage that all nodes of the cluster share, or --artifacts URL"
        )


def require_artifacts(home: Home) -> None:
    """Have a process of every node read and write where ``--artifacts`` says.

    Raises:
        InputError: naming the nodes that cannot, and why the first of them cannot.
    """
    url, store, word = home.artifacts_url or "", home.store, uuid.uuid4().hex
    probe = f"probe-{word}"

    def echo(name: str, node: str) -> None:
        store.write(f"{name}-{node}", store.read(name))

    failed: dict[str, str] = {}
    store.write(probe, word.encode())
    try:
        for node, answer in _on_each(echo, probe):
            name = f"{probe}-{node['NodeID']}"
            try:
                ray.get(answer, timeout=0.1)
                if store.read(name) != word.encode():
                    raise FileNotFoundError(name)
            except Exception as error:
                cause = getattr(error, "cause", None) or error
                failed[str(node["NodeManagerAddress"])] = reason(cause, url)
            finally:
                store.remove(name)
    finally:
        store.remove(probe)
    if failed:
        raise InputError(
            f"node {', '.join(failed)} cannot use the artifacts at '{shown_place(url)}': "
            f"{next(iter(failed.values()))}"
        )


def _alive() -> list[dict[str, Any]]:
    """The nodes of the cluster, as far as Ray knows."""
    return [node for node in ray.nodes() if node["Alive"]]


def _answered(probe: Path, node: str, word: str) -> bool:
    answer = probe.with_name(f"{probe.name}-{node}")
    return answer.is_file() and answer.read_text() == word


def _on_each(
    function: Callable[[str, str], Any], word: str
) -> list[tuple[dict[str, Any], ray.ObjectRef]]:
    """Call ``function`` with ``word`` and the node's id on each node, whatever comes of it.

    Returns:
        The nodes that have not died meanwhile, and references to their answers. One that has just
        died counts as alive until Ray notices.
    """
    nodes = _alive()
    task = ray.remote(num_cpus=0, max_retries=0)(function)
    asked = [
        task.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote(word, node["NodeID"])
        for node in nodes
    ]
    ray.wait(asked, num_returns=len(asked), timeout=PROBE_SECONDS)
    still_alive = {node["NodeID"] for node in _alive()}
    pairs = zip(nodes, asked, strict=True)
    return [(node, answer) for node, answer in pairs if node["NodeID"] in still_alive]


def _echo(path: str, node: str) -> None:
    """Read the probe and write its word beside it."""
    probe = Path(path)
    probe.with_name(f"{probe.name}-{node}").write_text(probe.read_text())


def code_modules() -> list[str]:
    """The folders of this project's packages, for Ray to give to workers of other machines."""
    return [str(package_folder(name)) for name in PACKAGES]


def require_same_code(code: str) -> None:
    """Refuse a cluster in which some node would train with another version of this project.

    Args:
        code: the driver's own :func:`~sslcl.source_code.files_digest`.

    Raises:
        InputError: naming the nodes that have another version, or none.
    """
    others = []
    for node, answer in _on_each(_code_here, ""):
        try:
            same = ray.get(answer, timeout=0.1) == code
        except Exception:
            # Without the package, or with one that lacks what is asked for, nothing can be told.
            same = False
        if not same:
            others.append(str(node["NodeManagerAddress"]))
    if others:
        raise InputError(
            f"node {', '.join(others)} has another version of sslcl-studies than this one, or "
            "none: install the same one on all nodes"
        )


def other_code(code: str) -> str:
    """Why this worker may not train for a driver of that code; empty where it may."""
    if not code or files_digest(PACKAGES) == code:
        return ""
    return (
        f"node {socket.gethostname()} has another version of sslcl-studies than the driver: "
        "install the same one on all nodes, and run the same command again"
    )


def _code_here(_word: str, _node: str) -> str:
    return files_digest(PACKAGES)
