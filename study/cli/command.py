"""What the command lines share."""

import sys
from typing import Any

import click


class OneLineCommand(click.Command):
    """A command that answers a mistaken command line in one line, with exit code 2."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Click's hook that parses the command line."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            line = " ".join(error.format_message().split())
            click.echo(f"error: {line}", err=True)
            sys.exit(2)
