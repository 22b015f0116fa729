"""``sslcl-tracking``: the commands of this package under one name."""

import importlib
from collections.abc import Mapping

import click

from sslcl.command import OneLineGroup

COMMANDS: Mapping[str, str] = {
    "server": "Keep the MLflow UI on what studies left.",
    "reconcile": "Compare MLflow with the results database, and repair it.",
}


class _Lazy(OneLineGroup):
    """Imports a command when it is called, so that help is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Click's hook: the names."""
        return list(COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Click's hook: the list in the help, which imports no command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Click's hook: the command of a name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"tracking.{cmd_name}").main
        return command


@click.group(cls=_Lazy)
def main() -> None:
    """What studies left: look at it in MLflow, and prove that MLflow has it all."""


if __name__ == "__main__":
    main()
