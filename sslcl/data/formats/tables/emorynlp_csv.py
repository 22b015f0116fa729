"""EmoryNLP's three CSV files with times: text, speakers and emotions of scenes.

One file a split, with the columns :data:`COLUMNS`; a conversation is a scene, called
``sea1_ep15_sc3`` like its clips. Which file is which split is told by its numbers of utterances and
scenes, and only where these are no published ones by the file's name, with a note.

The speaker is a list of names written out. Where several speak at once the first one listed counts,
as in the published features, and the notes count such rows. The sentiment follows from the emotion
(:data:`SENTIMENT_OF`). Only utterances with times are in these files, so that many numbers are
missing; they stay gaps. What is done about times is told in :mod:`sslcl.data.features.timing`.

The corpus is called EmoryNLP, and has its licence, where a file has a published size or the texts
are EmoryNLP's; the layout alone makes a corpus with the folder's name.
"""

import ast
import re
from pathlib import Path

import pandas as pd

from sslcl.data.corpus import SPLITS, Corpus, Task
from sslcl.data.features.audio import with_audio
from sslcl.data.features.timing import timing_features, timing_notes
from sslcl.data.formats import Format
from sslcl.data.published.corpora.emorynlp import RECORD, SIZES
from sslcl.data.published.texts import are_texts_of, folder_name
from sslcl.data.reading.clock_times import clock_columns, short_fractions
from sslcl.data.reading.headed_csv import (
    cell_error,
    class_names,
    header_of,
    read_headed,
    whole_numbers,
)
from sslcl.data.reading.notes import count_notes, row_notes
from sslcl.data.reading.path_contents import PathContents
from sslcl.data.reading.split_files import Published, any_published, splits_of_files

SENTIMENT_OF = {
    "Joyful": "positive",
    "Mad": "negative",
    "Peaceful": "positive",
    "Neutral": "neutral",
    "Sad": "negative",
    "Powerful": "positive",
    "Scared": "negative",
}
"""The emotions in the order of their ids, and the sentiment of each."""
SENTIMENTS = ("negative", "neutral", "positive")
TASKS = {
    "emotion": Task("emotion", tuple(SENTIMENT_OF)),
    "sentiment": Task("sentiment", SENTIMENTS),
}
KEYS = ("Utterance", "Scene_ID", "Utterance_ID")
"""Columns by which the layout is recognised."""
NUMBERS = ("Season", "Episode", "Scene_ID", "Utterance_ID")
TIMES = (("Start_Time", "End_Time"), ("StartTime", "EndTime"))
"""Names of the times in the files, and in their documentation."""
COLUMNS = ("Utterance", "Speaker", "Emotion", *NUMBERS)
"""Columns that are read, besides those of the times."""
COUNTS = SIZES.counts_by_split("emotion")
"""Published utterances of each emotion, by split."""
PUBLISHED = {
    split: Published(SIZES.utterances[split], SIZES.conversations[split]) for split in SPLITS
}
_CLIP = re.compile(r"sea0*(\d+)_ep0*(\d+)_sc0*(\d+)_utt0*(\d+)")
_LONGEST_LIST = 500


