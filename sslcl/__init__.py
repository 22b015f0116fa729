"""Supervised sample-label contrastive learning for emotion recognition in conversations.

Pure torch: data, backbones, similarities, objectives and training. It knows nothing of
schedulers, samplers or trackers.
"""

import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType


def end_quietly(number: int, frame: FrameType | None) -> None:
    """Handler of Ctrl-C while a command is still importing: no traceback, exit code 130."""
    del number, frame
    os._exit(130)


def _is_a_command() -> bool:
    # ``python -m`` calls itself so while it imports; the others are the console scripts.
    return sys.argv[:1] == ["-m"] or Path(*sys.argv[:1]).name.startswith("sslcl-")


if (
    _is_a_command()
    and threading.current_thread() is threading.main_thread()
    and signal.getsignal(signal.SIGINT) is signal.default_int_handler
):
    # Not where somebody imports this package; sslcl.command takes over.
    signal.signal(signal.SIGINT, end_quietly)
