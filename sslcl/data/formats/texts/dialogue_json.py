"""The JSON of DialogXL, DAG-ERC, SPCL and CoG-BART: dialogues as lists of utterances."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sslcl.data.corpus import Corpus
from sslcl.data.formats import Format
from sslcl.data.formats.texts._dialogues import (
    EMOTIONS_OF_DAILYDIALOG,
    Dialogues,
    Made,
    Utterance,
    corpus_of_dialogues,
    in_known_names,
    labels_of,
    relabelled,
    split_files,
)
from sslcl.data.published.texts import recorded_corpora
from sslcl.data.reading.path_contents import PathContents
from sslcl.errors import InputError

_NO_LABEL = ("", "-1", "None")
_NONE = "none"
"""No emotion in DailyDialog, which is its neutral class; no label in other corpora."""


class DialogueJson(Format):
    """``train_data.json`` and the like: a list of dialogues, each a list of dictionaries."""

    name = "dialogue_json"
    summary = "JSON of DialogXL, DAG-ERC, SPCL, CoG-BART: lists of text, speaker and label"

    def claims(self, contents: PathContents) -> frozenset[Path]:
        """The JSON files of this structure."""
        return frozenset(file for file, content in contents.json.items() if _fits(content))

    def read(self, contents: PathContents) -> Corpus:
        """Every split that is there."""
        home = split_files(sorted(self.claims(contents)))
        splits: dict[str, Dialogues] = {
            split: {
                f"{split}_{number:04}": _dialogue(file, number, rows)
                for number, rows in enumerate(contents.json[file])
            }
            for split, file in home.items()
        }
        none_is_neutral = labels_of(splits) - {_NONE} <= set(EMOTIONS_OF_DAILYDIALOG) - {"neutral"}
        named, classes = in_known_names(
            relabelled(splits, {_NONE: "neutral" if none_is_neutral else None})
        )
        notes = _none_notes(splits) if none_is_neutral else ()
        layout = "the JSON layout of DialogXL and DAG-ERC"
        return corpus_of_dialogues(
            named, Made(contents.path, layout, recorded_corpora(), classes, notes)
        )


def _none_notes(splits: Mapping[str, Dialogues]) -> tuple[str, ...]:
    rows = [one for dialogues in splits.values() for rows in dialogues.values() for one in rows]
    count = sum(one.label == _NONE for one in rows)
    return (f"{count} utterances with the label 'none' are neutral",) if count else ()


def _fits(content: Any) -> bool:
    if not isinstance(content, list) or not content or not isinstance(content[0], list):
        return False
    first = content[0][0] if content[0] else None
    return isinstance(first, dict) and {"text", "speaker"} <= first.keys()


def _dialogue(file: Path, number: int, rows: Any) -> list[Utterance]:
    if not isinstance(rows, list) or not rows:
        raise InputError(f"{file}: dialogue {number} is not a list of utterances")
    dialogue = []
    for place, row in enumerate(rows):
        if not isinstance(row, dict) or not {"text", "speaker"} <= row.keys():
            raise InputError(
                f"{file}: utterance {place} of dialogue {number} lacks 'text' or 'speaker'"
            )
        label = row.get("label", row.get("emotion"))
        told = None if label is None or str(label) in _NO_LABEL else str(label)
        dialogue.append(Utterance(str(place), str(row["speaker"]), str(row["text"]), told))
    return dialogue
