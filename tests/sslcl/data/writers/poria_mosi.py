"""Four little videos in the layout of MOSI's release."""

import csv
from pathlib import Path

import numpy as np

from sslcl.data.formats.tables.poria_mosi import WIDTHS

Rows = list[list[str]]

# Video, numbers of its utterances in the order of the file, split.
VIDEOS = (
    ("a_1", (1, 10, 2), "train"),
    ("b", (3, 1), "train"),
    ("c", (2,), "train"),
    ("d", (1, 2), "test"),
)


def write_rows(path: Path, rows: Rows) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)


def write(folder: Path) -> None:
    """Fill a folder with the nine files."""
    rng = np.random.default_rng(0)
    transcripts: Rows = []
    tables: dict[str, Rows] = {}
    for video, numbers, split in VIDEOS:
        for number in numbers:
            label = str(number % 2)
            features = {m: [f"{x:.6g}" for x in rng.normal(size=w)] for m, w in WIDTHS.items()}
            index = [str(len(transcripts)), *features["text"]]
            tables.setdefault(f"text_{split}.csv", []).append(index)
            for modality, x in features.items():
                name = f"{modality}/{modality}_{split}0.csv"
                tables.setdefault(name, []).append([*x, label])
            transcripts.append([f"{video}_{number}", "WELL, I LIKED IT", "7", label])
    write_rows(folder / "transcripts.csv", transcripts)
    for name, rows in tables.items():
        write_rows(folder / name, rows)
