"""M3Net's pair of files."""

from collections.abc import Sequence
from pathlib import Path

from . import cosmic, iemocap_tuple, meld_tuple
from .made_up import Dialogue, write


def files(folder: Path, dialogues: Sequence[Dialogue], corpus: str) -> tuple[Path, Path]:
    """The tuple, and the list of COSMIC."""
    if corpus == "meld":
        fields = meld_tuple.content(dialogues)
    else:
        fields = iemocap_tuple.content(dialogues, iemocap_tuple.WIDTHS[1])
    return (
        write(folder / f"{corpus}_tuple.pkl", tuple(fields)),
        write(folder / "roberta.pkl", cosmic.content(dialogues, corpus)),
    )
