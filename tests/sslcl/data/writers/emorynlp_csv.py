"""Writes small files in the layout of EmoryNLP's CSV files with times."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from sslcl.data.formats.tables.emorynlp_csv import SENTIMENT_OF

from . import meld_csv

HEADER = (
    "Utterance",
    "Speaker",
    "Emotion",
    "Scene_ID",
    "Utterance_ID",
    "Season",
    "Episode",
    "Start_Time",
    "End_Time",
)
FILES = {
    "train": "emorynlp_train_final.csv",
    "validation": "emorynlp_dev_final.csv",
    "test": "emorynlp_test_final.csv",
}
SPEAKERS = ("['Ross Geller']", "['Monica Geller', 'Joey Tribbiani']", '["Chandler\'s Dad"]')
Row = dict[str, str]


def rows(scenes: int, season: int, seed: int = 0) -> list[Row]:
    """Rows of ``scenes`` scenes of one season, numbered from 1 and with a gap."""
    rng = np.random.default_rng(seed)
    return [
        {
            "Utterance": row["Utterance"].replace("’", "'"),
            "Speaker": str(rng.choice(SPEAKERS)),
            "Emotion": str(rng.choice(list(SENTIMENT_OF))),
            "Scene_ID": str(int(row["Dialogue_ID"]) + 1),
            "Utterance_ID": str(int(row["Utterance_ID"]) + 1 + (int(row["Utterance_ID"]) > 1)),
            "Season": str(season),
            "Episode": "15",
            "Start_Time": row["StartTime"].replace(",", "."),
            "End_Time": row["EndTime"].replace(",", "."),
        }
        for row in meld_csv.rows(scenes, seed)
    ]


def write_file(path: Path, written: Sequence[Row], header: Sequence[str] = HEADER) -> Path:
    """One split, cells quoted only where they must be, as published."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, header, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(written)
    return path


def write(
    folder: Path, scenes: Mapping[str, int] | None = None, seed: int = 0
) -> dict[str, list[Row]]:
    """The three files in ``folder``; what was written, by split."""
    sizes = scenes or {"train": 4, "validation": 2, "test": 2}
    made = {
        split: rows(count, season=i + 1, seed=seed + i)
        for i, (split, count) in enumerate(sizes.items())
    }
    for split, written in made.items():
        write_file(folder / FILES[split], written)
    return made
