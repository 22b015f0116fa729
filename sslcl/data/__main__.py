"""``python -m sslcl.data``: which datasets there are, and what is in them."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import torch
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sslcl.data import (
    CATALOG,
    DATA_DIR_VARIABLE,
    PAD_LABEL,
    Dataset,
    DatasetSource,
    load_dataset,
    measured_facts,
)
from sslcl.data.commands.check import check
from sslcl.data.commands.convert import convert
from sslcl.data.commands.fetch import fetch_command
from sslcl.data.commands.settings import parse_settings
from sslcl.data.loading.checks import splits_of
from sslcl.data.published.downloads import SOURCES
from sslcl.errors import InputError


@click.group()
def main() -> None:
    """Show the datasets that studies can use."""


main.add_command(check)
main.add_command(convert)
main.add_command(fetch_command)


_DATA_DIR = click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    envvar=DATA_DIR_VARIABLE,
    help=f"Folder that holds the datasets' folders [env: {DATA_DIR_VARIABLE}].",
)


@main.command("list")
@_DATA_DIR
def list_datasets(data_dir: Path | None) -> None:
    """List the datasets: what each is, how to get it, and whether DATA_DIR holds it."""
    table = Table()
    table.add_column("name", no_wrap=True)
    for title in ("what it is", "licence", "how to get it", *(["here"] if data_dir else [])):
        table.add_column(title)
    for name in CATALOG.names():
        licence, how = _how_to_get(name)
        here = [_presence(name, data_dir)] if data_dir else []
        table.add_row(name, *map(escape, (CATALOG.get(name).summary, licence, how, *here)))
    Console().print(table)


def _how_to_get(name: str) -> tuple[str, str]:
    if name not in SOURCES:
        embedded = CATALOG.get(name).files is DatasetSource.files
        return "", "embedded" if embedded else "your files"
    return SOURCES[name].licence, "fetch" if SOURCES[name].files else "on request"


def _presence(name: str, data_dir: Path) -> str:
    """Whether the folder of the dataset is there, with all files that can be fetched."""
    if name not in SOURCES:
        return ""
    folder = data_dir / name
    if not folder.is_dir() or not os.listdir(folder):
        return "no"
    missing = [file.path for file in SOURCES[name].files if not (folder / file.path).is_file()]
    return f"{len(missing)} files missing" if missing else "yes"


@main.command()
@click.argument("name")
@_DATA_DIR
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="An option of the dataset, such as task=sentiment.",
)
def describe(name: str, data_dir: Path | None, settings: Sequence[str]) -> None:
    """Show sizes, class shares, known figures and notes of dataset NAME."""
    options = parse_settings(settings)
    dataset = load_dataset(name, options, data_dir)
    facts = measured_facts(dataset, options, name)
    console = Console()
    kind = "SYNTHETIC" if dataset.synthetic else "real"
    console.print(f"[bold]{escape(dataset.name)}[/bold] ({kind})")
    console.print(escape(dataset.description))
    widths = ", ".join(f"{name} {width}" for name, width in dataset.modalities.items())
    console.print(f"modalities: {escape(widths)}; at most {dataset.speakers} speakers")
    console.print(f"fingerprint: {dataset.fingerprint}", soft_wrap=True)
    console.print(_split_table(dataset))
    if facts:
        console.print(_fact_table(facts, kind))
    for note in dataset.notes:
        console.print(f"note: {escape(note)}", soft_wrap=True)


def _split_table(dataset: Dataset) -> Table:
    names = [name for name, _ in splits_of(dataset)]
    table = Table("", *names)
    columns: list[list[str]] = []
    for _, split in splits_of(dataset):
        labels = torch.cat([c.labels for c in split])
        judged = labels[labels != PAD_LABEL]
        shares = torch.bincount(judged, minlength=len(dataset.label_names)) / len(judged)
        counts = (len(split), len(labels), len(labels) - len(judged))
        columns.append([*map(str, counts), *(f"{x:.1%}" for x in shares.tolist())])
    rows = ("conversations", "utterances", "of these, context only", *dataset.label_names)
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
