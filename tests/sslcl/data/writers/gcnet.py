"""GCNet's pickles: IEMOCAP in six or four classes, CMU-MOSI with scores."""

from collections.abc import Sequence
from typing import Any

DIALOGUES = {
    "train": ("Ses01F_impro01", "Ses02F_impro01"),
    "test": ("Ses05F_impro01",),
}
SCORES = (-2.6, -1.0, 0.0, 0.4, 3.0)


def iemocap(labels: Sequence[int]) -> list[Any]:
    """The list of six; every dialogue has these labels."""
    ids = [one for split in DIALOGUES.values() for one in split]
    count = len(labels)
    return [
        {one: [f"{one}_{n:03}" for n in range(count)] for one in ids},
        {one: list(labels) for one in ids},
        {one: ["F", "M"] * (count // 2) + ["F"] * (count % 2) for one in ids},
        {one: [f"Words number {n}." for n in range(count)] for one in ids},
        set(DIALOGUES["train"]),
        set(DIALOGUES["test"]),
    ]


def mosi(scores: Sequence[float] = SCORES) -> list[Any]:
    """The list of seven; every video has these scores."""
    videos = ("a", "b", "c", "d")
    return [
        {one: [f"{one}_{n}" for n in range(len(scores))] for one in videos},
        {one: list(scores) for one in videos},
        {one: [""] * len(scores) for one in videos},
        {one: [f"Words number {n}." for n in range(len(scores))] for one in videos},
        ["a", "b"],
        ["c"],
        ["d"],
    ]
