"""Writes small files in the layout of MELD's CSV files."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from sslcl.data.formats.tables.meld_csv import EMOTIONS, SENTIMENTS

HEADER = (
    "Sr No.",
    "Utterance",
    "Speaker",
    "Emotion",
    "Sentiment",
    "Dialogue_ID",
    "Utterance_ID",
    "Season",
    "Episode",
    "StartTime",
    "EndTime",
)
FILES = {
    "train": "train_sent_emo.csv",
    "validation": "dev_sent_emo.csv",
    "test": "test_sent_emo.csv",
}
WORDS = ("Oh", "well", "I", "don’t", "know", "what", "you", "mean", "Joey")
Row = dict[str, str]


def clock(seconds: float) -> str:
    """``HH:MM:SS,mmm``."""
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02},{milliseconds:03}"


def rows(dialogues: int, seed: int = 0, longest: int = 5) -> list[Row]:
    """Rows of ``dialogues`` dialogues, their speakers, words, classes and times drawn."""
    rng = np.random.default_rng(seed)
    written: list[Row] = []
    for dialogue in range(dialogues):
        time = float(rng.uniform(0, 1000))
        for number in range(int(rng.integers(1, longest + 1))):
            text = " ".join(rng.choice(WORDS, size=rng.integers(1, 9))) + "."
            end = time + len(text) / 12
            written.append(
                {
                    "Sr No.": str(len(written) + 1),
                    "Utterance": text,
                    "Speaker": str(rng.choice(["Joey", "Monica", "Ross"])),
                    "Emotion": str(rng.choice(EMOTIONS)),
                    "Sentiment": str(rng.choice(SENTIMENTS)),
                    "Dialogue_ID": str(dialogue),
                    "Utterance_ID": str(number),
                    "Season": "3",
                    "Episode": str(dialogue % 20 + 1),
                    "StartTime": clock(time),
                    "EndTime": clock(end),
                }
            )
            time = end + float(rng.uniform(0.1, 2))
    return written


def write_file(path: Path, written: Sequence[Row], header: Sequence[str] = HEADER) -> Path:
    """One split, UTF-8 with CRLF line ends, as published."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, header, quoting=csv.QUOTE_ALL, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(written)
    return path


def write(
    folder: Path, dialogues: Mapping[str, int] | None = None, seed: int = 0
) -> dict[str, list[Row]]:
    """The three files in ``folder``; what was written, by split.

    Args:
        folder: made where it is not there.
        dialogues: by split; 4, 2 and 2 when left out.
        seed: of what is drawn.
    """
    sizes = dialogues or {"train": 4, "validation": 2, "test": 2}
    made = {split: rows(count, seed + i) for i, (split, count) in enumerate(sizes.items())}
    for split, written in made.items():
        write_file(folder / FILES[split], written)
    return made
