"""``python -m benchmarks.data``: opening a prepared dataset, whatever its size.

Prepares generated conversations at growing sizes in a cache of its own and prints, as Markdown, the
time to open each against the smallest, and against making it anew; all in one run.
"""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import click

from sslcl.data import Dataset, load_dataset
from sslcl.data.loading.prepared import prepared
from sslcl.validation import NoOptions

SIZES = (210, 2_100, 8_400)


def seconds(action: Callable[[], object], repeats: int = 1) -> float:
    """Median wall time of ``action``."""
    found = []
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        found.append(time.perf_counter() - started)
    return median(found)


def never() -> Dataset:
    raise RuntimeError("the dataset was not prepared")


@click.command()
@click.option("--repeats", default=9, show_default=True)
def main(repeats: int) -> None:
    """Print the table."""
    print("| conversations | MB | opening, ms | against the smallest | against making it |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SSLCL_CACHE"] = folder
        mark = Path(folder) / "mark"
        mark.touch()
        first = None
        for size in SIZES:
            started = time.perf_counter()
            dataset = load_dataset("synthetic", {"conversations": size})
            making = time.perf_counter() - started
            name = f"synthetic-{size}"
            prepared(name, NoOptions(), [mark], lambda made=dataset: made)
            opening = seconds(lambda key=name: prepared(key, NoOptions(), [mark], never), repeats)
            first = first or opening
            utterances = sum(len(c) for s in (dataset.train, dataset.validation) for c in s)
            width = sum(dataset.modalities.values())
            print(
                f"| {size:,} | {utterances * width * 4 / 2**20:.1f} | {1000 * opening:.1f} | "
                f"{opening / first:.2f} | {opening / making:.5f} |"
            )


if __name__ == "__main__":
    main()
