"""A study of 100 trials on four machines, of which some are lost, its driver and the head too.

The machines are hosts with addresses of their own, joined as docs/clusters.md says, or, where these
cannot be had, nodes of a Ray cluster on this machine.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import pytest

from .conftest import REPEATABLE, ROOT, Home
from .hosts import Hosts, NoHosts

pytestmark = pytest.mark.slow
HUNDRED = REPEATABLE.replace("[4, 8]", "[4, 8, 16]").replace("seeds: 14", "seeds: 25")
PLANNED = 4 * 25
TRAINED = "select count(*) from trials where status = 'COMPLETE'"
PAGE = (ROOT / "docs" / "clusters.md").read_text(encoding="utf-8")
TOKEN, HEAD, NODE, RUN = re.findall(
    r"^(?:export RAY_AUTH_MODE|ray start|python -m study.run .* --address).*$",
    PAGE[PAGE.index("Or start Ray by hand") :],
    re.MULTILINE,
)
"""What a person types."""
ATTEMPTS = 4
SMALL = "--num-cpus=1 --object-store-memory=100000000"


class Machines(Protocol):
    """Machines that train a trial at a time each; the first is the cluster's head."""

    def start(self, *machines: int) -> None:
        """Have machines join the cluster."""

    def drive(self, machine: int) -> "subprocess.Popen[str]":
        """Start the study on a machine, or go on with it."""

    def kill(self, machine: int) -> None:
        """Have a machine lose its power."""


class OnHosts:
    """As docs/clusters.md says, on hosts with addresses of their own."""

    def __init__(self, hosts: Hosts, home: Home) -> None:
        self._hosts = hosts
        self._home = home
        draw = ["sh", "-c", f"{TOKEN}; echo $RAY_AUTH_MODE $RAY_AUTH_TOKEN"]
        drawn = subprocess.run(draw, capture_output=True, text=True, check=True).stdout
        names = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN")
        hosts.environment = {
            **{name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"},
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            **dict(zip(names, drawn.split(), strict=True)),
        }

    def start(self, *machines: int) -> None:
        for machine in machines:
            line = f"{NODE if machine else HEAD} {SMALL}"
            log = self._home.path / f"ray{machine}.log"
            for _ in range(ATTEMPTS):
                if self._hosts.type_quietly(machine, line, log).wait(timeout=300) == 0:
                    break
                # Ray gives a node half a minute to start, which a busy machine may need.
                self._hosts.kill(machine)
            else:
                raise AssertionError(log.read_text())

    def drive(self, machine: int) -> "subprocess.Popen[str]":
        line = RUN.replace("my_study.yaml", "tiny.yaml")
        line = line.replace("/shared/runs", str(self._home.runs))
        process = self._hosts.type(machine, f"{line} --workers 4", self._home.path)
        self._home.started.append(process)
        return process

    def kill(self, machine: int) -> None:
        assert self._hosts.kill(machine) > 0


class OnRaylets:
    """Nodes of a cluster that Ray's own tests use, all on this machine."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._cluster: Any = None
        self._nodes: dict[int, Any] = {}

    def start(self, *machines: int) -> None:
        from ray.cluster_utils import Cluster

        for machine in machines:
            if machine == 0:
                self._cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
                self._nodes[0] = self._cluster.head_node
            else:
                self._nodes[machine] = self._cluster.add_node(num_cpus=1)

    def drive(self, machine: int) -> "subprocess.Popen[str]":
        del machine
        return self._home.start("--address", self._cluster.address, "--workers", "4")

    def kill(self, machine: int) -> None:
        # Workers end with their raylet.
        for parts in self._nodes.pop(machine).all_processes.values():
            for part in parts:
                with suppress(ProcessLookupError):
                    os.kill(part.process.pid, signal.SIGKILL)

    def remove(self) -> None:
        self._cluster.shutdown()


@pytest.fixture
def machines(home: Home) -> Iterator[Machines]:
    hosts = Hosts(5)
    try:
        hosts.connect()
    except NoHosts:
        hosts.remove()
        raylets = OnRaylets(home)
        yield raylets
        raylets.remove()
        return
    try:
        yield OnHosts(hosts, home)
    finally:
        hosts.remove()


def test_machines_that_are_lost_or_join_and_new_drivers_change_nothing_in_the_tables(
    home: Home, machines: Machines, tmp_path_factory: pytest.TempPathFactory
) -> None:
    undisturbed = Home(tmp_path_factory.mktemp("undisturbed"), HUNDRED)
    assert undisturbed.run().returncode == 0
    home.study = HUNDRED
    home.__post_init__()

    def trained(process: "subprocess.Popen[str]", number: int) -> None:
        reached = home.wait_for(lambda: home.count(TRAINED) >= number, process)
        assert reached, process.communicate()[0]

    machines.start(0)
    machines.start(1, 2, 3)
    process = machines.drive(0)
    trained(process, 8)
    machines.kill(3)
    trained(process, 20)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process = machines.drive(1)
    machines.start(4)
    trained(process, 28)
    machines.kill(2)
    trained(process, 36)
    machines.kill(0)
    lost, _ = process.communicate(timeout=120)
    assert process.returncode == 2, lost
    # A driver beside the head is told of its own machine.
    assert len(re.findall("error: (?:the head of the Ray cluster|Ray has stopped)", lost)) == 1
    assert "run the same command again to go on" in " ".join(lost.split())
    machines.kill(1)
    machines.kill(4)
    machines.start(0)
    machines.start(1)
    process = machines.drive(0)
    trained(process, home.count(TRAINED) + 8)
    machines.kill(1)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert "Traceback" not in lost + said
    assert "(raylet)" not in lost + said
    assert home.tables() == undisturbed.tables()
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
