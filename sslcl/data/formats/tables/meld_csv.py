"""MELD's three CSV files, the dyadic subset's likewise: text, speakers, times and both label sets.

One file a split, with the columns :data:`KEYS`, one of the two label sets, and whichever of the
others there are; conversations and utterances are numbered anew
in each split, so that ids carry it (``train_0059``, ``train_0059_03``). Which file is which split
is told by its numbers of utterances and dialogues, and only where these are no published ones by
the file's name, with a note.

The corpus is called MELD, and has its licence, where a file has a published size or
the texts are MELD's; the layout alone makes a corpus with the folder's name and classes of its own.

Nothing is mended silently; the notes count what was found. Numbers missing within a dialogue stay
gaps. Dialogues that hold the same stretch of an episode with different labels are kept, as is the
order of the utterance numbers where their times run backwards. A blank label makes an utterance
context only. What is done about times is told in :mod:`sslcl.data.features.timing`.
"""

import csv
import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from sslcl.data.corpus import SPLITS, Corpus, Task
from sslcl.data.features.audio import with_audio
from sslcl.data.features.timing import timing_features, timing_notes
from sslcl.data.formats import Format
from sslcl.data.published.corpora.meld import RECORD, SIZES
from sslcl.data.published.texts import are_texts_of, folder_name
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
from sslcl.data.reading.split_files import (
    Published,
    any_published,
    split_named,
    splits_of_files,
)
from sslcl.data.reading.texts import first_lines
from sslcl.errors import InputError

EMOTIONS = SIZES.classes["emotion"]
SENTIMENTS = SIZES.classes["sentiment"]
TASKS = {"emotion": Task("emotion", EMOTIONS), "sentiment": Task("sentiment", SENTIMENTS)}
KEYS = ("Utterance", "Dialogue_ID", "Utterance_ID")
"""Columns by which the layout is recognised."""
_ALL = {*EMOTIONS, *SENTIMENTS}
TIMES = ("StartTime", "EndTime")
DYADIC = "Old_Dialogue_ID"
"""A column that the dyadic subset alone has."""
_SAMPLE = 1 << 14
_CLIP = re.compile(r"dia(\d+)_utt(\d+)")
_LEAST_OF_CLASS = 3
"""Own classes have this many utterances on average, or they are no classes."""
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
        """The CSV files with MELD's numbering columns; the dyadic ones only without the others.

        Ids such as ``27_000``, which CPED has in columns of the same names, are of other layouts.
        """
        headers = {file: header_of(file) for file in contents.of(".csv")}
        ours = {f for f, names in headers.items() if set(KEYS) <= set(names) and _numbered(f)}
        whole = {file for file in ours if DYADIC not in headers[file]}
        return frozenset(whole or ours)

    def read(self, contents: PathContents) -> Corpus:
        """Read every split that is there."""
        raw = {file: read_headed(file, KEYS) for file in sorted(self.claims(contents))}
        dyadic = all(DYADIC in rows for rows in raw.values())
        sizes = {
            file: Published(len(rows), int(rows["Dialogue_ID"].nunique()))
            for file, rows in raw.items()
        }
        published = SUBSET if dyadic else WHOLE
        texts = [text for rows in raw.values() for text in rows["Utterance"]]
        ours = any_published(sizes, published) or are_texts_of("meld", texts)
        home, notes = splits_of_files(sizes, published)
        tasks = _tasks(raw)
        table = pd.concat(
            [_utterances(file, raw[file], split, tasks) for split, file in home.items()],
            ignore_index=True,
        )
        timed = all(set(TIMES) <= set(rows.columns) for rows in raw.values())
        if not timed:
            table = table.drop(columns=["start", "end"], errors="ignore")
        corpus = Corpus(
            name="meld" if ours else folder_name(contents.path),
            table=table.drop(columns=["number", "episode"]),
            features={"timing": timing_features(table)} if timed else {},
            tasks=tasks,
            description=_description(dyadic) if ours else "Dialogues in the layout of MELD's CSV.",
            licence=RECORD.licence if ours else "",
            notes=(
                *(n for n in notes if ours or "as published" not in n),
                *_missing_notes(raw),
                *row_notes(table, table["number"], first=0, tasks=tuple(tasks)),
                *(_count_notes(table, tasks) if ours else ()),
                *(_time_notes(raw, table) if timed else ()),
            ),
        )
        return with_audio(corpus, contents, _clip_id)


