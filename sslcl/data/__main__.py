"""``python -m sslcl.data``: which datasets there are, and what is in them."""

import sys
from collections.abc import Mapping
from pathlib import Path

import click
import torch
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sslcl.data import CATALOG, Dataset, load_dataset, measured_facts
from sslcl.data._checks import splits_of
from sslcl.data._command_check import check
from sslcl.data._command_convert import convert
from sslcl.errors import InputError


@click.group()
def main() -> None:
    """Show the datasets that studies can use."""


main.add_command(check)
main.add_command(convert)


@main.command("list")
def list_datasets() -> None:
    """List the datasets by name."""
    table = Table("name", "what it is")
    for name in CATALOG.names():
        table.add_row(name, escape(CATALOG.get(name).summary))
    Console().print(table)


@main.command()
@click.argument("name")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="Folder that holds the datasets' folders; SSLCL_DATA when left out.",
)
def describe(name: str, data_dir: Path | None) -> None:
    """Show sizes, class shares and known figures of dataset NAME."""
    dataset = load_dataset(name, data_dir=data_dir)
    console = Console()
    kind = "SYNTHETIC" if dataset.synthetic else "real"
    console.print(f"[bold]{escape(dataset.name)}[/bold] ({kind})")
    console.print(escape(dataset.description))
    widths = ", ".join(f"{name} {width}" for name, width in dataset.modalities.items())
    console.print(f"modalities: {escape(widths)}; at most {dataset.speakers} speakers")
    console.print(f"fingerprint: {dataset.fingerprint}", soft_wrap=True)
    console.print(_split_table(dataset))
    facts = measured_facts(dataset)
    if facts:
        console.print(_fact_table(facts, kind))


def _split_table(dataset: Dataset) -> Table:
    names = [name for name, _ in splits_of(dataset)]
    table = Table("", *names)
    columns: list[list[str]] = []
    for _, split in splits_of(dataset):
        labels = torch.cat([c.labels for c in split])
        shares = torch.bincount(labels, minlength=len(dataset.label_names)) / len(labels)
        columns.append([str(len(split)), str(len(labels)), *(f"{x:.1%}" for x in shares.tolist())])
    rows = ("conversations", "utterances", *dataset.label_names)
    for title, *cells in zip(rows, *columns, strict=True):
        table.add_row(escape(title), *cells)
    return table


def _fact_table(facts: Mapping[str, float], kind: str) -> Table:
    table = Table(f"known figures ({kind}, test split)", "")
    for name, value in facts.items():
        table.add_row(escape(name), f"{value:.4f}")
    return table


def run() -> None:
    """Entry point: bad input is one line on stderr and exit code 2."""
    try:
        main()
    except InputError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    run()
