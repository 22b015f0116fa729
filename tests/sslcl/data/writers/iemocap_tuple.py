"""IEMOCAP's tuple of nine, in both widths, ids as sets."""

from collections.abc import Sequence
from typing import Any

from .made_up import Dialogue, ids, speakers

WIDTHS = ((100, 100, 512), (100, 1582, 342))


def content(dialogues: Sequence[Dialogue], widths: tuple[int, int, int] = WIDTHS[0]) -> list[Any]:
    """The fields; a tuple in the file."""
    return [
        {d.id: [f"{d.id}_{n:03}" for n in range(len(d.labels))] for d in dialogues},
        {d.id: speakers(d, "letters") for d in dialogues},
        {d.id: list(d.labels) for d in dialogues},
        *(
            {d.id: d.features(width, name) for d in dialogues}
            for name, width in zip(("text", "audio", "video"), widths, strict=True)
        ),
        {d.id: d.texts for d in dialogues},
        set(ids(dialogues, "train", "validation")),
        set(ids(dialogues, "test")),
    ]
