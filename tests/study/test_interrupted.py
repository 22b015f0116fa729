"""Ctrl-C before a command has begun: while its modules, or those that they need, are imported."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRESSES_CTRL_C = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(5)\n"
MODULES = (
    "study.run",
    "study.report",
    "study",
    "tracking.reconcile",
    "tracking.server",
    "sslcl.data",
)


@pytest.mark.medium
@pytest.mark.parametrize(
    ("library", "module"), [*(("click", module) for module in MODULES), ("torch", "study.run")]
)
def test_there_is_no_traceback_and_the_exit_code_is_130(
    library: str, module: str, tmp_path: Path
) -> None:
    (tmp_path / f"{library}.py").write_text(PRESSES_CTRL_C)
    words = (
        ["quickstart", "--home", str(tmp_path / "runs")] if module == "study.run" else ["--help"]
    )
    done = subprocess.run(
        [sys.executable, "-m", module, *words],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
        capture_output=True,
        text=True,
        timeout=120,
        # A shell starts what runs in its background with Ctrl-C ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert done.returncode == 130
    assert done.stderr.strip() == ""
    assert not (tmp_path / "runs").exists()
