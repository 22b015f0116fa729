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
from sslcl.errors import InputError, unknown
from sslcl.files import write_whole

PARTS = ("loss", "steps", "products", "padding", "front_door", "platform")
NAMED = {
    "gpu": "gpu",
    "search": "search",
    "statistics": "statistics",
    "factorial": "factorial",
    "costs": "cost_tables",
    "looks": "sequential",
    "fusion": "fusion",
    "compile": "compilation",
    "scale": "scale",
}
"""Parts that run when they are named, and the modules that do it."""
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


@click.command(cls=OneLineCommand)
@click.argument("parts", nargs=-1)
@click.option("--write", is_flag=True, help=f"Write the table to {PAGE.name}.")
def main(parts: Sequence[str], write: bool) -> int:
    """Measure PARTS, all speeds on this machine's CPUs when none is named; exit code 1 when a
    target is missed.

    ``gpu`` measures on a GPU; ``search`` simulates how soon searches find what random search
    finds; ``statistics`` simulates how often tables err, and how much they show; ``factorial``,
    ``costs`` and ``looks`` the same of tables of effects, of costs, and of tables that are judged
    several times; ``scale`` runs a study of ten thousand simulated trials; ``compile`` needs a C++
    compiler.
    """
    for part in parts:
        if part not in (*PARTS, *NAMED):
            raise unknown("part", part, [*PARTS, *NAMED])
        if write and part in NAMED:
            raise InputError(f"--write: {part} is not on the page: expected it without --write")
    lines: list[Figure] = []
    for part in parts or PARTS:
        click.echo(f"measuring {part} ...", err=True)
        lines += importlib.import_module(f"benchmarks.{NAMED.get(part, part)}").figures()
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
