"""What the readers of plain dialogues share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from sslcl.data.corpus import SPLITS, Corpus, Task
from sslcl.data.published.corpora import RECORDS
from sslcl.data.published.corpora.emorynlp import EMORYNLP
from sslcl.data.published.corpora.iemocap import IEMOCAP
from sslcl.data.published.corpora.meld import MELD, MELD_SENTIMENT
from sslcl.data.published.texts import corpus_of_texts, folder_name
from sslcl.data.reading.split_files import split_named
from sslcl.data.reading.texts import mend
from sslcl.errors import InputError

EMOTIONS_OF_DAILYDIALOG = (
    "neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise",
)  # fmt: skip
"""In the order of the numbers in DailyDialog's own files, 0 being no emotion."""
IEMOCAP_SHORT = dict(zip(("hap", "sad", "neu", "ang", "exc", "fru"), IEMOCAP, strict=True))
"""The classes as IEMOCAP's own files abbreviate them."""
_ORDERS = (IEMOCAP, MELD, EMORYNLP, EMOTIONS_OF_DAILYDIALOG)


class Utterance(NamedTuple):
    """What a file says of one utterance; ``label`` is ``None`` where it is context only."""

    id: str
    speaker: str
    text: str
    label: str | None
    sentiment: str | None = None


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


def in_known_names(splits: Mapping[str, Dialogues]) -> tuple[dict[str, Dialogues], tuple[str, ...]]:
    """Dialogues with the labels spelt as the corpora spell them, and the classes in usual order.

    Returns:
        The dialogues by split; classes are empty where the labels are of no known corpus.
    """
    named: dict[str, Dialogues] = dict(splits)
    if labels_of(splits) <= set(IEMOCAP_SHORT):
        named = relabelled(splits, IEMOCAP_SHORT)
    labels = labels_of(named)
    return named, next((order for order in _ORDERS if labels <= set(order)), ())


def labels_of(splits: Mapping[str, Dialogues]) -> set[str]:
    """All labels that occur."""
    rows = (rows for dialogues in splits.values() for rows in dialogues.values())
    return {one.label for utterances in rows for one in utterances if one.label}


def relabelled(
    splits: Mapping[str, Dialogues], names: Mapping[str, str | None]
) -> dict[str, Dialogues]:
    """Dialogues whose labels are replaced as ``names`` says; others stay."""
    return {
        split: {
            name: [one._replace(label=names.get(one.label or "", one.label)) for one in rows]
            for name, rows in dialogues.items()
        }
        for split, dialogues in splits.items()
    }


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
        (name, one.id, one.speaker, split, one.text, one.label, one.sentiment)
        for split, dialogues in splits.items()
        for name, utterances in dialogues.items()
        for one in utterances
    ]
    columns = ["conversation", "utterance", "speaker", "split", "text", "emotion", "sentiment"]
    table = pd.DataFrame(rows, columns=columns)
    texts = [mend(text) for text in table["text"]]
    known = corpus_of_texts(texts, made.corpora)
    classes = made.classes or tuple(sorted(table["emotion"].dropna().unique()))
    record = RECORDS[known] if known else None
    context = int(table["emotion"].isna().sum())
    tasks = {"emotion": Task("emotion", classes)}
    sentiments = set(table["sentiment"].dropna())
    if sentiments:
        usual = MELD_SENTIMENT if sentiments <= set(MELD_SENTIMENT) else tuple(sorted(sentiments))
        tasks["sentiment"] = Task("sentiment", usual)
    else:
        table = table.drop(columns="sentiment")
    return Corpus(
        name=known or folder_name(made.path),
        table=table,
        features={},
        tasks=tasks,
        description=f"{record.title}; texts." if record else f"Dialogues in {made.layout}.",
        licence=record.licence if record else "",
        notes=(
            *made.notes,
            *notes,
            *((f"{context} utterances have no label; context only",) if context else ()),
        ),
    )
