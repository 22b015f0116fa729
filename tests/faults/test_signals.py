"""A person, a scheduler or a lost connection ends a study, in a real process with real Ray."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tracking.home import Home
from tracking.ledger import Ledger
from tracking.records import Status

WORDS = "quickstart --workers 1 --set search.trials=6 --set base.epochs=400 --set base.patience=400"


def started(home: Path) -> "subprocess.Popen[str]":
    """A study whose first trial is being trained."""
    process = subprocess.Popen(
        [sys.executable, "-m", "study.run", *WORDS.split(), "--home", str(home)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=_heed_signals,
    )
    deadline = time.monotonic() + 300
    while not (home / "results.db").exists() or not _training(home):
        assert process.poll() is None
        assert time.monotonic() < deadline, "no trial was started"
        time.sleep(0.2)
    time.sleep(1.0)
    return process


def _heed_signals() -> None:
    """As a shell starts a command; the tests themselves may run in its background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _training(home: Path) -> bool:
    ledger = Ledger.at(Home(home))
    try:
        names = [row.name for row in ledger.studies()]
        return bool(names) and bool(ledger.trials(names[0], status=Status.RUNNING))
    finally:
        ledger.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    "signals",
    [
        pytest.param([signal.SIGTERM], id="SIGTERM"),
        pytest.param([signal.SIGHUP], id="a lost connection"),
        pytest.param([signal.SIGINT, signal.SIGINT], id="Ctrl-C twice"),
    ],
)
def test_a_study_ends_with_130_and_nothing_running(
    signals: list[signal.Signals], tmp_path: Path
) -> None:
    process = started(tmp_path)
    for number in signals:
        process.send_signal(number)
        time.sleep(0.7)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert "stopping after the epochs in progress" in said
    if len(signals) == 1:
        assert "run the same command again to go on" in said
    assert not _training(tmp_path)
