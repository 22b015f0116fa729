"""``sslcl-data``: which datasets there are, how to get them, and what is in them."""

import importlib
from collections.abc import Mapping
from typing import NamedTuple

import click

from sslcl.command import OneLineGroup


class Entry(NamedTuple):
    """A command of the group.

    Args:
        module: holds the command as ``main``.
        help: one line for the group's own help.
    """

    module: str
    help: str


COMMANDS: Mapping[str, Entry] = {
    "list": Entry("listing", "List the datasets and how to get each."),
    "describe": Entry("describe", "Show sizes, class shares and notes of a dataset."),
    "fetch": Entry("fetch", "Download a published corpus."),
    "check": Entry("check", "Check a corpus in any known format."),
    "convert": Entry("convert", "Write a corpus in the open format."),
}


class _LazyGroup(OneLineGroup):
    """Imports a command only when it is called, so that help is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Click's hook: the names."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Click's hook: the command of a name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"sslcl.data.commands.{COMMANDS[cmd_name].module}")
        command: click.Command = module.main
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Click's hook: the list of commands in the help, without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


@click.group(cls=_LazyGroup)
def main() -> None:
    """Show, fetch, check and convert the datasets that studies can use."""


if __name__ == "__main__":
    main(prog_name="python -m sslcl.data")
