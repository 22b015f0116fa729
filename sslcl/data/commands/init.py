"""``python -m sslcl.data init TABLE``."""

from pathlib import Path
from shlex import quote

import click

from sslcl.command import OneLineCommand
from sslcl.data.formats.own._tables import table_of_folder
from sslcl.data.formats.own.guess import write_card


@click.command("init", cls=OneLineCommand)
@click.argument("table", metavar="TABLE", type=click.Path(path_type=Path))
def main(table: Path) -> None:
    """Write the card of TABLE (CSV, TSV, XLSX, JSON, JSONL or Parquet), to be corrected by you.

    TABLE may be a folder with one table, or with one for each split.
    """
    if table.is_dir():
        table = table_of_folder(table)
    guessed = write_card(table)
    click.echo(guessed.card.rstrip("\n"))
    for reason in guessed.reasons:
        click.echo(f"because: {reason}")
    for lack in guessed.missing:
        click.echo(f"to do: {lack}")
    folder = table.parent
    click.echo(f"written: {folder / 'data.yaml'}; read it, correct it (docs/your-data.md says how)")
    click.echo(f"next: python -m sslcl.data check {quote(str(folder))}")
