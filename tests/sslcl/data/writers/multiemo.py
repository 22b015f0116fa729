"""MultiEMO's files: a dictionary a modality, and a tuple that is called after the speakers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from . import iemocap_tuple, meld_tuple
from .made_up import Dialogue, write

WIDTHS = {"Text": 768, "Audio": 512, "Visual": 1000}


def files(folder: Path, dialogues: Sequence[Dialogue], corpus: str) -> dict[str, Path]:
    """By name: ``Text``, ``Audio``, ``Visual``, ``Speakers``."""
    made = {
        name: write(
            folder / f"{name}Features.pkl",
            {d.id: np.stack(d.features(width, name)) for d in dialogues},
        )
        for name, width in WIDTHS.items()
    }
    writer = meld_tuple if corpus == "meld" else iemocap_tuple
    made["Speakers"] = write(folder / "Speakers.pkl", tuple(writer.content(dialogues)))
    return made
