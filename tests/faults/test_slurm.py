"""The scripts of deploy/ for SLURM, run word for word, with SLURM's commands played."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import CELLS, REPEATABLE, ROOT, SEEDS, Home

pytestmark = pytest.mark.slow
PLAYED = {
    # Runs what it is given here, whatever node it is meant for.
    "srun": 'while [[ "$1" == --* ]]; do shift; done\nexec "$@"',
    "scontrol": 'if [ "$1" = show ]; then printf "n1\\nn2\\n"; else echo "$@" >>requeued; fi',
    "hostname": "echo 127.0.0.1",
}


class Job:
    """A folder to submit from, with an environment and SLURM's commands."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.folder = home.path
        played = self.folder / "played"
        played.mkdir()
        for name, body in PLAYED.items():
            (played / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
            (played / name).chmod(0o755)
        activate = self.folder / ".venv" / "bin" / "activate"
        activate.parent.mkdir(parents=True)
        activate.write_text(f"PATH={played}:{Path(sys.executable).parent}:$PATH\n")

    def submit(self, script: str, nodes: int) -> "subprocess.Popen[str]":
        """Start a job as SLURM does; each node has one core."""
        given = {
            "SLURM_SUBMIT_DIR": str(self.folder),
            "SLURM_JOB_ID": str(os.getpid()),
            "SLURM_JOB_NODELIST": "n[1-2]",
            "SLURM_JOB_NUM_NODES": str(nodes),
            "SLURM_CPUS_PER_TASK": "1" if nodes > 1 else "2",
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        }
        process = subprocess.Popen(
            ["bash", str(ROOT / "deploy" / script), "tiny.yaml"],
            cwd=self.folder,
            env={**os.environ, **given},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.home.started.append(process)
        return process


def test_a_job_that_comes_to_its_time_limit_is_requeued_and_goes_on(
    home: Home, undisturbed: list[list[str]]
) -> None:
    home.study = REPEATABLE
    home.__post_init__()
    job = Job(home)
    process = job.submit("slurm-many-nodes.sh", nodes=2)
    trained = "select count(*) from trials where status = 'COMPLETE'"
    workers = "select count(distinct worker) from trials where status = 'COMPLETE'"
    assert home.wait_for(lambda: home.count(workers) == 2, process), process.communicate()[0]
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 130, said
    assert "run the same command again to go on" in said
    assert (job.folder / "requeued").read_text() == f"requeue {os.getpid()}\n"
    assert home.count(trained) < CELLS * SEEDS
    time.sleep(1.0)
    process = job.submit("slurm-one-node.sh", nodes=1)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said
    assert home.tables() == undisturbed
