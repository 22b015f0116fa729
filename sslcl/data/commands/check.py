"""``python -m sslcl.data check PATH``."""

from dataclasses import replace
from pathlib import Path
from shlex import quote

import click
import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sslcl.command import OneLineCommand, plugin_option
from sslcl.data.corpus import SPLITS, WARNING, with_validation
from sslcl.data.features.text import unknown_words
from sslcl.data.features.text_encoders import DEFAULT_ENCODER
from sslcl.data.folds import fold_scheme
from sslcl.data.formats import format_of, read_noted
from sslcl.data.inspection.fold_leaks import FoldInspection, inspect_folds
from sslcl.data.inspection.inspection import Inspection, inspect, require_usable
from sslcl.data.inspection.picture import draw
from sslcl.data.reading.path_contents import PathContents
from sslcl.errors import InputError


@click.command("check", cls=OneLineCommand)
@click.argument("path", type=click.Path(path_type=Path))
@plugin_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="PNG to draw; NAME-check.png in this folder when left out.",
)
@click.option(
    "--folds",
    metavar="K|COLUMN",
    help="Look at this many folds, or at one for each group, too; as the card says when left out.",
)
def main(path: Path, out: Path | None, folds: str | None) -> None:
    """Check the corpus at PATH, in any known format, and describe it."""
    found = PathContents(path)
    layout = format_of(found)
    corpus = with_validation(read_noted(layout, found))
    require_usable(corpus)
    seen = inspect(corpus)
    console = Console()
    console.print(f"[bold]{escape(corpus.name)}[/bold], in the format '{escape(layout.name)}'")
    for line in (corpus.description, f"licence: {corpus.licence or 'not stated'}"):
        console.print(escape(line))
    for task in corpus.tasks:
        console.print(_class_table(seen, task))
    console.print(_conversation_table(seen))
    console.print(_value_table(seen))
    scheme = fold_scheme(folds) or corpus.folds
    divided = inspect_folds(corpus, scheme) if scheme else None
    if divided:
        console.print(_fold_table(divided, str(scheme)))
        seen = replace(seen, warnings=(*seen.warnings, *divided.warnings))
    doubts = [note for note in corpus.notes if note.startswith(WARNING)]
    for note in (note for note in corpus.notes if note not in doubts):
        console.print(f"note: {escape(note)}")
    unknown = unknown_words(corpus, DEFAULT_ENCODER)
    warnings = (*(doubt.removeprefix(WARNING) for doubt in doubts), *seen.warnings)
    seen = replace(seen, warnings=(*warnings, *((unknown,) if unknown else ())))
    for warning in seen.warnings:
        console.print(f"[yellow]warning:[/yellow] {escape(warning)}")
    picture = out or Path(f"{corpus.name}-check.png")
    _save(seen, picture)
    click.echo(f"picture: {picture}")
    click.echo(
        f"usable, {_number(seen)}; next: python -m study.run quickstart --data {_shown(path)}"
    )


def _save(seen: Inspection, picture: Path) -> None:
    try:
        draw(seen, picture)
    except (OSError, ValueError) as error:
        raise InputError(f"--out {picture}: cannot be drawn: {error}") from None


def _class_table(seen: Inspection, task: str) -> Table:
    counts = seen.corpus.counts(task)
    ratio = f"largest to smallest class in training: {seen.imbalance(task):.1f}"
    table = Table(task, *SPLITS, caption=ratio, caption_justify="left")
    for number, name in enumerate(seen.corpus.task(task).classes):
        cells = [(counts[split][number], sum(counts[split])) for split in SPLITS]
        table.add_row(escape(name), *(f"{count:,} ({count / all_:.1%})" for count, all_ in cells))
    return table


def _conversation_table(seen: Inspection) -> Table:
    table = Table("", *SPLITS)
    for title, values in (
        ("conversations", [f"{len(seen.lengths[s]):,}" for s in SPLITS]),
        ("utterances", [f"{seen.lengths[s].sum():,}" for s in SPLITS]),
        ("utterances each, min / median / max", [_range(seen.lengths[s]) for s in SPLITS]),
        ("speakers each, min / median / max", [_range(seen.speakers[s]) for s in SPLITS]),
        ("different speakers", [f"{_names(seen, s):,}" for s in SPLITS]),
    ):
        table.add_row(title, *values)
    return table


def _range(values: np.ndarray) -> str:
    return f"{values.min()} / {np.median(values):g} / {values.max()}"


def _names(seen: Inspection, split: str) -> int:
    rows = seen.corpus.table
    return int(rows.loc[rows["split"] == split, "speaker"].nunique())


def _fold_table(divided: FoldInspection, scheme: str) -> Table:
    table = Table("conversations by fold", *SPLITS)
    if not scheme.isdigit():
        table.columns[0].header = f"conversations by {escape(scheme)}"
    for fold in divided.folds:
        table.add_row(escape(fold.name), *(f"{len(fold.parts[split]):,}" for split in SPLITS))
    return table


def _value_table(seen: Inspection) -> Table:
    rows = len(seen.corpus.table)
    table = Table("values", "width", "missing", "zero rows", "constant rows")
    for name, count in seen.missing.items():
        table.add_row(escape(name), "", f"{count:,} ({count / rows:.1%})", "", "")
    for name, faults in seen.features.items():
        cells = str(faults.width), "", f"{faults.zero:,}", f"{faults.constant:,}"
        table.add_row(f"features of {escape(name)}", *cells)
    return table


def _number(seen: Inspection) -> str:
    count = len(seen.warnings)
    return f"with {count} warning{'s' * (count > 1)}" if count else "without warnings"


def _shown(path: Path) -> str:
    return quote(str(path))
