"""How quickly the commands answer, against an interpreter that imports what they are made of."""

import os
import subprocess
import sys

import study.__main__ as study
import tracking.__main__ as tracking
from benchmarks.timing import Figure, Work, at_most, ratio

COMMANDS = (
    *(command.module for command in study.COMMANDS.values()),
    "sslcl.data",
    *(command.module for command in tracking.COMMANDS.values()),
)
MOST = 2.0


def figures() -> list[Figure]:
    """``--help`` of every command over ``import click, pydantic``."""
    bare = _process("-c", "import click, pydantic")
    return [
        at_most(
            f"`python -m {name} --help` over importing click and pydantic",
            ratio(_process("-m", name, "--help"), bare, pairs=7, warm_up=1),
            MOST,
        )
        for name in COMMANDS
    ]


def _process(*words: str) -> Work:
    def work() -> None:
        subprocess.run(
            [sys.executable, *words], check=True, stdout=subprocess.DEVNULL, env={**os.environ}
        )

    return work