def _numbered(file: Path) -> bool:
    """Whether a dialogue of the first rows has a number; true where no row can be read."""
    try:
        rows = [row for row in csv.DictReader(first_lines(file, _SAMPLE)) if row.get(KEYS[1])]
    except csv.Error:
        return True
    return not rows or any(str(row[KEYS[1]]).strip().isdecimal() for row in rows)


def _description(dyadic: bool) -> str:
    return (
        "MELD (Poria et al., ACL 2019), dialogues of the television series Friends, from "
        "its CSV files" + (", the subset of two speakers." if dyadic else ".")
    )


def _tasks(raw: Mapping[Path, pd.DataFrame]) -> dict[str, Task]:
    """The tasks whose column every file has, with MELD's classes or the files' own.

    Raises:
        InputError: when there is none.
    """
    tasks = {}
    for name, known in TASKS.items():
        column = name.capitalize()
        if all(column in rows for rows in raw.values()):
            cells = pd.concat([rows[column] for rows in raw.values()])
            tasks[name] = Task(name, _classes(cells[cells != ""], known.classes))
    if len(tasks) == len(TASKS) and all(set(task.classes) <= _ALL for task in tasks.values()):
        return dict(TASKS)  # One label set in the place of the other is told later.
    if not tasks:
        file, rows = next(iter(raw.items()))
        there = ", ".join(rows.columns)
        raise InputError(
            f"{file} has no column 'Emotion' and none 'Sentiment': has {there}, expected one of "
            "them in every file"
        )
    return tasks


def _classes(cells: pd.Series, known: Sequence[str]) -> tuple[str, ...]:
    """MELD's classes, or the sorted names in the cells where these are others.

    A strange name that occurs once, being the only one or nearly one of MELD's, is a mistake, and
    so are more names than can be classes, which is told later.
    """
    counts = cells[~cells.isin(known)].value_counts()
    mistakes = all(
        count == 1 and (len(counts) == 1 or difflib.get_close_matches(str(name), known))
        for name, count in counts.items()
    )
    many = cells.nunique() > len(cells) / _LEAST_OF_CLASS
    return tuple(known) if mistakes or many else tuple(sorted(cells.unique()))


def _missing_notes(raw: Mapping[Path, pd.DataFrame]) -> Iterator[str]:
    there = [set(rows.columns) for rows in raw.values()]
    for name in (*(task.capitalize() for task in TASKS), *TIMES):
        if not all(name in columns for columns in there):
            yield f"no column '{name}' in every file: left out"
    if not all("Speaker" in columns for columns in there):
        yield "no column 'Speaker' in every file: there a conversation counts as one speaker's"


def _count_notes(table: pd.DataFrame, tasks: Mapping[str, Task]) -> Iterator[str]:
    for name, task in tasks.items():
        if task == TASKS[name]:
            yield from count_notes(table, task, COUNTS[name])


def _time_notes(raw: Mapping[Path, pd.DataFrame], table: pd.DataFrame) -> Iterator[str]:
    yield from short_fractions(*(rows[name] for rows in raw.values() for name in TIMES))
    yield from repeated_notes(table, table["episode"])
    yield from timing_notes(table)


def _utterances(
    path: Path, raw: pd.DataFrame, split: str, tasks: Mapping[str, Task]
) -> pd.DataFrame:
    """The table of one file, by dialogue and utterance number."""
    speaker = raw["Speaker"] if "Speaker" in raw else pd.Series("speaker", raw.index)
    if (speaker == "").any():
        raise cell_error(path, speaker[speaker == ""], "a speaker's name")
    dialogue, number = (whole_numbers(path, raw[name]) for name in ("Dialogue_ID", "Utterance_ID"))
    conversation = PREFIX[split] + "_" + dialogue.astype(str).str.zfill(4)
    timed = set(TIMES) <= set(raw.columns)
    table = pd.DataFrame(
        {
            "conversation": conversation,
            "utterance": conversation + "_" + number.astype(str).str.zfill(2),
            "speaker": speaker,
            "split": split,
            "text": raw["Utterance"],
            **(clock_columns(path, raw, *TIMES) if timed else {}),
            **{
                name: class_names(path, raw[name.capitalize()], task.classes)
                for name, task in tasks.items()
            },
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
