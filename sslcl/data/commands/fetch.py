"""``python -m sslcl.data fetch``."""

from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from sslcl.command import DATA_DIR_VARIABLE, OneLineCommand, data_dir_option
from sslcl.data.commands.download import fetch
from sslcl.data.datasets import CATALOG
from sslcl.data.published.corpora import RECORDS
from sslcl.data.published.record import CorpusRecord
from sslcl.errors import InputError, unknown


@click.command("fetch", cls=OneLineCommand)
@click.argument("name")
@data_dir_option
def main(name: str, data_dir: Path | None) -> None:
    """Download corpus NAME into DATA_DIR/NAME, at a pinned commit and checked by SHA-256.

    A download that was cut short is gone on with, and files that are there are kept. For a corpus
    that must be asked for it says where, and where to put it, and ends with exit code 2, as
    nothing was fetched.
    """
    if name in CATALOG.names() and name not in RECORDS:
        raise InputError(f"dataset '{name}' needs no download")
    if name not in RECORDS:
        raise unknown("corpus", name, RECORDS)
    record = RECORDS[name]
    if not record.files:
        folder = f"{data_dir or 'DATA_DIR'}/{name}"
        raise InputError(
            f"'{name}' is not fetched: get its files from {record.ask} (licence: "
            f"{record.licence}) and put them into {folder}"
        )
    if data_dir is None:
        raise InputError(f"where to? give a folder with --data-dir or {DATA_DIR_VARIABLE}")
    console = Console()
    console.print(f"{name}: licence {escape(record.licence)}", soft_wrap=True)
    fetched = _with_bar(record, data_dir / name)
    kept = len(record.files) - len(fetched)
    console.print(
        f"{len(fetched)} files fetched, {kept} were there: {escape(str(data_dir / name))}",
        soft_wrap=True,
    )


def _with_bar(record: CorpusRecord, folder: Path) -> tuple[Path, ...]:
    here: dict[str, int] = {}
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    task = bar.add_task("", total=sum(file.size for file in record.files))

    def advance(path: str, size: int) -> None:
        here[path] = size
        bar.update(task, description=escape(path), completed=sum(here.values()))

    with bar:
        return fetch(record, folder, advance=advance)
