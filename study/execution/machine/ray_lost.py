"""What a study does when the Ray that it trains on is gone: it ends in one line."""

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import psutil
from rich.console import Console

from sslcl.command import BAD_INPUT, fail

LOOK_SECONDS = 0.5
OWN_PROCESSES = ("gcs_server", "raylet")
"""Of Ray's processes, those without which a driver is ended by Ray itself, without a word."""


class EndWithRay:
    """Ends this process with exit code 2 once a process of the Ray that it has started is gone.

    Ray would end it too, within a minute, with exit code 1 and nothing that a person can use. The
    process ends at once, as if it were killed: the same command goes on from the results database.

    Args:
        processes: of Ray.
        end: called with the line that says so.
    """

    def __init__(
        self, processes: Sequence[psutil.Process], end: Callable[[str], None] | None = None
    ) -> None:
        self._processes = processes
        self._end = end or _end
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="end-with-ray")
        self._thread.start()

    @classmethod
    def of_this_process(cls) -> "EndWithRay":
        """Watch what ``ray.init`` has just started here."""
        children = psutil.Process().children()
        return cls([child for child in children if _name(child) in OWN_PROCESSES])

    def stop(self) -> None:
        """Watch no longer, as before Ray is stopped."""
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(LOOK_SECONDS):
            for process in self._processes:
                if not _runs(process):
                    # The processes of a machine that shuts down, or of a terminal that is closed,
                    # end together.
                    time.sleep(LOOK_SECONDS)
                    if not self._stopped.is_set():
                        self._end(
                            "Ray has stopped on this machine, as when a process of it is killed or "
                            "memory runs out: run the same command again to go on; what was "
                            "finished is kept"
                        )
                    return


def _name(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return process.name()
    return ""


def _runs(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _end(line: str) -> None:
    """End without Ray's own last steps, which would wait for what is gone."""
    with suppress(OSError, ValueError, SystemExit):
        Console().show_cursor()  # which a progress bar hides
        sys.stdout.flush()
        fail(line)
    os._exit(BAD_INPUT)
