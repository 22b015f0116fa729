"""``sslcl-data``: which datasets there are, how to get them, and what is in them."""

from collections.abc import Mapping

import click

from sslcl.command import LazyCommand, LazyGroup

COMMANDS: Mapping[str, LazyCommand] = {
    "list": LazyCommand("sslcl.data.commands.listing", "List the datasets and how to get each."),
    "describe": LazyCommand(
        "sslcl.data.commands.describe", "Show sizes, class shares and notes of a dataset."
    ),
    "fetch": LazyCommand("sslcl.data.commands.fetch", "Download a published corpus."),
    "check": LazyCommand("sslcl.data.commands.check", "Check a corpus in any known format."),
    "init": LazyCommand("sslcl.data.commands.init", "Write the card of a table of your own."),
    "convert": LazyCommand("sslcl.data.commands.convert", "Write a corpus in the open format."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def main() -> None:
    """Show, fetch, check and convert the datasets that studies can use."""


if __name__ == "__main__":
    main(prog_name="python -m sslcl.data")
