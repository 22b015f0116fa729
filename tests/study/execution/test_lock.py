"""One driver at a time in one home."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sslcl.errors import InputError
from study.execution.lock import only_driver
from tracking.home import Home

ROOT = Path(__file__).resolve().parents[3]
HOLD = """
import sys, time
from pathlib import Path
from study.execution.lock import only_driver
from tracking.home import Home
with only_driver(Home(Path(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_driver_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    home = Home(tmp_path / "runs")
    with only_driver(home):
        with pytest.raises(InputError) as told, only_driver(home):
            pass
        message = str(told.value)
    assert "\n" not in message
    assert str(home.folder) in message
    assert f"process {os.getpid()}" in message
    assert "--home" in message


def test_a_link_that_was_put_there_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("kept")
    home = Home(tmp_path / "runs")
    home.folder.mkdir()
    home.lock.symlink_to(victim)
    with pytest.raises(InputError, match="cannot keep results in"), only_driver(home):
        pass
    assert victim.read_text() == "kept"


def test_it_is_free_again_after_the_block_and_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), only_driver(Home(tmp_path)):
        raise KeyError("a driver that fails")
    with only_driver(Home(tmp_path)):
        pass


def test_other_folders_are_free(tmp_path: Path) -> None:
    with only_driver(Home(tmp_path / "a")), only_driver(Home(tmp_path / "b")):
        pass


def test_it_is_free_again_when_the_holder_is_killed(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(InputError, match=f"process {holder.pid}"), only_driver(Home(tmp_path)):
            pass
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    with only_driver(Home(tmp_path)):
        assert Home(tmp_path).lock.read_text() == str(os.getpid())


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    home = Home(tmp_path / "file" / "runs")
    with pytest.raises(InputError, match="cannot keep results in") as told, only_driver(home):
        pass
    assert "\n" not in str(told.value)
