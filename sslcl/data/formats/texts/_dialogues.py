"""What the readers of plain dialogues share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from sslcl.data.corpus import SPLITS, Corpus, Task
from sslcl.data.published.corpora import RECORDS
from sslcl.data.published.texts import are_texts_of, folder_name
from sslcl.data.reading.split_files import split_named
from sslcl.data.reading.texts import mend
from sslcl.errors import InputError


class Utterance(NamedTuple):
    """What a file says of one utterance; ``label`` is ``None`` where it is context only."""

    id: str
    speaker: str
    text: str
    label: str | None


Dialogues = Mapping[str, Sequence[Utterance]]
"""By the id of the dialogue."""


@dataclass(frozen=True)
class Made:
    """Where dialogues are from.

    Args:
        path: of the corpus.
        layout: what it is called where its texts are of no known corpus.
        corpora: names of the corpora whose texts are looked for.
        classes: in the order of their indices; sorted from the labels when empty.
    """

    path: Path
    layout: str
    corpora: Sequence[str]
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def split_files(files: Sequence[Path]) -> dict[str, Path]:
    """The file of each split by its name; a single file may be called anything.

    Raises:
        InputError: when a name tells no split, or two tell the same.
    """
    home: dict[str, Path] = {}
    for file in files:
        split = split_named(file.stem) or ("train" if len(files) == 1 else None)
        if split is None:
            raise InputError(f"{file}: expected 'train', 'dev' or 'test' in its name")
        if split in home:
            raise InputError(f"{home[split]} and {file} both hold the {split} split")
        home[split] = file
    return {split: home[split] for split in SPLITS if split in home}


def corpus_of_dialogues(splits: Mapping[str, Dialogues], made: Made) -> Corpus:
    """The corpus, named after a published one only where its texts are those."""
    missing = [split for split in SPLITS if split not in splits]
    notes = [f"there is no file of the {split} split" for split in missing]
    if "train" in missing and "validation" in splits:
        splits = {"train": splits["validation"], **splits}
        del splits["validation"]
        notes.append("the validation dialogues train, since there are no training dialogues")
    rows = [
        (name, one.id, one.speaker, split, one.text, one.label)
        for split, dialogues in splits.items()
        for name, utterances in dialogues.items()
        for one in utterances
    ]
    columns = ["conversation", "utterance", "speaker", "split", "text", "emotion"]
    table = pd.DataFrame(rows, columns=columns)
    texts = [mend(text) for text in table["text"]]
    known = next((name for name in made.corpora if are_texts_of(name, texts)), None)
    classes = made.classes or tuple(sorted(table["emotion"].dropna().unique()))
    record = RECORDS[known] if known else None
    context = int(table["emotion"].isna().sum())
    return Corpus(
        name=known or folder_name(made.path),
        table=table,
        features={},
        tasks={"emotion": Task("emotion", classes)},
        description=f"{record.title}; texts." if record else f"Dialogues in {made.layout}.",
        licence=record.licence if record else "",
        notes=(
            *made.notes,
            *notes,
            *((f"{context} utterances have no label; context only",) if context else ()),
        ),
    )