class EmoryNlpCsv(Format):
    """The CSV files published with MELD's baselines, and the clips beside them."""

    name = "emorynlp_csv"
    summary = "EmoryNLP's CSV files, one a split: text, speakers, times, emotion and sentiment"

    def claims(self, contents: PathContents) -> frozenset[Path]:
        """The CSV files with EmoryNLP's numbering columns."""
        return frozenset(file for file in contents.of(".csv") if set(KEYS) <= set(header_of(file)))

    def read(self, contents: PathContents) -> Corpus:
        """Read every split that is there."""
        raw = {
            file: read_headed(file, (*COLUMNS, *_times(file)))
            for file in sorted(self.claims(contents))
        }
        sizes = {
            file: Published(len(rows), len(rows[list(NUMBERS[:3])].drop_duplicates()))
            for file, rows in raw.items()
        }
        texts = [text for rows in raw.values() for text in rows["Utterance"]]
        ours = any_published(sizes, PUBLISHED) or are_texts_of("emorynlp", texts)
        home, notes = splits_of_files(sizes, PUBLISHED)
        table = pd.concat(
            [_utterances(file, raw[file], split) for split, file in home.items()],
            ignore_index=True,
        )
        several = int((table["speakers"] > 1).sum())
        if several:
            notes.append(f"{several} utterances have several speakers; the first one listed counts")
        times = [raw[file][name] for file in raw for name in _times(file)]
        corpus = Corpus(
            name="emorynlp" if ours else folder_name(contents.path),
            table=table.drop(columns=["number", "speakers"]),
            features={"timing": timing_features(table)},
            tasks=TASKS,
            description=(
                "EmoryNLP (Zahiri and Choi, 2018), scenes of the television series Friends, from "
                "the CSV files with times."
                if ours
                else "Scenes in the layout of EmoryNLP's CSV."
            ),
            licence=RECORD.licence if ours else "",
            notes=(
                *(note for note in notes if ours or "as published" not in note),
                *row_notes(table, table["number"], first=1, tasks=("emotion",)),
                *(count_notes(table, TASKS["emotion"], COUNTS) if ours else ()),
                *short_fractions(*times),
                *timing_notes(table),
            ),
        )
        return with_audio(corpus, contents, _clip_id)


def first_speaker(cell: str) -> tuple[str, int] | None:
    """The first of the names in a list written out, and how many; ``None`` for anything else."""
    try:
        names = ast.literal_eval(cell) if len(cell) <= _LONGEST_LIST else None
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    if not isinstance(names, list) or not names:
        return None
    ok = all(isinstance(name, str) and name.strip() for name in names)
    return (names[0].strip(), len(names)) if ok else None


def _times(path: Path) -> tuple[str, str]:
    there = header_of(path)
    return next((names for names in TIMES if set(names) <= set(there)), TIMES[0])


def _utterances(path: Path, raw: pd.DataFrame, split: str) -> pd.DataFrame:
    """The table of one file, by season, episode, scene and utterance number."""
    numbers = pd.DataFrame({name: whole_numbers(path, raw[name]) for name in NUMBERS})
    again = numbers.duplicated()
    if again.any():
        what = "each utterance number once in a scene"
        raise cell_error(path, raw["Utterance_ID"][again], what)
    season, episode, scene, number = (numbers[name].astype(str) for name in NUMBERS)
    conversation = "sea" + season + "_ep" + episode + "_sc" + scene
    emotion = class_names(path, raw["Emotion"], tuple(SENTIMENT_OF))
    table = pd.DataFrame(
        {
            "conversation": conversation,
            "utterance": conversation + "_utt" + number,
            **_speakers(path, raw["Speaker"]),
            "split": split,
            "text": raw["Utterance"],
            **clock_columns(path, raw, *_times(path)),
            "emotion": emotion,
            "sentiment": emotion.map(SENTIMENT_OF),
            "number": numbers["Utterance_ID"],
        }
    )
    return table.loc[numbers.sort_values(list(NUMBERS), kind="stable").index]


def _speakers(path: Path, column: pd.Series) -> pd.DataFrame:
    """Columns ``speaker``, the first one listed, and ``speakers``, how many."""
    listed = column.map(first_speaker)
    if listed.isna().any():
        what = "a list of names such as ['Monica Geller']"
        raise cell_error(path, column[listed.isna()], what)
    return pd.DataFrame(listed.tolist(), columns=["speaker", "speakers"], index=column.index)


def _clip_id(path: Path) -> str | None:
    match = _CLIP.fullmatch(path.stem)
    return None if match is None else "sea{}_ep{}_sc{}_utt{}".format(*match.groups())
