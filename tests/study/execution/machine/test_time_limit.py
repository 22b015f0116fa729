import subprocess
import sys
import time

import pytest

from study.execution.machine.time_limit import TimedOut, TimeLimit
from study.execution.trial import failure_of
from tracking.records import FailureKind


def test_what_hangs_is_interrupted() -> None:
    limit = TimeLimit(0.2)
    began = time.monotonic()
    with (
        pytest.raises(TimedOut, match=r"longer than the 0\.00333333 min of budget") as caught,
        limit,
    ):
        time.sleep(20)
    assert time.monotonic() - began < 10
    assert failure_of(caught.value)[0] is FailureKind.TIMEOUT
    time.sleep(0.3)  # no alarm is left


def test_nothing_inside_a_trial_can_go_on_by_catching_it() -> None:

    def stubborn() -> None:
        try:
            time.sleep(20)
        except Exception:
            time.sleep(20)
        finally:
            raise KeyError("some library's own")

    limit = TimeLimit(0.1)
    with pytest.raises(KeyError), limit:
        stubborn()
    assert failure_of(limit.passed or KeyError())[0] is FailureKind.TIMEOUT
    limit.start()
    assert limit.passed is None


def test_epochs_of_a_trial_are_counted_together_and_the_next_trial_anew() -> None:
    limit = TimeLimit(0.3)
    for _ in range(2):
        limit.start()
        with limit:
            time.sleep(0.05)
        time.sleep(0.3)
        with pytest.raises(TimedOut), limit:
            raise AssertionError("no time was left")


def test_no_limit_limits_nothing() -> None:
    with TimeLimit(None):
        time.sleep(0.01)


def test_what_no_signal_interrupts_ends_with_its_process() -> None:
    code = (
        "import signal\n"
        "from study.execution.machine.time_limit import TimeLimit\n"
        "with TimeLimit(0.1, grace=0.2):\n"
        "    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])\n"
        "    import time; time.sleep(60)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=50).returncode == 1
