"""``sslcl-study``: the commands of this package under one name."""

from collections.abc import Mapping

import click

from sslcl.command import LazyCommand, LazyGroup

COMMANDS: Mapping[str, LazyCommand] = {
    "run": LazyCommand("study.run", "Run a study, or go on with it."),
    "report": LazyCommand("study.report", "Show what a study found."),
    "compare": LazyCommand("study.compare", "Show what two trials, cells or studies differ in."),
    "replay": LazyCommand("study.replay", "Train one trial again and compare it bit for bit."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def main() -> None:
    """Studies of SSLCL: run, report, compare, replay."""


if __name__ == "__main__":
    main()
