import socket
import subprocess
import sys
import threading
import time
from functools import partial

import psutil

from study.execution.machine.ray_lost import EndWithRay, Part, listens, process_runs


def sleeper() -> psutil.Popen:
    return psutil.Popen([sys.executable, "-c", "import time; time.sleep(100)"])


def watched(process: psutil.Popen) -> Part:
    return Part(partial(process_runs, process))


def test_a_process_that_is_killed_is_told_once() -> None:
    ended, said = threading.Event(), []

    def end(line: str) -> None:
        said.append(line)
        ended.set()

    processes = [sleeper(), sleeper()]
    watch = EndWithRay([watched(process) for process in processes], end)
    processes[1].kill()
    assert ended.wait(30)
    watch.stop()
    processes[0].kill()
    assert len(said) == 1
    assert "run the same command again to go on" in said[0]


def test_a_process_that_ends_after_the_watch_is_no_loss() -> None:
    said: list[str] = []
    process = sleeper()
    watch = EndWithRay([watched(process)], said.append)
    watch.stop()
    process.kill()
    process.wait()
    assert said == []


def test_a_driver_without_its_ray_ends_with_exit_code_2_and_a_line() -> None:
    code = (
        "import time, psutil\n"
        "from study.execution.machine.ray_lost import EndWithRay, Part, process_runs\n"
        "child = psutil.Popen(['sleep', '100'])\n"
        "EndWithRay([Part(lambda: process_runs(child))])\n"
        "child.kill()\n"
        "time.sleep(100)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=90)
    assert done.returncode == 2
    assert done.stderr.startswith("error: Ray has stopped on this machine")
    assert done.stderr.count("\n") == 1


def test_a_head_may_be_away_for_its_time_and_no_longer() -> None:
    ended, said = threading.Event(), []

    def end(line: str) -> None:
        said.append(line)
        ended.set()

    with socket.create_server(("127.0.0.1", 0)) as head:
        port = head.getsockname()[1]
        watch = EndWithRay([Part(partial(listens, "127.0.0.1", port), 3.0, "gone")], end)
        assert not ended.wait(1.0)
    assert not ended.wait(1.0)
    with socket.create_server(("127.0.0.1", port)):
        assert not ended.wait(4.0)
    began = time.monotonic()
    assert ended.wait(30)
    watch.stop()
    assert time.monotonic() - began > 2.0
    assert said == ["gone"]
