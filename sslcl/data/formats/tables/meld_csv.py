"""MELD's three CSV files, the dyadic subset's likewise: text, speakers, times and both label sets.

One file a split, with the columns :data:`COLUMNS`; conversations and utterances are numbered anew
in each split, so that ids carry it (``train_0059``, ``train_0059_03``). Which file is which split
is told by its numbers of utterances and dialogues, and only where these are no published ones by
the file's name, with a note.

Nothing is mended silently; the notes count what was found. Numbers missing within a dialogue stay
gaps. Dialogues that hold the same stretch of an episode with different labels are kept, as is the
order of the utterance numbers where their times run backwards. A blank label makes an utterance
context only. What is done about times is told in :mod:`sslcl.data.features.timing`.
"""

import re
from pathlib import Path

import pandas as pd

from sslcl.data.corpus import SPLITS, Corpus, Task
from sslcl.data.features.audio import with_audio
from sslcl.data.features.timing import timing_features, timing_notes
from sslcl.data.formats import Format
from sslcl.data.published.corpora.meld import RECORD, SIZES
from sslcl.data.reading.clock_times import clock_columns, short_fractions
from sslcl.data.reading.headed_csv import (
    cell_error,
    class_names,
    header_of,
    read_headed,
    whole_numbers,
)
from sslcl.data.reading.notes import count_notes, repeated_notes, row_notes
from sslcl.data.reading.path_contents import PathContents
from sslcl.data.reading.split_files import Published, split_named, splits_of_files

EMOTIONS = SIZES.classes["emotion"]
SENTIMENTS = SIZES.classes["sentiment"]
TASKS = {"emotion": Task("emotion", EMOTIONS), "sentiment": Task("sentiment", SENTIMENTS)}
KEYS = ("Utterance", "Dialogue_ID", "Utterance_ID")
"""Columns by which the layout is recognised."""
COLUMNS = (*KEYS, "Speaker", "Emotion", "Sentiment", "StartTime", "EndTime")
"""Columns that are read."""
DYADIC = "Old_Dialogue_ID"
"""A column that the dyadic subset alone has."""
_CLIP = re.compile(r"dia(\d+)_utt(\d+)")
PREFIX = {"train": "train", "validation": "dev", "test": "test"}

COUNTS = {task: SIZES.counts_by_split(task) for task in TASKS}
"""Published utterances of each class, by task and split."""
WHOLE = {split: Published(SIZES.utterances[split], SIZES.conversations[split]) for split in SPLITS}
SUBSET = {
    "train": Published(12840, 2160),
    "validation": Published(1462, 270),
    "test": Published(3400, 577),
}


class MeldCsv(Format):
    """The CSV files of Poria et al. (ACL 2019), and the clips beside them."""

    name = "meld_csv"
    summary = "MELD's CSV files, one a split: text, speakers, times, emotion and sentiment"

    def claims(self, contents: PathContents) -> frozenset[Path]:
        """The CSV files with MELD's numbering columns; the dyadic ones only without the others."""
        headers = {file: header_of(file) for file in contents.of(".csv")}
        ours = {file for file, names in headers.items() if set(KEYS) <= set(names)}
        whole = {file for file in ours if DYADIC not in headers[file]}
        return frozenset(whole or ours)

    def read(self, contents: PathContents) -> Corpus:
        """Read every split that is there."""
        raw = {file: read_headed(file, COLUMNS) for file in sorted(self.claims(contents))}
        dyadic = all(DYADIC in rows for rows in raw.values())
        sizes = {
            file: Published(len(rows), int(rows["Dialogue_ID"].nunique()))
            for file, rows in raw.items()
        }
        home, notes = splits_of_files(sizes, SUBSET if dyadic else WHOLE)
        table = pd.concat(
            [_utterances(file, raw[file], split) for split, file in home.items()],
            ignore_index=True,
        )
        times = [raw[file][name] for file in raw for name in ("StartTime", "EndTime")]
        corpus = Corpus(
            name="meld",
            table=table.drop(columns=["number", "episode"]),
            features={"timing": timing_features(table)},
            tasks=TASKS,
            description=(
                "MELD (Poria et al., ACL 2019), dialogues of the television series Friends, from "
                "its CSV files" + (", the subset of two speakers." if dyadic else ".")
            ),
            licence=RECORD.licence,
            notes=(
                *notes,
                *row_notes(table, table["number"], first=0, tasks=tuple(TASKS)),
                *short_fractions(*times),
                *(n for t in TASKS for n in count_notes(table, TASKS[t], COUNTS[t])),
                *repeated_notes(table, table["episode"]),
                *timing_notes(table),
            ),
        )
        return with_audio(corpus, contents, _clip_id)


def _utterances(path: Path, raw: pd.DataFrame, split: str) -> pd.DataFrame:
    """The table of one file, by dialogue and utterance number."""
    nameless = raw["Speaker"] == ""
    if nameless.any():
        raise cell_error(path, raw["Speaker"][nameless], "a speaker's name")
    dialogue, number = (whole_numbers(path, raw[name]) for name in ("Dialogue_ID", "Utterance_ID"))
    conversation = PREFIX[split] + "_" + dialogue.astype(str).str.zfill(4)
    table = pd.DataFrame(
        {
            "conversation": conversation,
            "utterance": conversation + "_" + number.astype(str).str.zfill(2),
            "speaker": raw["Speaker"],
            "split": split,
            "text": raw["Utterance"],
            **clock_columns(path, raw, "StartTime", "EndTime"),
            "emotion": class_names(path, raw["Emotion"], EMOTIONS),
            "sentiment": class_names(path, raw["Sentiment"], SENTIMENTS),
            "number": number,
            "dialogue": dialogue,
            "episode": raw.get("Season", "") + " " + raw.get("Episode", ""),
        }
    )
    again = table.duplicated(["dialogue", "number"])
    if again.any():
        what = "each utterance number once in a dialogue"
        raise cell_error(path, raw["Utterance_ID"][again], what)
    return table.sort_values(["dialogue", "number"], kind="stable").drop(columns="dialogue")


def _clip_id(path: Path) -> str | None:
    """The utterance that a clip is of: ``dia3_utt4`` in a folder that is named for its split."""
    match = _CLIP.fullmatch(path.stem)
    split = split_named(*(folder.name for folder in path.parents))
    if match is None or split is None:
        return None
    return f"{PREFIX[split]}_{match[1].zfill(4)}_{match[2].zfill(2)}"
