"""``python -m benchmarks``: every speed that is promised, measured here and now.

Prints the table and writes it to ``docs/performance.md`` between its two marks. Only ratios of
things that were timed in turns are compared, so that they carry over to other machines.
"""

import importlib
from collections.abc import Sequence
from pathlib import Path

import click

from benchmarks.timing import Figure
from sslcl.command import OneLineCommand
from sslcl.errors import unknown
from sslcl.files import write_whole

PARTS = ("loss", "steps", "front_door", "platform", "fusion")
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


@click.command(cls=OneLineCommand)
@click.argument("parts", nargs=-1)
@click.option("--write", is_flag=True, help=f"Write the table to {PAGE.name}.")
def main(parts: Sequence[str], write: bool) -> int:
    """Measure PARTS, all when none is named; exit code 1 when a target is missed."""
    for part in parts:
        if part not in PARTS:
            raise unknown("part", part, PARTS)
    lines: list[Figure] = []
    for part in parts or PARTS:
        click.echo(f"measuring {part} ...", err=True)
        lines += importlib.import_module(f"benchmarks.{part}").figures()
    table = as_markdown(lines)
    click.echo(table)
    if write:
        page = PAGE.read_text(encoding="utf-8")
        before, _, rest = page.partition(BEGIN)
        _, _, after = rest.partition(END)
        write_whole(PAGE, f"{before}{BEGIN}\n{table}\n{END}{after}")
    return 0 if all(line.holds for line in lines) else 1


def as_markdown(lines: Sequence[Figure]) -> str:
    """A table: what, measured as median and quartiles, target, whether it holds."""
    rows = [
        f"| {line.what} | {line.value} | {line.target} | {'yes' if line.holds else 'no'} |"
        for line in lines
    ]
    return "\n".join(["| what | measured | target | holds |", "|---|---|---|---|", *rows])


if __name__ == "__main__":
    main()
