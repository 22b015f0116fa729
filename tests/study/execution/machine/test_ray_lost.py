import subprocess
import sys
import threading

import psutil

from study.execution.machine.ray_lost import EndWithRay


def sleeper() -> psutil.Popen:
    return psutil.Popen([sys.executable, "-c", "import time; time.sleep(100)"])


def test_a_process_that_is_killed_is_told_once() -> None:
    ended, said = threading.Event(), []

    def end(line: str) -> None:
        said.append(line)
        ended.set()

    processes = [sleeper(), sleeper()]
    watch = EndWithRay(processes, end)
    processes[1].kill()
    assert ended.wait(30)
    watch.stop()
    processes[0].kill()
    assert len(said) == 1
    assert "run the same command again to go on" in said[0]


def test_a_process_that_ends_after_the_watch_is_no_loss() -> None:
    said: list[str] = []
    process = sleeper()
    watch = EndWithRay([process], said.append)
    watch.stop()
    process.kill()
    process.wait()
    assert said == []


def test_a_driver_without_its_ray_ends_with_exit_code_2_and_a_line() -> None:
    code = (
        "import time, psutil\n"
        "from study.execution.machine.ray_lost import EndWithRay\n"
        "child = psutil.Popen(['sleep', '100'])\n"
        "EndWithRay([child])\n"
        "child.kill()\n"
        "time.sleep(100)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=90)
    assert done.returncode == 2
    assert done.stderr.startswith("error: Ray has stopped on this machine")
    assert done.stderr.count("\n") == 1
