"""MIntRec's and MIntRec2.0's layouts with few utterances of few frames."""

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

HEADER = ("season", "episode", "clip", "text", "label")
HEADER_2 = (
    *("Dialogue_id", "Utterance_id", "Text", "Label", "Start_timestamp", "End_timestamp"),
    *("Source", "speakername"),
)
Rows = list[list[str]]

SPLITS: dict[str, Rows] = {
    "train": [
        ["S04", "E01", "103", 'he said "stop', "Complain"],
        ["S04", "E01", "21", "it's fine.", "Comfort"],
        ["S05", "E10", "3", "i'm sorry.", "Apologise"],
    ],
    "dev": [["S04", "E02", "103", "could you help?", "Ask for help"]],
    "test": [["S06", "E08", "437", "i'm out.", "Leave"], ["S04", "E01", "22", "no.", "Oppose"]],
}
SPLITS_2: dict[str, Rows] = {
    "train": [
        ["10", "0", "hi.", "Greet", "00:02:19,907", "00:02:22,075", "superstore", "Amy"],
        ["2", "10", "no way.", "Doubt", "01:00:00,500", "01:00:01,000", "superstore", "Jonah"],
        ["2", "9", "hm.", "UNK", "00:59:59,000", "01:00:00,000", "superstore", "Amy"],
    ],
    "dev": [["3", "1", "stop!", "Warn", "00:00:01,000", "00:00:02,000", "friends", "Ross"]],
    "test": [
        ["4", "0", "um.", "UNK", "", "", "friends", "Ross"],
        ["4", "1", "join us.", "Invite", "00:00:01,000", "00:00:02,000", "friends", "Monica"],
    ],
}


def write(folder: Path, splits: Mapping[str, Rows] = SPLITS, features: bool = True) -> Path:
    """MIntRec: tables in the folder, pickles in ``audio_data`` and ``video_data``."""
    keys = [f"{s}_{e}_{c}" for rows in splits.values() for s, e, c, *_ in rows]
    return _write(folder, HEADER, splits, keys if features else [])


def write_2(folder: Path, splits: Mapping[str, Rows] = SPLITS_2, features: bool = True) -> Path:
    """One of MIntRec2.0's folders, such as ``total``."""
    keys = [f"dia{d}_utt{u}" for rows in splits.values() for d, u, *_ in rows]
    return _write(folder, HEADER_2, splits, keys if features else [])


def with_every_intent(
    splits: Mapping[str, Rows], intents: Sequence[str], at: int
) -> dict[str, Rows]:
    """With a training utterance of each intent besides; ``at`` is the column of the label."""
    more = []
    for number, intent in enumerate(intents):
        row = list(splits["train"][0])
        row[at], row[2 if at == 4 else 1] = intent, str(1000 + number)
        more.append(row)
    return {**splits, "train": [*splits["train"], *more]}


def in_scope(splits: Mapping[str, Rows]) -> dict[str, Rows]:
    """Without the utterances that are labelled as out of scope."""
    return {name: [row for row in rows if row[3] != "UNK"] for name, rows in splits.items()}


def frames(keys: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Audio as arrays, video as lists of single rows, as the publisher stores them."""
    rng = np.random.default_rng(len(keys))
    audio = {key: rng.normal(size=(rng.integers(1, 9), 768)).astype(np.float32) for key in keys}
    video = {
        key: list(rng.normal(size=(rng.integers(1, 5), 1, 256)).astype(np.float32)) for key in keys
    }
    return audio, video


def dump(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        pickle.dump(content, file, protocol=4)


def _write(
    folder: Path, header: tuple[str, ...], splits: Mapping[str, Rows], keys: list[str]
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in splits.items():
        lines = ["\t".join(cells) for cells in (header, *rows)]
        (folder / f"{name}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    if keys:
        audio, video = frames(keys)
        dump(folder / "audio_data" / "audio_feats.pkl", audio)
        dump(folder / "video_data" / "video_feats.pkl", video)
    return folder
