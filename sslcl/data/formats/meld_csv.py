"""MELD's three CSV files, the dyadic subset's likewise: text, speakers, times and both label sets.

One file a split, with the columns :data:`COLUMNS`; conversations and utterances are numbered anew
in each split, so that ids carry it (``train_0059``, ``train_0059_03``). Which file is which split
is told by its numbers of utterances and dialogues, and only where these are no published ones by
the file's name, with a note.

Nothing is mended silently; the notes count what was found. Numbers missing within a dialogue stay
gaps. Dialogues that hold the same stretch of an episode with different labels are kept, as is the
order of the utterance numbers where their times run backwards. A blank label makes an utterance
context only. What is done about times is told in :mod:`sslcl.data._timing`.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from sslcl.data._clock import clock_seconds, short_fractions
from sslcl.data._headed_csv import cell_error, header_of, read_headed, whole_numbers
from sslcl.data._split_files import Published, splits_of_files
from sslcl.data._timing import timing_features, timing_notes
from sslcl.data.corpus import Corpus, Task
from sslcl.data.formats import Format, Found
from sslcl.errors import unknown

EMOTIONS = ("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger")
SENTIMENTS = ("neutral", "positive", "negative")
TASKS = {"emotion": Task("emotion", EMOTIONS), "sentiment": Task("sentiment", SENTIMENTS)}
KEYS = ("Utterance", "Dialogue_ID", "Utterance_ID")
"""Columns by which the layout is told from others."""
COLUMNS = (*KEYS, "Speaker", "Emotion", "Sentiment", "StartTime", "EndTime")
"""Columns that are read."""
DYADIC = "Old_Dialogue_ID"
"""A column that the dyadic subset alone has."""
PREFIX = {"train": "train", "validation": "dev", "test": "test"}

WHOLE = {
    "train": Published(9989, 1038),
    "validation": Published(1109, 114),
    "test": Published(2610, 280),
}
SUBSET = {
    "train": Published(12840, 2160),
    "validation": Published(1462, 270),
    "test": Published(3400, 577),
}


class MeldCsv(Format):
    """The CSV files of Poria et al. (ACL 2019)."""

    name = "meld_csv"
    summary = "MELD's CSV files, one a split: text, speakers, times, emotion and sentiment"

    def claims(self, found: Found) -> frozenset[Path]:
        """The CSV files with MELD's numbering columns; the dyadic ones only without the others."""
        headers = {file: header_of(file) for file in found.of(".csv")}
        ours = {file for file, names in headers.items() if set(KEYS) <= set(names)}
        whole = {file for file in ours if DYADIC not in headers[file]}
        return frozenset(whole or ours)

    def read(self, found: Found) -> Corpus:
        """Read every split that is there."""
        files = sorted(self.claims(found))
        raw = {file: read_headed(file, COLUMNS) for file in files}
        dyadic = all(DYADIC in rows for rows in raw.values())
        sizes = {
            file: Published(len(rows), int(rows["Dialogue_ID"].nunique()))
            for file, rows in raw.items()
        }
        home, notes = splits_of_files(sizes, SUBSET if dyadic else WHOLE)
        parts = {split: _utterances(home[split], raw[home[split]], split) for split in home}
        table = pd.concat(parts.values(), ignore_index=True)
        raw_rows = pd.concat([raw[home[split]].loc[part.index] for split, part in parts.items()])
        times = (
            table["conversation"].to_numpy(dtype=object),
            table["start"].to_numpy(),
            table["end"].to_numpy(),
            table["text"].tolist(),
        )
        return Corpus(
            name="meld",
            table=table.drop(columns="number"),
            features={"timing": timing_features(*times)},
            tasks=TASKS,
            description=(
                "MELD (Poria et al., ACL 2019), dialogues of the television series Friends, from "
                "its CSV files" + (", the subset of two speakers." if dyadic else ".")
            ),
            licence="GPL-3.0",
            notes=(*notes, *_notes(table, raw_rows), *timing_notes(*times)),
        )


