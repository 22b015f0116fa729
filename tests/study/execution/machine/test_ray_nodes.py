from collections.abc import Iterator
from pathlib import Path

import pytest

from sslcl.errors import InputError
from sslcl.source_code import files_digest
from study.execution.machine import ray_nodes
from study.execution.machine.ray_nodes import (
    PACKAGES,
    other_code,
    require_artifacts,
    require_same_code,
    require_shared,
    short_folder,
)
from study.execution.ray_worker import TrialWorker
from tracking.home import Home
from tracking.records import FailureKind


def test_a_long_temporary_folder_is_not_used_for_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv("TMPDIR", "/scratch/slurm/job-123456789/user/project/very/deep")
    folder = short_folder()
    assert folder is not None
    assert Path(folder).is_dir()
    assert len(folder) <= ray_nodes.LONGEST_TEMPORARY_FOLDER
    monkeypatch.setenv("TMPDIR", "/tmp")
    assert short_folder() is None


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[None]:
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, logging_level="ERROR", log_to_driver=False)
    yield
    ray.shutdown()
    cluster.shutdown()


@pytest.mark.slow
@pytest.mark.usefixtures("two_nodes")
def test_every_node_must_see_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path)
    require_shared(home)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(ray_nodes, "_echo", _blind)
    with pytest.raises(InputError, match=r"is not the same folder on node .*: expected a --home"):
        require_shared(home)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.usefixtures("two_nodes")
def test_every_node_must_reach_the_artifacts(tmp_path: Path) -> None:
    home = Home(tmp_path / "runs", artifacts_url=f"file://{tmp_path}/elsewhere")
    require_artifacts(home)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    # Each process has a memory of its own.
    with pytest.raises(InputError, match=r"^node .* cannot use the artifacts at 'memory://x': "):
        require_artifacts(Home(tmp_path / "runs", artifacts_url="memory://x"))


def _blind(path: str, node: str) -> None:
    """A node that has no such folder."""
    raise FileNotFoundError(path, node)


@pytest.mark.slow
@pytest.mark.usefixtures("two_nodes")
def test_nodes_with_other_code_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    require_same_code(files_digest(PACKAGES))
    with pytest.raises(InputError, match=r"node .*, .* has another version of sslcl-studies"):
        require_same_code("another")
    monkeypatch.setattr(ray_nodes, "_code_here", _absent)
    with pytest.raises(InputError, match="or none: install the same one on all nodes"):
        require_same_code(files_digest(PACKAGES))


def _absent(word: str, node: str) -> str:
    """A node without the package."""
    raise ModuleNotFoundError(word, node)


def test_a_worker_that_joined_with_other_code_says_so_and_trains_nothing() -> None:
    assert other_code("") == ""
    assert other_code(files_digest(PACKAGES)) == ""
    worker = TrialWorker.__new__(TrialWorker)
    worker._refusal = other_code("another")
    answer = worker.step()
    assert answer["done"]
    assert answer["failure"] == FailureKind.NODE
    assert "has another version of sslcl-studies than the driver" in answer["message"]
