"""A study on four nodes, of which two are killed and one is added, and its driver killed too.

The second driver keeps checkpoints and models behind a URL.
"""

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from .conftest import CELLS, REPEATABLE, SEEDS, Home

pytestmark = pytest.mark.slow
PLANNED = CELLS * SEEDS
TRAINED = "select count(*) from trials where status = 'COMPLETE'"


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A head that trains nothing."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    yield made
    made.shutdown()


def kill_node(node: Any) -> None:
    """As a machine that loses its power: the raylet by SIGKILL; its workers end with it."""
    os.kill(node.all_processes["raylet"][0].process.pid, signal.SIGKILL)


def test_nodes_that_die_or_join_and_a_new_driver_change_nothing_in_the_tables(
    home: Home, cluster: Any, undisturbed: list[list[str]]
) -> None:
    nodes = [cluster.add_node(num_cpus=1) for _ in range(4)]
    home.study = REPEATABLE
    home.__post_init__()
    where = ("--address", cluster.address, "--workers", "4")

    def trained(process: Any, number: int) -> None:
        assert home.wait_for(lambda: home.count(TRAINED) >= number, process), "it ended too soon"

    process = home.start(*where)
    trained(process, 6)
    kill_node(nodes[0])
    trained(process, 12)
    process.send_signal(signal.SIGKILL)
    process.wait()
    elsewhere = home.path / "elsewhere"
    before = set((home.runs / "checkpoints").glob("*"))
    process = home.start(*where, "--artifacts", f"file://{elsewhere}")
    trained(process, 16)
    kill_node(nodes[1])
    cluster.add_node(num_cpus=1)
    said, _ = process.communicate(timeout=800)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert "(raylet)" not in said
    assert {path.name for path in elsewhere.iterdir()} <= {"checkpoints", "ray", "results-id.txt"}
    assert not list(elsewhere.rglob("*.pt"))
    assert set((home.runs / "checkpoints").glob("*")) <= before
    assert home.tables() == undisturbed
    assert home.sql("select status, count(*) from trials group by status") == [
        ("COMPLETE", PLANNED)
    ]
    runs = home.sql(
        "select r.status, count(*), count(distinct t.value) from runs r "
        "join tags t on t.run_uuid = r.run_uuid where t.key = 'trial' group by r.status",
        "mlflow.db",
    )
    assert runs == [("FINISHED", PLANNED, PLANNED)]
    assert home.run("--check", module="tracking.reconcile").returncode == 0
