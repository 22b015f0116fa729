from collections.abc import Iterator
from pathlib import Path

import pytest

from sslcl.errors import InputError
from study.execution.machine import ray_nodes
from study.execution.machine.ray_nodes import require_shared, short_folder
from tracking.home import Home


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


def _blind(path: str, node: str) -> None:
    """A node that has no such folder."""
    raise FileNotFoundError(path, node)