def _utterances(path: Path, raw: pd.DataFrame, split: str) -> pd.DataFrame:
    """The table of one file, by dialogue and utterance number; its index is that of ``raw``."""
    nameless = raw["Speaker"] == ""
    if nameless.any():
        raise cell_error(path, raw["Speaker"][nameless], "a speaker's name")
    dialogue, number = (whole_numbers(path, raw[name]) for name in ("Dialogue_ID", "Utterance_ID"))
    again = pd.DataFrame({"d": dialogue, "u": number}).duplicated()
    if again.any():
        row = raw[again].iloc[0]
        what = f"an utterance number that dialogue {row['Dialogue_ID']} has not had yet"
        raise cell_error(path, raw["Utterance_ID"][again], what)
    conversation = PREFIX[split] + "_" + dialogue.astype(str).str.zfill(4)
    table = pd.DataFrame(
        {
            "conversation": conversation,
            "utterance": conversation + "_" + number.astype(str).str.zfill(2),
            "speaker": raw["Speaker"],
            "split": split,
            "text": raw["Utterance"],
            "start": clock_seconds(path, raw["StartTime"]),
            "end": clock_seconds(path, raw["EndTime"]),
            "emotion": _classes(path, raw["Emotion"], EMOTIONS),
            "sentiment": _classes(path, raw["Sentiment"], SENTIMENTS),
            "number": number,
        }
    )
    order = pd.DataFrame({"d": dialogue, "u": number}).sort_values(["d", "u"], kind="stable").index
    return table.loc[order]


def _classes(path: Path, column: pd.Series, classes: tuple[str, ...]) -> pd.Series:
    """Class names, or nothing where the cell is blank.

    Raises:
        InputError: naming the file, row and nearest class for any other.
    """
    found = column.where(column != "", None)
    wrong = column[found.notna() & ~found.isin(classes)]
    if not wrong.empty:
        where = f"{path}, row {wrong.index[0]}"
        raise unknown(str(column.name).lower(), str(wrong.iloc[0]), classes, where)
    return found


def _notes(table: pd.DataFrame, raw: pd.DataFrame) -> Iterator[str]:
    """What is odd in the files, each in a line with its count."""
    gaps = gaps_of(table["conversation"], table["number"], first=0)
    if gaps:
        yield (
            f"{sum(gaps.values())} utterance numbers are missing in {len(gaps)} dialogues; kept as "
            "gaps"
        )
    if short := sum(short_fractions(raw[name]) for name in ("StartTime", "EndTime")):
        yield f"{short} times have two digits after the second; read as a decimal fraction"
    blank = int((table["text"] == "").sum())
    if blank:
        yield f"{blank} utterances have no words; kept"
    unlabelled = int(table[["emotion", "sentiment"]].isna().any(axis=1).sum())
    if unlabelled:
        yield f"{unlabelled} utterances have no label; context only"
    yield from _repeated(table, raw)


def gaps_of(conversations: pd.Series, numbers: pd.Series, first: int) -> Mapping[str, int]:
    """Numbers missing from ``first`` to the last of each conversation that misses any."""
    grouped = numbers.groupby(conversations)
    missing = grouped.max() - first + 1 - grouped.size()
    return {str(name): int(count) for name, count in missing[missing > 0].items()}


def _repeated(table: pd.DataFrame, raw: pd.DataFrame) -> Iterator[str]:
    """Stretches of one episode that two dialogues hold."""
    if not {"Season", "Episode"} <= set(raw.columns):
        return
    key = table[["split", "start", "end", "text"]].assign(
        season=raw["Season"].to_numpy(), episode=raw["Episode"].to_numpy()
    )
    again = key.duplicated(keep=False) & table["start"].notna()
    twins = table[again].groupby(list(key[again].to_dict("series").values()))["conversation"]
    pairs = sorted({tuple(sorted(set(names))) for _, names in twins if names.nunique() > 1})
    if pairs:
        rows = sum(names.nunique() > 1 for _, names in twins)
        shown = ", ".join(" and ".join(pair) for pair in pairs[:4])
        yield f"{rows} utterances are in two dialogues ({shown}); kept, with the labels of each"
