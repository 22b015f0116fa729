"""``sslcl-study``: the commands of this package under one name."""

import importlib
from collections.abc import Mapping

import click

from sslcl.command import OneLineGroup

COMMANDS: Mapping[str, str] = {
    "run": "Run a study, or go on with it.",
    "report": "Show what a study found.",
    "compare": "Show what two trials, cells or studies differ in.",
    "replay": "Train one trial again and compare it bit for bit.",
}


class _Lazy(OneLineGroup):
    """Imports a command when it is called, so that help is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Click's hook: the names."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Click's hook: the command of a name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"study.{cmd_name}").main
        return command


@click.group(cls=_Lazy)
def main() -> None:
    """Studies of SSLCL: run, report, compare, replay."""


if __name__ == "__main__":
    main()
