import errno
import sqlite3
from pathlib import Path

import pytest

from sslcl.errors import InputError
from study.execution.machine.outside import told_plainly
from tracking.home import Home


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "no room is left on the disk of 'runs'"),
        (sqlite3.OperationalError("database or disk is full"), "no room is left"),
        (OSError(errno.EROFS, "Read-only file system"), "'runs' can no longer be written to"),
        (
            RuntimeError("server closed the connection unexpectedly"),
            "database has gone in the midst",
        ),
    ],
)
def test_a_condition_of_the_machine_is_one_line_whatever_wraps_it(
    error: Exception, says: str
) -> None:
    wrapped = RuntimeError("Ray says something else")
    wrapped.__cause__ = error
    with pytest.raises(InputError, match=says) as told, told_plainly(Home(Path("runs"))):
        raise wrapped
    assert "run the same command again to go on; what was finished is kept" in str(told.value)
    assert "\n" not in str(told.value)


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(KeyError), told_plainly(Home()):
        raise KeyError("a mistake of ours")
    with pytest.raises(InputError, match="bad level"), told_plainly(Home()):
        raise InputError("bad level")
