"""MulT's pickles of CMU-MOSI and CMU-MOSEI, told in the columns of MMSA's.

``mosi_data.pkl`` and ``mosei_senti_data.pkl`` hold for each split ``id`` ``(N, 3)`` (video, start,
end), ``text`` ``(N, L, 300)`` by GloVe, ``audio``, ``vision`` and ``labels`` ``(N, 1, 1)``,
which are scores.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np


def is_mult(columns: Mapping[str, Any]) -> bool:
    """Whether a split has scores as ``labels`` and no column of MMSA's labels."""
    return "labels" in columns and not columns.keys() & {"regression_labels", "annotations"}


def as_mmsa(columns: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a split under MMSA's names; clips of a video are numbered by their start."""
    scores = np.asarray(columns["labels"], dtype=np.float32)
    scores = scores.reshape(len(scores), -1)[:, 0]
    rows = [_parts(one) for one in columns["id"]]
    starts: dict[str, list[tuple[float, int]]] = {}
    for row, parts in enumerate(rows):
        starts.setdefault(parts[0], []).append((_seconds(parts), row))
    ids = [""] * len(rows)
    for video, clips in starts.items():
        for number, (_, row) in enumerate(sorted(clips)):
            ids[row] = f"{video}$_${number}"
    return {
        **{name: values for name, values in columns.items() if name != "labels"},
        "id": ids,
        "regression_labels": scores,
        "classification_labels": np.sign(scores) + 1,
    }


def _parts(one: Any) -> list[str]:
    """Video, start and end, which old files hold as bytes."""
    parts = one if isinstance(one, list | tuple | np.ndarray) else [one]
    texts = [x.decode("latin-1") if isinstance(x, bytes) else str(x) for x in parts]
    return texts or [""]


def _seconds(parts: list[str]) -> float:
    try:
        return float(parts[1])
    except (IndexError, ValueError):
        return 0.0
