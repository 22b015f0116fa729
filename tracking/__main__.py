"""``sslcl-tracking``: the commands of this package under one name."""

from collections.abc import Mapping

import click

from sslcl.command import LazyCommand, LazyGroup

COMMANDS: Mapping[str, LazyCommand] = {
    "server": LazyCommand("tracking.server", "Keep the MLflow UI on what studies left."),
    "reconcile": LazyCommand(
        "tracking.reconcile", "Compare MLflow with the results database, and repair it."
    ),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def main() -> None:
    """What studies left: look at it in MLflow, and prove that MLflow has it all."""


if __name__ == "__main__":
    main()
