"""The sets of real files that readers are tried on: which reader, and what it must find."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class RealSet:
    """Files of one corpus as somebody published them.

    Args:
        folder: below the data folder.
        layout: the format that reads them.
        files: how many files that format claims.
        name: of the corpus.
        licence: begins so; empty where the files state none.
        utterances: by split.
        tasks: their names, the default first.
    """

    folder: str
    layout: str
    files: int
    name: str
    licence: str
    utterances: Mapping[str, int]
    tasks: tuple[str, ...]

    def place(self, data_dir: Path) -> Path:
        """Where it is; the test is skipped where it is not."""
        path = data_dir / self.folder
        if not path.is_dir():
            pytest.skip(f"no folder {path}")
        return path


def _splits(train: int, validation: int, test: int) -> Mapping[str, int]:
    counts = {"train": train, "validation": validation, "test": test}
    return {split: count for split, count in counts.items() if count}


_IEMOCAP = ("emotion", "emotion4", "emotion4_merged")
_MELD = ("emotion", "sentiment")
REAL_SETS = (
    RealSet("mosi", "poria_mosi", 9, "mosi", "none", _splits(1159, 288, 752), ("sentiment",)),
    RealSet("meld", "meld_csv", 3, "meld", "GPL-3.0", _splits(9989, 1109, 2610), _MELD),
    RealSet(
        "published/meld_official_a36f437",
        "meld_csv", 3, "meld", "GPL-3.0", _splits(9989, 1109, 2610), _MELD,
    ),
    RealSet(
        "published/meld_csv_dhriti",
        "meld_csv", 2, "meld", "GPL-3.0", _splits(9989, 0, 2610), ("emotion",),
    ),
    RealSet(
        "published/dd_csv_glp",
        "meld_csv", 3, "dd_csv_glp", "", _splits(216, 37, 38), ("emotion",),
    ),
    RealSet(
        "published/dialogxl_iemocap",
        "dialogue_json", 3, "iemocap", "on request", _splits(6490, 1401, 2196),
        ("emotion", "emotion4_merged"),
    ),
    RealSet(
        "published/emorynlp_json",
        "emorynlp_json", 2, "emorynlp", "Apache-2.0", _splits(1344, 0, 1328), ("emotion",),
    ),
    RealSet(
        "published/dailydialog_todkat",
        "dailydialog_text", 5, "dailydialog", "CC BY-NC-SA 4.0", _splits(8069, 0, 7740),
        ("emotion",),
    ),
    RealSet(
        "published/gcnet",
        "gcnet", 1, "iemocap", "on request", _splits(5163, 647, 1623), _IEMOCAP,
    ),
    RealSet(
        "published/cosmic_labels_iemocap",
        "cosmic_labels", 1, "iemocap", "on request", _splits(5163, 647, 1623), _IEMOCAP,
    ),
    RealSet(
        "published/mintrec1_tsv",
        "mintrec", 3, "mintrec", "MIT", _splits(1334, 445, 445), ("intent", "goal_emotion"),
    ),
)  # fmt: skip
