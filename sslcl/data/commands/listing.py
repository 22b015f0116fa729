"""``python -m sslcl.data list``."""

import os
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sslcl.command import OneLineCommand, data_dir_option, plugin_option
from sslcl.data.datasets import CATALOG, DatasetSource
from sslcl.data.published.corpora import RECORDS


@click.command("list", cls=OneLineCommand)
@data_dir_option
@plugin_option
def main(data_dir: Path | None) -> None:
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
    if name not in RECORDS:
        embedded = CATALOG.get(name).files is DatasetSource.files
        return "", "embedded" if embedded else "your files"
    return RECORDS[name].licence, "fetch" if RECORDS[name].files else "on request"


def _presence(name: str, data_dir: Path) -> str:
    """Whether the folder of the dataset is there, with all files that can be fetched."""
    if name not in RECORDS:
        return ""
    folder = data_dir / name
    if not folder.is_dir() or not os.listdir(folder):
        return "no"
    missing = [file.path for file in RECORDS[name].files if not (folder / file.path).is_file()]
    return f"{len(missing)} files missing" if missing else "yes"
