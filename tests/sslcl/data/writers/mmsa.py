"""MMSA's layout with few, short sequences of the published widths."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np

WIDTHS = {"mosi_mmsa": (5, 20), "mosei": (74, 35), "sims": (33, 709)}
STEPS = {"text": 6, "audio": 9, "vision": 7}
# Clips of each video in the order of the file, and a score for each.
VIDEOS: dict[str, dict[str, dict[str, float]]] = {
    "train": {"v$_1": {"10": 1.5, "2": -0.5, "1": 0.0}, "w": {"0": 3.0, "4": -2.0}},
    "valid": {"x": {"3": 1.0, "1": -1.0}},
    "test": {"y": {"1": 0.0, "0": 0.4}, "z": {"7": -3.0}},
}

Content = dict[str, dict[str, Any]]


def content(corpus: str = "mosi_mmsa", aligned: bool = False) -> Content:
    """What the pickle holds."""
    rng = np.random.default_rng(0)
    return {split: _columns(rng, corpus, aligned, videos) for split, videos in VIDEOS.items()}


def _columns(
    rng: np.random.Generator, corpus: str, aligned: bool, videos: dict[str, dict[str, float]]
) -> dict[str, Any]:
    clips = [
        (video, clip, score) for video, all_of in videos.items() for clip, score in all_of.items()
    ]
    count = len(clips)
    audio, vision = WIDTHS[corpus]
    widths = {"text": 768, "audio": audio, "vision": vision}
    lengths = {name: rng.integers(1, steps + 1, count) for name, steps in STEPS.items()}
    columns: dict[str, Any] = {
        name: np.where(
            np.arange(STEPS[name])[:, None] < lengths[name][:, None, None],
            rng.normal(size=(count, STEPS[name], width)),
            0,
        ).astype(np.float32)
        for name, width in widths.items()
    }
    mask = np.arange(STEPS["text"]) < lengths["text"][:, None]
    scores = np.array([score for *_, score in clips], dtype=np.float32)
    columns |= {
        "id": [f"{video}$_${clip}" for video, clip, _ in clips],
        "raw_text": np.array([f"words of {clip}" for _, clip, _ in clips], dtype=object),
        "text_bert": np.stack([mask * 101.0, mask, mask * 0], axis=1).astype(np.float32),
        "annotations": [("Negative", "Neutral", "Positive")[int(x) + 1] for x in np.sign(scores)],
        "classification_labels": np.sign(scores) + 1,
        "regression_labels": scores,
    }
    if not aligned:
        columns |= {f"{name}_lengths": lengths[name].tolist() for name in ("audio", "vision")}
    return columns


def write(path: Path, what: Content) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        pickle.dump(what, file, protocol=4)
    return path
