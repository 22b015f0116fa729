"""``python -m sslcl.data describe NAME``."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import torch
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sslcl.command import OneLineCommand, data_dir_option, plugin_option
from sslcl.data.commands.settings import parse_settings
from sslcl.data.datasets import load_dataset, measured_facts
from sslcl.data.loading.checks import splits_of
from sslcl.data.types import PAD_LABEL, Dataset


@click.command("describe", cls=OneLineCommand)
@click.argument("name")
@data_dir_option
@plugin_option
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="An option of the dataset, such as task=sentiment.",
)
def main(name: str, data_dir: Path | None, settings: Sequence[str]) -> None:
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
